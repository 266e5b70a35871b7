"""Gain staging: the loudness match of every stem, and one common gain that keeps everything under a ceiling.

Gains are decided in steps of 0.0001 dB and applied as float32 factors: what is written down is what was applied, and
no last digit of a logarithm on some machine can change a published sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from schemas.convert import rounding_of
from schemas.mixplan import MixPlan

#: Gains are multiples of this, dB.
GAIN_STEP_DB: Final = 1e-4
_DIGITS: Final = 4
#: Relative error of one float32 operation.
_FLOAT32_EPSILON: Final = 2.0**-24


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The largest values that may be published, 1.0 being full scale."""

    stem: float  #: of a stem before its samples are rounded
    mix: float  #: of the sum of the stems before their samples are rounded


def match_gain_db(loudness_lufs: float | None, plan: MixPlan) -> float:
    """Return the gain that brings a stem to the plan's loudness, dB; 0 for a stem without loudness (silent).

    Below the plan's gate a stem gets the gain of one at the gate: it stays as far below the others as it was below that.
    """
    if loudness_lufs is None:
        return 0.0
    gated_lufs = loudness_lufs if plan.gate_lufs is None else max(loudness_lufs, plan.gate_lufs)
    return round(plan.stem_lufs - gated_lufs, _DIGITS)


def ceiling_for(
    plan: MixPlan, *, bits: int, stems: int, peak_sum: float, overshoot: float = 1.0, dither: bool = False
) -> Ceiling:
    """Return what the sums may reach so that, once rounded, no sample passes the plan's ceiling or full scale.

    Args:
        plan: with the ceiling in dB.
        bits: 16 or 24 for integers, 32 for floats.
        stems: how many stems are summed; each is rounded by up to half a step, by up to one and a half with dither.
        peak_sum: sum of the peaks of all stems after their loudness match: it bounds the rounding of float32 sums.
        overshoot: how much a meter may magnify these roundings: 1 for sample peaks, more for true peaks.
        dither: stems are rounded with triangular dither. Of hundreds of them the errors never all have one sign: beyond
            a quarter of the limit their sum is not feared (less likely than 1e-35 a sample, by Bernstein's bound).
    """
    limit = 10.0 ** (plan.ceiling_db / 20.0)
    rounding = rounding_of(bits, dither=dither)
    if bits < 32:
        scale = 2.0 ** (bits - 1)
        limit = min(math.floor(limit * scale), scale - 1) / scale
    float_error = 2.0 * (stems + 1) * _FLOAT32_EPSILON * peak_sum * overshoot
    # alone, rounding to nearest cannot pass a whole step, and dither can by one at most
    alone = 2.0 / 3.0 * rounding if dither else 0.0
    stem_error = alone if overshoot == 1.0 else rounding * overshoot
    mix_error = stems * rounding * overshoot
    return Ceiling(
        stem=limit * (1.0 - 4.0 * _FLOAT32_EPSILON * overshoot) - stem_error,
        mix=limit - (min(mix_error, 0.25 * limit) if dither else mix_error) - min(float_error, 0.5 * limit),
    )


def common_gain_db(*, mix_peak: float, stem_peaks: Sequence[float], ceiling: Ceiling) -> float:
    """Return the one gain for all stems, dB, at most 0: the largest with which mix and stems stay under the ceiling.

    Args:
        mix_peak: peak of the sum of the stems after their loudness match, linear.
        stem_peaks: peak of each stem after its loudness match, linear.
        ceiling: see `ceiling_for`.
    """
    wanted = [mix_peak / ceiling.mix, *(peak / ceiling.stem for peak in stem_peaks)]
    excess = max(wanted)
    if excess <= 1.0:
        return 0.0
    return round(math.floor(-20.0 * math.log10(excess) / GAIN_STEP_DB) * GAIN_STEP_DB, _DIGITS)


def linear(gain_db: float) -> np.float32:
    """Return the factor that a gain in dB is applied with."""
    return np.float32(10.0 ** (gain_db / 20.0))


def decibels(level: float) -> float | None:
    """Return a linear level in dB relative to full scale, to 0.0001 dB; None for zero."""
    return None if level <= 0.0 else round(20.0 * math.log10(level), _DIGITS)
