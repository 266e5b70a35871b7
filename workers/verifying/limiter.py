"""The limiter of a mix that was brought to a loudness: there where the plan asks for it, and what it says adds up."""

from __future__ import annotations

from typing import Final

from schemas.annotation import SongAnnotation
from schemas.dataset import ANNOTATION
from schemas.limiter import Limiter
from workers.verifying.report import Code
from workers.verifying.track import TrackCheck

#: The mix is as loud as was asked for, or softer where the limiter would have had to take off more than it may, LU.
TARGET_TOLERANCE_LU: Final = 0.2
#: Most that the limiter takes off, dB, and what rounding adds.
_MOST_DB: Final = 12.1
_SECONDS_TOLERANCE: Final = 1e-3


def check_limiter(track: TrackCheck, song: SongAnnotation) -> None:
    """Check the limiter's record and the loudness of the mix, without audio."""
    target, limiter = track.plan.mix.loudness_lufs, song.mix.limiter
    is_wanted = target is not None and track.plan.output.is_rendered
    if is_wanted != (limiter is not None):
        said = "has no limiter" if limiter is None else "has a limiter"
        track.add(ANNOTATION, Code.GAIN_WRONG, f"the mix {said}, and the plan says otherwise")
        return
    if limiter is None or target is None:
        return
    for message in _wrong(limiter, song.duration_s):
        track.add(ANNOTATION, Code.GAIN_WRONG, f"the limiter of the mix: {message}")
    loudness = song.mix.loudness_lufs
    if loudness is None or song.conversions:
        return
    at_its_end = limiter.least_gain_db < -_MOST_DB + 0.5
    if loudness > target + TARGET_TOLERANCE_LU or (loudness < target - TARGET_TOLERANCE_LU and not at_its_end):
        message = f"the mix has {loudness:.2f} LUFS, and the plan asks for {target:g}"
        track.add(ANNOTATION, Code.GAIN_WRONG, message)


def _wrong(limiter: Limiter, duration_s: float) -> list[str]:
    found = []
    gains = [gain for stretch in limiter.stretches for gain in stretch.gains_db]
    least = min(gains, default=0.0)
    if least != limiter.least_gain_db or least < -_MOST_DB:
        found.append(f"it takes off {-least:g} dB at most, and {-limiter.least_gain_db:g} dB is written down")
    length_s = sum(len(stretch.gains_db) - 1 for stretch in limiter.stretches) * limiter.step_s
    if abs(length_s - limiter.limited_s) > _SECONDS_TOLERANCE:
        found.append(f"its stretches last {length_s:.3f} s, and {limiter.limited_s:.3f} s are written down")
    end_s = 0.0
    for stretch in limiter.stretches:
        last_s = stretch.start_s + (len(stretch.gains_db) - 1) * limiter.step_s
        if stretch.start_s < end_s - _SECONDS_TOLERANCE or last_s > duration_s + limiter.step_s + _SECONDS_TOLERANCE:
            found.append(f"the stretch at {stretch.start_s:.3f} s is not where it can be")
        end_s = last_s
    return found
