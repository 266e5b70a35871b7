"""The gain and the limiter that bring a mix to a loudness.

One pass over the stems finds the K-weighted power of their sum and the peaks of all that is published, block by block. Gain
and curve follow from these alone: a gain, the curve that keeps it under the ceiling, the loudness that is left, a gain that
makes up for it, and so on. Where the limiter takes something off, one more pass measures what really is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from workers.audio.meter import LoudnessMeter, hop_frames, integrated_loudness
from workers.audio.truepeak import MAX_OVERSHOOT, TruePeakMeter
from workers.mixing.deciding import Gains, matched_db
from workers.mixing.gains import Ceiling, ceiling_for, linear
from workers.mixing.limited import LimitedPower
from workers.mixing.limiter import STEP_FRAMES, GainCurve, limiting_curve
from workers.mixing.pan import Factor, multiplier
from workers.mixing.stems import SLAB_FRAMES, StemInput, StretchCursor
from workers.mixing.write import Group

#: Most that the limiter takes off: a mix that would need more stays softer than was asked for.
MOST_LIMITED_DB: Final = 12.0
#: Loudness that is near enough, LU.
_NEAR_LU: Final = 0.01
_TURNS: Final = 12
#: True peaks pass the samples that were limited by little: after so many lower thresholds the whole mix gives way.
_TRUE_PEAK_TURNS: Final = 4
_DIGITS: Final = 4

Peaks = NDArray[np.float64]


class _Survey(NamedTuple):
    """What was measured of the stems after their match, before any common gain."""

    peaks: Peaks  #: of every block, relative to what it may reach
    power: NDArray[np.float64]  #: K-weighted, of the mix, of every 100 ms
    hop: int  #: frames of these


class _Measured(NamedTuple):
    """The mix as it comes out, in floats."""

    peak: float
    true_peak: float


def decide_loudness(
    stems: Sequence[StemInput],
    loudness_lufs: Sequence[float | None],
    plan: MixPlan,
    output: OutputPlan,
    *,
    frames: int,
    groups: Sequence[Group] = (),
) -> Gains:
    """Return the gains with which the mix has the plan's loudness, and the curve that keeps it under the ceiling.

    Args:
        stems: in their places.
        loudness_lufs: of the stems.
        plan: with the loudness and the ceiling.
        output: form of the files.
        frames: of the song.
        groups: submixes, which may not pass full scale.
    """
    match_db = matched_db(stems, loudness_lufs, plan)
    is_true = plan.peak == "true"
    bound = sum(stem.peak(gain_db) for stem, gain_db in zip(stems, match_db, strict=True))
    overshoot = MAX_OVERSHOOT if is_true else 1.0
    ceiling = ceiling_for(plan, bits=output.bits, stems=len(stems), peak_sum=bound, overshoot=overshoot)
    full = ceiling_for(MixPlan(ceiling_db=0.0), bits=output.bits, stems=len(stems), peak_sum=bound)
    survey = _surveyed(stems, match_db, frames, ceiling, groups=[] if output.bits == 32 else groups, full=full.mix)
    target = plan.loudness_lufs if plan.loudness_lufs is not None else 0.0
    common_db, curve = _settled(survey, target, output.rate_hz)
    found: _Measured | None = None
    if curve.is_active:
        left = _loudness_left(stems, match_db, common_db, curve, survey, frames)
        missed = 0.0 if left is None else target - left
        common_db, curve = _settled(survey, target + missed, output.rate_hz)
    if is_true:
        common_db, curve, found = _under_true_peak(stems, match_db, survey, (common_db, curve), ceiling, output, frames)
    total_db = [round(gain_db + common_db, _DIGITS) for gain_db in match_db]
    peak = found.peak if is_true and found is not None else 0.0
    return Gains(total_db, common_db, peak, curve=curve, power=survey.power * 10.0 ** (common_db / 10.0))


def _settled(survey: _Survey, target_lufs: float, rate_hz: int, *, threshold: float = 1.0) -> tuple[float, GainCurve]:
    """Return the common gain with which the mix has a loudness behind the limiter, dB, and the limiter's curve."""
    top = float(survey.peaks.max(initial=0.0)) / threshold
    most_db = math.inf if top == 0.0 else MOST_LIMITED_DB - 20.0 * math.log10(top)
    common_db = 0.0
    loudness = integrated_loudness(survey.power)
    for _ in range(_TURNS):
        if loudness is None or abs(target_lufs - loudness) < _NEAR_LU:
            break
        before, common_db = common_db, round(min(common_db + target_lufs - loudness, most_db), _DIGITS)
        curve = _curve(survey, common_db, rate_hz, threshold)
        kept = curve.mean_squares(survey.hop, len(survey.power))
        loudness = integrated_loudness(survey.power * kept * 10.0 ** (common_db / 10.0))
        if before == common_db:
            break
    return common_db, _curve(survey, common_db, rate_hz, threshold)


def _curve(survey: _Survey, common_db: float, rate_hz: int, threshold: float) -> GainCurve:
    return limiting_curve(survey.peaks * (float(linear(common_db)) / threshold), rate_hz)


def _under_true_peak(
    stems: Sequence[StemInput],
    match_db: Sequence[float],
    survey: _Survey,
    decided: tuple[float, GainCurve],
    ceiling: Ceiling,
    output: OutputPlan,
    frames: int,
) -> tuple[float, GainCurve, _Measured]:
    """Lower the limiter's threshold until the true peaks of mix and stems are under the ceiling too."""
    common_db, curve = decided
    threshold = 1.0
    for _ in range(_TRUE_PEAK_TURNS):
        found, excess = _true_excess(stems, match_db, common_db, curve, ceiling, frames)
        if excess <= 1.0:
            return common_db, curve, found
        threshold /= excess * 1.001
        curve = _curve(survey, common_db, output.rate_hz, threshold)
    _, excess = _true_excess(stems, match_db, common_db, curve, ceiling, frames)
    if excess > 1.0:  # the same curve, and all of it lower: true peaks fall with it
        lower_db = math.floor(-20.0 * math.log10(excess * (1.0 + 1e-6)) * 1e4) / 1e4
        common_db = round(common_db + lower_db, _DIGITS)
    return common_db, curve, _measured(stems, match_db, common_db, curve, frames)


def _true_excess(
    stems: Sequence[StemInput],
    match_db: Sequence[float],
    common_db: float,
    curve: GainCurve,
    ceiling: Ceiling,
    frames: int,
) -> tuple[_Measured, float]:
    """Return the mix as it comes out, and by which factor its true peak, or that of a stem, passes the ceiling."""
    found = _measured(stems, match_db, common_db, curve, frames)
    of_stems = max(_true_peaks(stems, match_db, common_db, curve, ceiling), default=0.0)
    return found, max(found.true_peak / ceiling.mix, of_stems / ceiling.stem)


def _true_peaks(
    stems: Sequence[StemInput], match_db: Sequence[float], common_db: float, curve: GainCurve, ceiling: Ceiling
) -> Iterable[float]:
    """Yield the true peaks of single stems; only those that might pass the ceiling are measured."""
    for stem, gain_db in zip(stems, match_db, strict=True):
        if stem.peak(gain_db + common_db) * MAX_OVERSHOOT > ceiling.stem:
            yield _measured([stem], [gain_db], common_db, curve, stem.reader.frames).true_peak


def _lanes(stems: Sequence[StemInput], gains_db: Sequence[float]) -> list[_Lane]:
    return [_Lane(stem, gain_db) for stem, gain_db in zip(stems, gains_db, strict=True)]


class _Lane:
    """One stem on its way through a pass: what sounds of it, multiplied with its gain."""

    def __init__(self, stem: StemInput, gain_db: float) -> None:
        self._cursor = StretchCursor(stem.reader)
        self._gain, self._multiply = stem.factor(gain_db), multiplier(stem.place)
        self._scaled = np.empty((SLAB_FRAMES, stem.reader.channels), dtype=np.float32)

    def take(self, start: int) -> list[tuple[int, NDArray[np.float32]]]:
        """Return (first frame in the slab, samples) of what sounds in the slab that begins at `start`."""
        found = []
        for first, samples in self._cursor.take(start, start + SLAB_FRAMES):
            place = self._scaled[first - start : first - start + len(samples)]
            found.append((first - start, self._multiply(samples, self._gain, out=place)))
        return found


def _surveyed(
    stems: Sequence[StemInput],
    match_db: Sequence[float],
    frames: int,
    ceiling: Ceiling,
    *,
    groups: Sequence[Group],
    full: float,
) -> _Survey:
    """Measure the stems and their sum, with nothing but their match."""
    rate_hz, channels = stems[0].reader.rate_hz, stems[0].reader.channels
    lanes, meter = _lanes(stems, match_db), LoudnessMeter(rate_hz, channels)
    total = np.empty((SLAB_FRAMES, channels), dtype=np.float32)
    peaks = np.zeros(-(-frames // STEP_FRAMES))
    for stem, gain_db in zip(stems, match_db, strict=True):
        sides = stem.place.sides
        known = stem.reader.hop_peaks[None] if sides is None else sides.hop_peaks
        _note_known(peaks, known, stem.factor(gain_db), ceiling.stem)
    for start in range(0, frames, SLAB_FRAMES):
        length = min(SLAB_FRAMES, frames - start)
        blocks = peaks[start // STEP_FRAMES : -(-(start + length) // STEP_FRAMES)]
        runs = [lane.take(start) for lane in lanes]
        for group in groups:
            _note(blocks, _sum(total, [run for index in group.members for run in runs[index]])[:length], full)
        mix = _sum(total, [run for own in runs for run in own])[:length]
        _note(blocks, mix, ceiling.mix)
        meter.write(mix) if any(runs) else meter.silence(length)
    return _Survey(peaks, meter.hop_power(), hop_frames(rate_hz))


def _sum(total: NDArray[np.float32], runs: Iterable[tuple[int, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """Fill a slab with the sum of what sounds in it."""
    total[:] = 0.0
    for first, samples in runs:
        place = total[first : first + len(samples)]
        np.add(place, samples, out=place)
    return total


def _note_known(peaks: Peaks, side_peaks: NDArray[np.float32], factor: Factor, limit: float) -> None:
    """Enter the peaks of a stem after its gain: a hop of the raw one's is a block, and products keep the order."""
    found = np.max(side_peaks * np.reshape(factor, (-1, 1)), axis=0) / limit
    np.maximum(peaks[: len(found)], found, out=peaks[: len(found)])


def _note(blocks: Peaks, samples: NDArray[np.float32], limit: float) -> None:
    """Enter the peaks of a slab, relative to a limit, into those of its blocks."""
    count = -(-len(samples) // STEP_FRAMES)
    magnitude = np.zeros((count * STEP_FRAMES, samples.shape[1]), dtype=np.float32)
    np.abs(samples, out=magnitude[: len(samples)])
    found = magnitude.reshape(count, -1).max(axis=1) / limit
    np.maximum(blocks, found, out=blocks)


def _loudness_left(
    stems: Sequence[StemInput],
    match_db: Sequence[float],
    common_db: float,
    curve: GainCurve,
    survey: _Survey,
    frames: int,
) -> float | None:
    """Return the loudness of the sum behind the limiter, LUFS; only what the limiter changes is measured."""
    rate_hz, channels = stems[0].reader.rate_hz, stems[0].reader.channels
    lanes = _lanes(stems, [round(gain_db + common_db, _DIGITS) for gain_db in match_db])
    power = LimitedPower(curve, rate_hz, channels)
    total = np.empty((SLAB_FRAMES, channels), dtype=np.float32)
    for start in range(0, frames, SLAB_FRAMES):
        stop = min(start + SLAB_FRAMES, frames)
        if power.hears(start, stop):
            mix = _sum(total, [run for lane in lanes for run in lane.take(start)])[: stop - start]
            factors = curve.of(start, len(mix))
            if factors is not None:
                np.multiply(mix, factors.astype(np.float32), out=mix)
            power.take(start, mix)
    return integrated_loudness(power.power(survey.power * 10.0 ** (common_db / 10.0)))


def _measured(
    stems: Sequence[StemInput],
    match_db: Sequence[float],
    common_db: float,
    curve: GainCurve,
    frames: int,
) -> _Measured:
    """Return the peaks of the sum of some stems behind the limiter."""
    channels = stems[0].reader.channels
    lanes = _lanes(stems, [round(gain_db + common_db, _DIGITS) for gain_db in match_db])
    true = TruePeakMeter(channels)
    total, peak = np.empty((SLAB_FRAMES, channels), dtype=np.float32), 0.0
    for start in range(0, frames, SLAB_FRAMES):
        mix = _sum(total, [run for lane in lanes for run in lane.take(start)])[: min(SLAB_FRAMES, frames - start)]
        factors = curve.of(start, len(mix))
        if factors is not None:
            np.multiply(mix, factors.astype(np.float32), out=mix)
        peak = max(peak, float(mix.max()), -float(mix.min()))
        true.push(mix)
    true.silence()
    return _Measured(peak, max(peak, true.peak))
