"""Mix a song: gains, quantised stems, and their exact sum, streamed slab by slab.

Where a render of the whole song is given, that is the mix, with gains of its own, and it is measured by how much the stems
miss it.

Two passes over the raw stems. The first finds the peak of their sum after the loudness match, in float32, which decides
the common gain. The second applies the gains, rounds every stem to the published integers (half to even; the product
of a float32 sample and a float32 gain is exact in float64), encodes it, and adds the integers: the published stems sum
to the published mix exactly. Float files hold float32 stems, and the float32 nearest to the sum of these.

Where a stem is silent it is neither read nor added nor encoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from schemas.dataset import SLAKH_PATHS, MixResult, StemRecord, TrackPaths
from schemas.errors import FarmError, StoreError
from schemas.plan import MixPlan, OutputPlan
from schemas.whole import WholeMix
from workers.audio.truepeak import MAX_OVERSHOOT, TruePeakMeter
from workers.mixing.gains import Ceiling, ceiling_for, common_gain_db, decibels, linear, match_gain_db
from workers.mixing.stems import SLAB_FRAMES, StemInput, StretchCursor, loudness_in_song
from workers.mixing.submix import Partition, groups_of, submix_records
from workers.mixing.write import Group, write_files

__all__ = ["Gains", "StemInput", "decide_gains", "mix_song"]

#: The length of a song is a multiple of this, as that of every raw stem is.
GRID_FRAMES: Final = 64


class Gains(NamedTuple):
    """What was decided: per stem the whole gain, and the common part of it, dB; and the peak that the mix will have."""

    total_db: list[float]
    common_db: float
    mix_peak: float  #: expected, linear
    whole_db: float | None = None  #: the whole gain of the mix, where it is a render of the whole song


def mix_song(
    stems: Sequence[StemInput],
    plan: MixPlan,
    output: OutputPlan,
    folder: Path,
    *,
    paths: TrackPaths = SLAKH_PATHS,
    min_duration_s: float = 0.0,
    threads: int = 1,
    whole: StemInput | None = None,
    submixes: Sequence[Partition] = (),
) -> MixResult:
    """Write the published stems and the mix of a song into `folder`.

    Args:
        stems: in the order of the song's parts, all of the rate and channels of `output`.
        plan: loudness of stems and ceiling.
        output: form of the files.
        folder: where the files go, at the places that `paths` names; it exists.
        paths: of the layout.
        min_duration_s: the song is at least so long, rounded up to 64 frames; else as long as its longest stem.
        threads: share the writing; more than one only serves where cores have nothing else to do.
        whole: a render of the whole song, which becomes the mix in place of the sum of the stems.
        submixes: recipes, each with the stems of its groups; every group is the exact sum of its stems.

    Raises:
        StoreError: a stem is of another form, or holds samples that are no numbers.
        DiskFullError, OutputError: a file cannot be written; those begun are removed.
        MissingDependencyError: FLAC without libFLAC.
    """
    inputs = [*stems, *([] if whole is None else [whole])]
    _check(inputs, output)
    frames = max(*(stem.reader.frames for stem in inputs), _on_grid(min_duration_s * output.rate_hz))
    loudness = [loudness_in_song(stem, frames) for stem in stems]
    gains = decide_gains(stems, loudness, plan, output, frames=frames, whole=whole)
    groups = groups_of(submixes, [stem.name for stem in stems], output.format)
    gains = _with_room_for(groups, gains, stems, output, frames)
    files, mix, sums = write_files(
        stems,
        [linear(gain_db) for gain_db in gains.total_db],
        output,
        folder,
        paths=paths,
        frames=frames,
        true_peak_floor=_certain_peak(gains.mix_peak, output.bits, len(stems)) if plan.peak == "true" else None,
        threads=threads,
        whole=None if whole is None else (whole, linear(gains.whole_db or 0.0)),
        groups=groups,
    )
    return MixResult(
        frames=frames,
        rate_hz=output.rate_hz,
        channels=output.channels,
        stems=[
            _record(stem, loudness_lufs, loudness_in_song(stem, frames, gain_db), gain_db, output, paths)
            for stem, loudness_lufs, gain_db in zip(stems, loudness, gains.total_db, strict=True)
        ],
        common_gain_db=gains.common_db,
        peak_dbfs=decibels(mix.peak),
        true_peak_dbtp=None if mix.true_peak is None else decibels(mix.true_peak),
        loudness_lufs=mix.loudness_lufs,
        submixes=submix_records(submixes, sums, output.format),
        files=files,
        whole=None
        if whole is None
        else WholeMix(
            loudness_lufs=loudness_in_song(whole, frames),
            gain_db=gains.whole_db or 0.0,
            difference_db=mix.difference_db,
        ),
    )


def decide_gains(
    stems: Sequence[StemInput],
    loudness_lufs: Sequence[float | None],
    plan: MixPlan,
    output: OutputPlan,
    *,
    frames: int,
    whole: StemInput | None = None,
) -> Gains:
    """Match loudness, measure the sum, and find the common gain; a render of the whole song takes the sum's place."""
    if whole is not None:
        return _gains_with_whole(stems, loudness_lufs, plan, output, whole=(whole, loudness_in_song(whole, frames)))
    match_db = [match_gain_db(loudness, plan) for loudness in loudness_lufs]
    peaks = [stem.measured.peak * float(linear(gain_db)) for stem, gain_db in zip(stems, match_db, strict=True)]
    is_true = plan.peak == "true"
    ceiling = ceiling_for(
        plan, bits=output.bits, stems=len(stems), peak_sum=sum(peaks), overshoot=MAX_OVERSHOOT if is_true else 1.0
    )
    sum_peak, sum_true_peak = _sum_peaks(stems, match_db, frames, is_true=is_true)
    common_db = common_gain_db(mix_peak=sum_true_peak if is_true else sum_peak, stem_peaks=peaks, ceiling=ceiling)
    if is_true:
        common_db = min(common_db, _true_peak_gain_db(stems, match_db, peaks, ceiling, common_db))
    total_db = [round(gain_db + common_db, 4) for gain_db in match_db]
    return Gains(total_db, common_db, sum_peak * float(linear(common_db)))


def _gains_with_whole(
    stems: Sequence[StemInput],
    loudness_lufs: Sequence[float | None],
    plan: MixPlan,
    output: OutputPlan,
    *,
    whole: tuple[StemInput, float | None],
) -> Gains:
    """Match the loudness of the whole song as that of a stem: it is bound by the ceiling as the stems are."""
    inputs = [*stems, whole[0]]
    match_db = [match_gain_db(loudness, plan) for loudness in [*loudness_lufs, whole[1]]]
    peaks = [stem.measured.peak * float(linear(gain_db)) for stem, gain_db in zip(inputs, match_db, strict=True)]
    is_true = plan.peak == "true"
    ceiling = ceiling_for(
        plan, bits=output.bits, stems=1, peak_sum=max(peaks), overshoot=MAX_OVERSHOOT if is_true else 1.0
    )
    common_db = common_gain_db(mix_peak=0.0, stem_peaks=peaks, ceiling=ceiling)
    if is_true:
        common_db = min(common_db, _true_peak_gain_db(inputs, match_db, peaks, ceiling, common_db))
    total_db = [round(gain_db + common_db, 4) for gain_db in match_db]
    return Gains(total_db[:-1], common_db, peaks[-1] * float(linear(common_db)), total_db[-1])


def _with_room_for(
    groups: Sequence[Group], gains: Gains, stems: Sequence[StemInput], output: OutputPlan, frames: int
) -> Gains:
    """Lower all gains where the sum of some stems would pass full scale although the sum of all does not."""
    if output.bits == 32:
        return gains
    lower_db = 0.0
    for group in groups:
        members = [(stems[index], gains.total_db[index]) for index in group.members]
        bound = sum(stem.measured.peak * float(linear(gain_db)) for stem, gain_db in members)
        full = ceiling_for(MixPlan(ceiling_db=0.0), bits=output.bits, stems=len(members), peak_sum=bound)
        if bound > full.mix:
            peak, _ = _sum_peaks(
                [stem for stem, _ in members], [gain_db for _, gain_db in members], frames, is_true=False
            )
            lower_db = min(lower_db, common_gain_db(mix_peak=peak, stem_peaks=[], ceiling=full))
    if lower_db == 0.0:
        return gains
    return Gains(
        total_db=[round(gain_db + lower_db, 4) for gain_db in gains.total_db],
        common_db=round(gains.common_db + lower_db, 4),
        mix_peak=gains.mix_peak * float(linear(lower_db)),
        whole_db=None if gains.whole_db is None else round(gains.whole_db + lower_db, 4),
    )


def _on_grid(frames: float) -> int:
    """Round up to a multiple of `GRID_FRAMES`."""
    return math.ceil(frames / GRID_FRAMES) * GRID_FRAMES


def _certain_peak(expected: float, bits: int, stems: int) -> float:
    """Return a level that the mix is certain to reach, all roundings taken off."""
    rounding = 0.0 if bits == 32 else 0.5 * stems / 2.0 ** (bits - 1)
    return max(0.0, expected * (1.0 - 1e-4) - rounding)


def _check(stems: Sequence[StemInput], output: OutputPlan) -> None:
    if not stems:
        raise FarmError("a song without stems cannot be mixed", hint="All its stems were dropped")
    for stem in stems:
        reader = stem.reader
        if (reader.rate_hz, reader.channels) != (output.rate_hz, output.channels):
            raise StoreError(
                f"stem {stem.name} has {reader.rate_hz} Hz and {reader.channels} channels, and the plan wants "
                f"{output.rate_hz} Hz and {output.channels}"
            )
        if reader.frames != stem.measured.frames:
            raise StoreError(f"stem {stem.name} has {reader.frames} frames, and {stem.measured.frames} were measured")
        if stem.measured.nonfinite:
            raise StoreError(f"stem {stem.name} holds {stem.measured.nonfinite} samples that are NaN or infinite")


def _sum_peaks(
    stems: Sequence[StemInput], gains_db: Sequence[float], frames: int, *, is_true: bool
) -> tuple[float, float]:
    """Return the sample peak of the stems' sum after their gains, and its true peak where that is wanted."""
    channels = stems[0].reader.channels
    lanes = [(StretchCursor(stem.reader), linear(gain_db)) for stem, gain_db in zip(stems, gains_db, strict=True)]
    total = np.empty((SLAB_FRAMES, channels), dtype=np.float32)
    scaled = np.empty_like(total)
    meter = TruePeakMeter(channels)
    peak = 0.0
    for start in range(0, frames, SLAB_FRAMES):
        total[:] = 0.0
        for cursor, gain in lanes:
            for first, samples in cursor.take(start, start + SLAB_FRAMES):
                place = total[first - start : first - start + len(samples)]
                np.add(place, np.multiply(samples, gain, out=scaled[: len(samples)]), out=place)
        slab_peak = max(float(total.max()), -float(total.min()))
        peak = max(peak, slab_peak)
        if is_true:
            meter.push(total) if slab_peak else meter.silence()
    return peak, max(peak, meter.peak)


def _true_peak_gain_db(
    stems: Sequence[StemInput],
    gains_db: Sequence[float],
    peaks: Sequence[float],
    ceiling: Ceiling,
    common_db: float,
) -> float:
    """Return the common gain that the true peaks of single stems ask for; only those that might pass are measured."""
    wanted = 0.0
    for stem, gain_db, peak in zip(stems, gains_db, peaks, strict=True):
        if peak * float(linear(common_db)) * MAX_OVERSHOOT > ceiling.stem:
            _, true_peak = _sum_peaks([stem], [gain_db], stem.reader.frames, is_true=True)
            wanted = min(wanted, common_gain_db(mix_peak=0.0, stem_peaks=[true_peak], ceiling=ceiling))
    return wanted


def _record(
    stem: StemInput,
    loudness_lufs: float | None,
    published_lufs: float | None,
    gain_db: float,
    output: OutputPlan,
    paths: TrackPaths,
) -> StemRecord:
    return StemRecord(
        name=stem.name,
        audio=paths.stem_audio(stem.name, output.format),
        silent=loudness_lufs is None,
        gain_db=gain_db,
        loudness_lufs=loudness_lufs,
        published_loudness_lufs=published_lufs,
        peak_dbfs=decibels(_published_peak(stem.measured.peak, gain_db, output.bits)),
    )


def _published_peak(peak: float, gain_db: float, bits: int) -> float:
    """Return the peak of a published stem: gains and rounding keep the order of samples, so its loudest stays so."""
    if bits == 32:
        return float(np.float32(peak) * linear(gain_db))
    scale = 2.0 ** (bits - 1)
    return float(np.rint(float(np.float32(peak)) * float(linear(gain_db)) * scale) / scale)
