"""The first pass of a mix: match loudness, find the peak of the sum, and decide the gains of one mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.convert import rounding_of
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from workers.audio.stemfile import CHUNK_FRAMES, HOP_FRAMES
from workers.audio.truepeak import MAX_OVERSHOOT, TruePeakMeter
from workers.mixing.gains import Ceiling, ceiling_for, common_gain_db, linear, match_gain_db
from workers.mixing.limiter import GainCurve
from workers.mixing.pan import Factor, multiplier
from workers.mixing.stems import SLAB_FRAMES, StemInput, StretchCursor, loudness_in_song
from workers.mixing.write import Group

#: Chunks that may hold the peak of a sum are looked at first: those with the highest bounds.
_FIRST_CHUNKS: Final = 8
#: Most by which a product, or a sum of two, in 32 bits passes what it should be, relatively: half a unit in the last place.
_ROUNDING: Final = 2.0**-24

#: A stem on its way through a pass: where it is, what it is multiplied with, and by which function.
_Lane = tuple[StretchCursor, Factor, Callable[..., NDArray[Any]]]


class Gains(NamedTuple):
    """What was decided: per stem the whole gain, and the common part of it, dB; and the peak that the mix will have."""

    total_db: list[float]
    common_db: float
    mix_peak: float  #: expected, linear
    whole_db: float | None = None  #: the whole gain of the mix, where it is a render of the whole song
    curve: GainCurve | None = None  #: of the limiter, where the mix is brought to a loudness
    power: NDArray[np.float64] | None = (
        None  #: K-weighted, of every hop of the mix before the limiter, where that is known
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
    match_db = matched_db(stems, loudness_lufs, plan)
    peaks = [stem.peak(gain_db) for stem, gain_db in zip(stems, match_db, strict=True)]
    is_true = plan.peak == "true"
    ceiling = ceiling_for(
        plan,
        bits=output.bits,
        stems=len(stems),
        peak_sum=sum(peaks),
        overshoot=MAX_OVERSHOOT if is_true else 1.0,
        dither=output.dither,
    )
    sum_peak = _sum_peak(stems, match_db, frames)
    highest = _sum_true_peak(stems, match_db, frames) if is_true else sum_peak
    common_db = common_gain_db(mix_peak=highest, stem_peaks=peaks, ceiling=ceiling)
    if is_true:
        common_db = min(common_db, _true_peak_gain_db(stems, match_db, peaks, ceiling, common_db))
    total_db = [round(gain_db + common_db, 4) for gain_db in match_db]
    return Gains(total_db, common_db, sum_peak * float(linear(common_db)))


def matched_db(stems: Sequence[StemInput], loudness_lufs: Sequence[float | None], plan: MixPlan) -> list[float]:
    """Return the gain that brings every stem to the plan's loudness, and then to that of its role, dB."""
    return [
        round(match_gain_db(loudness, plan) + stem.place.gain_db, 4)
        for stem, loudness in zip(stems, loudness_lufs, strict=True)
    ]


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
    match_db = matched_db(inputs, [*loudness_lufs, whole[1]], plan)
    peaks = [stem.peak(gain_db) for stem, gain_db in zip(inputs, match_db, strict=True)]
    is_true = plan.peak == "true"
    ceiling = ceiling_for(
        plan,
        bits=output.bits,
        stems=1,
        peak_sum=max(peaks),
        overshoot=MAX_OVERSHOOT if is_true else 1.0,
        dither=output.dither,
    )
    common_db = common_gain_db(mix_peak=0.0, stem_peaks=peaks, ceiling=ceiling)
    if is_true:
        common_db = min(common_db, _true_peak_gain_db(inputs, match_db, peaks, ceiling, common_db))
    total_db = [round(gain_db + common_db, 4) for gain_db in match_db]
    return Gains(total_db[:-1], common_db, peaks[-1] * float(linear(common_db)), total_db[-1])


def with_room_for(
    groups: Sequence[Group], gains: Gains, stems: Sequence[StemInput], output: OutputPlan, frames: int
) -> Gains:
    """Lower all gains where the sum of some stems would pass full scale although the sum of all does not."""
    if output.bits == 32:
        return gains
    lower_db = 0.0
    for group in groups:
        members = [(stems[index], gains.total_db[index]) for index in group.members]
        bound = sum(stem.peak(gain_db) for stem, gain_db in members)
        full = ceiling_for(
            MixPlan(ceiling_db=0.0), bits=output.bits, stems=len(members), peak_sum=bound, dither=output.dither
        )
        if bound > full.mix:
            peak = _sum_peak([stem for stem, _ in members], [gain_db for _, gain_db in members], frames)
            lower_db = min(lower_db, common_gain_db(mix_peak=peak, stem_peaks=[], ceiling=full))
    if lower_db == 0.0:
        return gains
    return Gains(
        total_db=[round(gain_db + lower_db, 4) for gain_db in gains.total_db],
        common_db=round(gains.common_db + lower_db, 4),
        mix_peak=gains.mix_peak * float(linear(lower_db)),
        whole_db=None if gains.whole_db is None else round(gains.whole_db + lower_db, 4),
    )


def certain_peak(expected: float, output: OutputPlan, stems: int) -> float:
    """Return a level that the mix is certain to reach, all roundings taken off."""
    rounding = rounding_of(output.bits, dither=output.dither)
    return max(0.0, expected * (1.0 - 1e-4) - stems * rounding)


def _sum_peak(stems: Sequence[StemInput], gains_db: Sequence[float], frames: int) -> float:
    """Return the sample peak of the stems' sum after their gains.

    Chunks are only added up where the peaks of the single stems come to more than what was found elsewhere: the same peak
    as that of all chunks, bit for bit.
    """
    factors = [stem.factor(gain_db) for stem, gain_db in zip(stems, gains_db, strict=True)]
    bounds = _bounds(stems, factors, frames)
    first = np.sort(np.argsort(bounds, kind="stable")[-_FIRST_CHUNKS:])
    peak = _peak_in(first, stems, factors, bounds, 0.0)
    return _peak_in(np.flatnonzero(bounds > peak), stems, factors, bounds, peak)


def _bounds(stems: Sequence[StemInput], factors: Sequence[Factor], frames: int) -> NDArray[np.float64]:
    """Return what the sum of the stems cannot pass in each chunk, roundings included."""
    chunks = -(-frames // CHUNK_FRAMES)
    total = np.zeros(chunks * (CHUNK_FRAMES // HOP_FRAMES))
    for stem, factor in zip(stems, factors, strict=True):
        peaks = stem.reader.hop_peaks
        total[: len(peaks)] += peaks * float(np.max(factor))
    bounds: NDArray[np.float64] = total.reshape(chunks, -1).max(axis=1)
    return bounds * (1.0 + _ROUNDING * (len(stems) + 1))


def _peak_in(
    chunks: NDArray[np.intp],
    stems: Sequence[StemInput],
    factors: Sequence[Factor],
    bounds: NDArray[np.float64],
    peak: float,
) -> float:
    """Return the peak of the sum in some chunks, in rising order, or `peak` where that is more."""
    lanes = [
        (StretchCursor(stem.reader), factor, multiplier(stem.place))
        for stem, factor in zip(stems, factors, strict=True)
    ]
    total = np.empty((CHUNK_FRAMES, stems[0].reader.channels), dtype=np.float32)
    scaled = np.empty_like(total)
    for chunk in chunks.tolist():
        if bounds[chunk] > peak:
            _add_up(lanes, chunk * CHUNK_FRAMES, total, scaled)
            peak = max(peak, float(total.max()), -float(total.min()))
    for stem in stems:
        stem.reader.release(0, stem.reader.frames)  # of forty stems what a cursor has not yet given back is 80 MB
    return peak


def _sum_true_peak(stems: Sequence[StemInput], gains_db: Sequence[float], frames: int) -> float:
    """Return the true peak of the stems' sum after their gains, or its sample peak where that is more."""
    lanes = [
        (StretchCursor(stem.reader), stem.factor(gain_db), multiplier(stem.place))
        for stem, gain_db in zip(stems, gains_db, strict=True)
    ]
    total = np.empty((SLAB_FRAMES, stems[0].reader.channels), dtype=np.float32)
    scaled = np.empty_like(total)
    meter = TruePeakMeter(stems[0].reader.channels)
    peak = 0.0
    for start in range(0, frames, SLAB_FRAMES):
        _add_up(lanes, start, total, scaled)
        slab_peak = max(float(total.max()), -float(total.min()))
        peak = max(peak, slab_peak)
        meter.push(total) if slab_peak else meter.silence()
    return max(peak, meter.peak)


def _add_up(lanes: Sequence[_Lane], start: int, total: NDArray[np.float32], scaled: NDArray[np.float32]) -> None:
    """Fill `total` with the sum of the stems from frame `start` on; `scaled` is room of the same size."""
    total[:] = 0.0
    for cursor, factor, multiply in lanes:
        for first, samples in cursor.take(start, start + len(total)):
            place = total[first - start : first - start + len(samples)]
            np.add(place, multiply(samples, factor, out=scaled[: len(samples)]), out=place)


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
            true_peak = _sum_true_peak([stem], [gain_db], stem.reader.frames)
            wanted = min(wanted, common_gain_db(mix_peak=0.0, stem_peaks=[true_peak], ceiling=ceiling))
    return wanted
