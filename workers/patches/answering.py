"""Which of MIDI's controllers an instrument answers to, by playing it with them and without."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workers.patches.sounding import level_db
from workers.patches.studio import RATE_HZ, Audio, Studio, difference_db
from workers.patches.tunes import EXPRESSION, MODULATION, PAN, SUSTAIN, VOLUME, WHEEL_TOP, Move, Note, Tune

_NOTE_S: Final = 1.0
#: A controller of levels changes them by this at least, dB, from 127 to 40: 10 dB on the flattest of curves.
_STEP_DB: Final = 6.0
#: A pedal makes what follows a key's release louder by this at least, dB.
_HELD_DB: Final = 6.0
#: A controller that changes the sound changes it by more than this, relative to the loudest sample, and by more than two
#: renders differ anyway.
_HEARD_DB: Final = -50.0
_ROOM_DB: Final = 6.0
_PANNED_DB: Final = 3.0
#: Bends that are looked for, semitones, and the steps of the search.
_BENDS: Final = 24.0
_STEPS_PER_SEMITONE: Final = 20
_LEAST_BEND: Final = 0.25
_LOWEST_HZ: Final = 40.0
_HIGHEST_HZ: Final = 8000.0
#: A bend range this near to a whole number is that number.
_WHOLE: Final = 0.15
_FAINT: Final = 1e-9


def played_controls(studio: Studio, key: int, repeat_db: float | None, notes: list[str]) -> dict[str, Any]:
    """Return what an instrument plays: {"plays": controls, "bend_range": semitones, where it bends and that is known}."""
    plain = _play(studio, key)
    threshold = _HEARD_DB if repeat_db is None else max(_HEARD_DB, repeat_db + _ROOM_DB)
    plays = []
    if _holds(studio, key):
        plays.append("sustain")
    bend = shift_semitones(plain, _play(studio, key, Move(0.0, None, WHEEL_TOP)), RATE_HZ)
    if abs(bend) >= _LEAST_BEND:
        plays.append("bend")
    for name, control in (("volume", VOLUME), ("expression", EXPRESSION)):
        levels = [level_db(_play(studio, key, Move(0.0, control, value))) for value in (127, 40)]
        if levels[0] - levels[1] > _STEP_DB:
            plays.append(name)
    sides = [_balance_db(_play(studio, key, Move(0.0, PAN, value))) for value in (0, 127)]
    if abs(sides[0] - sides[1]) > _PANNED_DB:
        plays.append("pan")
    apart = difference_db(plain, _play(studio, key, Move(0.0, MODULATION, 127)))
    if apart is not None and apart > threshold:
        plays.append("modulation")
    if "bend" not in plays:
        return {"plays": tuple(plays)}
    if bend < 0:
        notes.append("its wheel turns the wrong way round: no bend is sent to it")
        return {"plays": tuple(name for name in plays if name != "bend")}
    return {"plays": tuple(plays), "bend_range": whole(bend)}


def whole(semitones: float) -> float:
    """Return a bend range as a whole number where it is near to one."""
    nearest = round(semitones)
    return float(nearest) if nearest and abs(semitones - nearest) <= _WHOLE else round(semitones, 2)


def _play(studio: Studio, key: int, *moves: Move) -> Audio:
    drums = studio.patch.is_drum
    return studio.play(Tune((Note(0.02, _NOTE_S, key),), moves, drums)).audio


def _holds(studio: Studio, key: int) -> bool:
    """Whether a pedal lets a note sound on that its key has let go."""
    levels = []
    for value in (0, 127):
        note, up = Note(0.02, 0.2, key), Move(1.5, SUSTAIN, 0)
        take = studio.play(Tune((note,), (Move(0.0, SUSTAIN, value), up), studio.patch.is_drum))
        levels.append(level_db(_between(take.audio, take.rate_hz, 0.5, 1.4)))
    return levels[1] - levels[0] > _HELD_DB


def _between(audio: Audio, rate_hz: int, start_s: float, end_s: float) -> Audio:
    """Return a stretch of audio; zeros where it has ended."""
    frames = round(end_s * rate_hz)
    padded = np.pad(audio, ((0, max(0, frames - len(audio))), (0, 0)))
    return padded[round(start_s * rate_hz) : frames]


def _balance_db(audio: Audio) -> float:
    """Return by how much the left channel is louder than the right, dB, 100 at most."""
    if audio.shape[1] == 1:
        return 0.0
    return float(np.clip(level_db(audio[:, :1]) - level_db(audio[:, 1:]), -100, 100))


def shift_semitones(one: Audio, other: Audio, rate_hz: int) -> float:
    """Return by how many semitones one sound is higher than the other: where their spectra lie best on each other.

    The axis of the spectra is logarithmic, so that a change of pitch moves all partials alike.
    """
    first, second = _log_spectrum(one, rate_hz), _log_spectrum(other, rate_hz)
    reach = round(_BENDS * _STEPS_PER_SEMITONE)
    padded = np.pad(second, (reach, reach))
    match = np.correlate(padded, first, mode="valid")
    if not match.any():
        return 0.0
    best = int(np.argmax(match))
    return (best - reach) / _STEPS_PER_SEMITONE


def _log_spectrum(audio: Audio, rate_hz: int) -> NDArray[np.float64]:
    """Return the spectrum of a note's first second, above its own average, at equal musical steps."""
    mono = _between(audio, rate_hz, 0.1, 0.9).mean(axis=1, dtype=np.float64)
    size = 1 << 17
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), size))
    octaves = np.log2(_HIGHEST_HZ / _LOWEST_HZ)
    steps = np.arange(round(12 * octaves * _STEPS_PER_SEMITONE))
    hz = _LOWEST_HZ * 2 ** (steps / (12 * _STEPS_PER_SEMITONE))
    sampled = np.interp(hz * size / rate_hz, np.arange(len(spectrum)), spectrum)
    levels = np.sqrt(sampled / max(float(sampled.max(initial=0.0)), _FAINT))
    return np.asarray(levels - levels.mean())
