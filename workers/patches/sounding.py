"""What is measured of an instrument by playing it: onsets, tails, the keys that sound, how it repeats itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from workers.audio.levels import SOUND_FLOOR
from workers.patches.studio import Audio, Studio, Take
from workers.patches.tunes import Note, Tune

#: A key is struck for so long when it is asked whether it sounds, and listened to in this time.
_STRIKE_S: Final = 0.25
#: A key sounds that comes within this of the middle one of all keys, dB, and by so much over what was there before it.
_WITHIN_DB: Final = -40.0
_OVER_DB: Final = 6.0
_BEFORE_S: Final = 0.04
#: Longest rest between two keys, for what rings before to die away.
_REST_MAX_S: Final = 2.0
_EVERY: Final = 3
_FAINT: Final = 1e-9


def onset_lag_s(take: Take, start_s: float, *, floor: float = SOUND_FLOOR) -> float:
    """Return how long after a time the sound begins; infinity where none does, negative where there was some before."""
    start = round(start_s * take.rate_hz)
    before = max(0, start - take.rate_hz // 4)
    loud = np.flatnonzero(np.abs(take.audio[before:]).max(axis=1) > floor)
    return float("inf") if not len(loud) else (int(loud[0]) + before - start) / take.rate_hz


def tail_s(take: Take, release_s: float) -> float:
    """Return how long it sounded after the last release."""
    return max(0.0, len(take.audio) / take.rate_hz - release_s)


def level_db(audio: Audio) -> float:
    """Return the root mean square of all samples, dB of full scale."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if audio.size else 0.0
    return 10 * float(np.log10(max(power, _FAINT**2)))


def peak_of(audio: Audio) -> float:
    """Return the largest absolute sample."""
    return float(np.abs(audio).max(initial=0.0))


def sounding_keys(studio: Studio, keys: Sequence[int], *, drums: bool = False) -> list[int]:
    """Return which of the keys sound.

    Every third is tried, then those at the ends of what sounds; of drums each.
    """
    tail = studio.patch.sound.tail_s if studio.patch.sound is not None else _REST_MAX_S
    rest_s = min(tail, _REST_MAX_S) + _BEFORE_S
    if drums:
        return _loud(keys, _peaks(studio, keys, rest_s, drums=True))
    coarse = sorted({*keys[::_EVERY], keys[-1]})
    peaks = _peaks(studio, coarse, rest_s, drums=False)
    found = _loud(coarse, peaks)
    if not found:
        return []
    low, high = found[0], found[-1]
    edges = [key for key in keys if low - _EVERY < key < low or high < key < high + _EVERY]
    if edges:
        peaks |= _peaks(studio, edges, rest_s, drums=False)
        found = _loud(sorted(peaks), peaks)
    tried = {key for key in keys if key in peaks}
    return [key for key in keys if found[0] <= key <= found[-1] and (key not in tried or key in found)]


def _peaks(studio: Studio, keys: Sequence[int], rest_s: float, *, drums: bool) -> dict[int, float]:
    """Return the peak of each key, 0 where it does not stand out of what rings before it."""
    step_s = _STRIKE_S + rest_s
    notes = [Note(_BEFORE_S + place * step_s, _STRIKE_S, key) for place, key in enumerate(keys)]
    take = studio.play(Tune(tuple(notes), drums=drums))
    onset_s = studio.patch.sound.onset_s if studio.patch.sound is not None else 0.0
    peaks = {}
    for note in notes:
        start = round(note.start_s * take.rate_hz)
        own = take.audio[start : start + round((_STRIKE_S + onset_s) * take.rate_hz)]
        rings = take.audio[max(0, start - round(_BEFORE_S * take.rate_hz)) : max(0, start - 64)]
        stands_out = peak_of(own) > 10 ** (_OVER_DB / 20) * peak_of(rings)
        peaks[note.key] = peak_of(own) if stands_out else 0.0
    return peaks


def _loud(keys: Sequence[int], peaks: dict[int, float]) -> list[int]:
    heard = [peak for peak in peaks.values() if peak > 10 * SOUND_FLOOR]
    if not heard:
        return []
    floor = max(10 * SOUND_FLOOR, float(np.median(heard)) * 10 ** (_WITHIN_DB / 20))
    return [key for key in keys if peaks[key] > floor]


def span_words(keys: Sequence[int]) -> str:
    """Return keys as spans: `35-49, 51`."""
    spans: list[list[int]] = []
    for key in keys:
        if spans and key == spans[-1][1] + 1:
            spans[-1][1] = key
        else:
            spans.append([key, key])
    return ", ".join(f"{low}-{high}" if high > low else str(low) for low, high in spans)
