"""Mix a song: gains, quantised stems, and their exact sum, streamed slab by slab.

Where a render of the whole song is given, that is the mix, with gains of its own, and it is measured by how much the stems
miss it.

Where the plan asks for a loudness of the mix, a limiter's curve multiplies all stems alike, so that they still sum to it.

Two passes over the raw stems. The first finds the peak of their sum after the loudness match, in float32, which decides
the common gain. The second applies the gains, rounds every stem to the published integers (half to even; the product
of a float32 sample and a float32 gain is exact in float64), encodes it, and adds the integers: the published stems sum
to the published mix exactly. Float files hold float32 stems, and the float32 nearest to the sum of these.

Where a stem is silent it is neither read nor added nor encoded. With dither noise is added to what sounds of a stem before
it is rounded; the integers are summed all the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from schemas.dataset import SLAKH_PATHS, MixResult, StemRecord, TrackPaths
from schemas.errors import FarmError, StoreError
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from schemas.roles import Stand
from schemas.whole import WholeMix
from workers.audio.levels import SOUND_FLOOR, active_regions
from workers.audio.stemfile import HOP_FRAMES
from workers.mixing.deciding import Gains, certain_peak, decide_gains, with_room_for
from workers.mixing.gains import decibels, linear
from workers.mixing.lanes import Heard
from workers.mixing.loudness import decide_loudness
from workers.mixing.others import OtherOrder, decide_others, in_places, other_files, other_records
from workers.mixing.pan import Sides
from workers.mixing.stems import StemInput, loudness_in_place, loudness_in_song, peaks_of
from workers.mixing.submix import Partition, groups_of, submix_records
from workers.mixing.write import write_files

__all__ = ["Gains", "OtherOrder", "StemInput", "decide_gains", "mix_song"]

#: The length of a song is a multiple of this, as that of every raw stem is.
GRID_FRAMES: Final = 64


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
    stands: Mapping[str, Stand] | None = None,
    others: Sequence[OtherOrder] = (),
    copy: Path | None = None,
    key: tuple[int, str] = (0, ""),
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
        stands: gain and pan of stems by name, on top of the loudness match; the others stay as they are.
        others: other mixes of the same stems, each published beside the song's own.
        copy: a file for the samples of the mix as float32, see `workers.audio.floats`.
        key: seed of the plan and hash of the song, from which dither is drawn.

    Raises:
        StoreError: a stem is of another form, or holds samples that are no numbers.
        DiskFullError, OutputError: a file cannot be written; those begun are removed.
        MissingDependencyError: FLAC without libFLAC.
    """
    inputs = [*stems, *([] if whole is None else [whole])]
    _check(inputs, output)
    frames = max(*(stem.reader.frames for stem in inputs), _on_grid(min_duration_s * output.rate_hz))
    loudness = [loudness_in_song(stem, frames) for stem in stems]
    sides: dict[str, Sides] = {}
    beside = decide_others(others, stems, loudness, output, frames=frames, sides=sides)
    if stands:
        stems = in_places(stems, stands, sides)
    groups = groups_of(submixes, [stem.name for stem in stems], output.format)
    if plan.loudness_lufs is None:
        gains = decide_gains(stems, loudness, plan, output, frames=frames, whole=whole)
        gains = with_room_for(groups, gains, stems, output, frames)
    else:
        gains = decide_loudness(stems, loudness, plan, output, frames=frames, groups=groups)
    curve = gains.curve if gains.curve is not None and gains.curve.is_active else None
    factors = [stem.factor(gain_db) for stem, gain_db in zip(stems, gains.total_db, strict=True)]
    files, mix, sums, mixes, heard, stem_peaks = write_files(
        stems,
        factors,
        output,
        folder,
        paths=paths,
        frames=frames,
        true_peak_floor=certain_peak(gains.mix_peak, output, len(stems)) if plan.peak == "true" else None,
        threads=threads,
        whole=None if whole is None else (whole, linear(gains.whole_db or 0.0)),
        groups=groups,
        others=other_files(beside, output),
        curve=curve,
        power=gains.power,
        copy=copy,
        key=key,
    )
    peaks = peaks_of(stems, gains.total_db, output, stem_peaks)
    return MixResult(
        frames=frames,
        rate_hz=output.rate_hz,
        channels=output.channels,
        stems=[
            _record(stem, loudness_lufs, gain_db, peak, output, paths, frames, as_heard)
            for stem, loudness_lufs, gain_db, peak, as_heard in zip(
                stems, loudness, gains.total_db, peaks, heard, strict=True
            )
        ],
        common_gain_db=gains.common_db,
        peak_dbfs=decibels(mix.peak),
        true_peak_dbtp=None if mix.true_peak is None else decibels(mix.true_peak),
        loudness_lufs=mix.loudness_lufs,
        submixes=submix_records(submixes, sums, output.format),
        mixes=other_records(beside, mixes, None if curve is not None else factors, output, frames),
        files=files,
        limiter=None if gains.curve is None else gains.curve.record(output.rate_hz),
        whole=None
        if whole is None
        else WholeMix(
            loudness_lufs=loudness_in_song(whole, frames),
            gain_db=gains.whole_db or 0.0,
            difference_db=mix.difference_db,
        ),
    )


def unrendered(output: OutputPlan, *, duration_s: float) -> MixResult:
    """Return the mix of a song of which no audio is wanted: its length, and nothing that sounds."""
    return MixResult(
        frames=_on_grid(duration_s * output.rate_hz),
        rate_hz=output.rate_hz,
        channels=output.channels,
        stems=[],
        common_gain_db=0.0,
        peak_dbfs=None,
        true_peak_dbtp=None,
        loudness_lufs=None,
        files=[],
    )


def _on_grid(frames: float) -> int:
    """Round up to a multiple of `GRID_FRAMES`."""
    return math.ceil(frames / GRID_FRAMES) * GRID_FRAMES


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
        if len(reader.hop_peaks) != -(-reader.frames // HOP_FRAMES):
            raise StoreError(f"stem {stem.name} has no peaks with it", hint="Remove it; it is rendered again")
        if stem.measured.nonfinite:
            raise StoreError(f"stem {stem.name} holds {stem.measured.nonfinite} samples that are NaN or infinite")


def _record(
    stem: StemInput,
    loudness_lufs: float | None,
    gain_db: float,
    peak: float,
    output: OutputPlan,
    paths: TrackPaths,
    frames: int,
    heard: Heard | None,
) -> StemRecord:
    """Return what is known of a published stem; `heard` is what was measured of it where it went through a limiter."""
    place, sides = stem.place, stem.place.sides
    regions = stem.measured.active_regions if stem.effects else None
    if sides is not None:  # what sounds on the side that it was moved away from, may be heard no more
        hop_peaks = np.max(sides.hop_peaks * np.array(place.balance, np.float32)[:, None], axis=0)
        regions = active_regions(hop_peaks, frames=stem.reader.frames, rate_hz=output.rate_hz)
    published_lufs = loudness_in_place(stem, frames, gain_db)
    if heard is not None:
        floor = SOUND_FLOOR * float(linear(gain_db))
        regions = active_regions(heard.hop_peaks, frames=stem.reader.frames, rate_hz=output.rate_hz, floor=floor)
        peak, published_lufs = heard.peak, heard.loudness_lufs
    return StemRecord(
        name=stem.name,
        audio=paths.stem_audio(stem.name, output.format) if output.has_stems else None,
        silent=loudness_lufs is None,
        gain_db=gain_db,
        loudness_lufs=loudness_lufs,
        published_loudness_lufs=published_lufs,
        peak_dbfs=decibels(peak),
        role_gain_db=place.gain_db,
        pan=place.pan,
        balance=None if sides is None else place.balance,
        effects=list(stem.effects),
        active_regions=regions,
    )
