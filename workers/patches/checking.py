"""The contract of one patch: what every engine owes, tried on it and measured by what its file declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from schemas.patch import Patch
from schemas.states import VerdictStatus
from workers.patches.sounding import onset_lag_s, peak_of, sounding_keys, span_words, tail_s
from workers.patches.studio import Studio, Take, difference_db, keys_of
from workers.patches.tunes import (
    EXPRESSION,
    MODULATION,
    PAN,
    SUSTAIN,
    VOLUME,
    WHEEL_TOP,
    Move,
    Note,
    Tune,
    middle_key,
)
from workers.patches.wanted import Wanted
from workers.verdict import ONSET_LAG_S

#: A sound may begin so much later than its note: 1 ms; and what soundfonts, which declare nothing, are allowed.
_ONSET_S: Final = 0.001
#: ... and so much earlier: rounding, or half of FluidSynth's grid of 64 frames.
_EARLY_FRAMES: Final = {"fluidsynth": 33}
#: A stem's length is a multiple of this.
_GRID_FRAMES: Final = 64
#: Level that a note of velocity 100 has at least.
_PEAK: Final = 0.01
_FIRST_S: Final = 0.5
_REST_S: Final = 0.5
#: Tail that soundfonts are allowed, which declare none.
_TAIL_S: Final = 10.0
_OTHER_RATE_HZ: Final = 48000
_DRUMS: Final = (36, 38, 42)


class Finding(NamedTuple):
    """One law, and whether the patch keeps it."""

    law: str
    ok: bool
    found: str
    limit: str = ""


def check(wanted: Wanted, tell: Callable[[str], object]) -> dict[str, Any]:
    """Try the contract on a patch: {"patch", "ok", "findings"}.

    Raises:
        EngineError: the engine could not load or play it at all.
    """
    patch = wanted.patch
    with Studio(patch) as studio:
        findings = list(_findings(studio, wanted, tell))
    return {
        "patch": patch.name,
        "ok": all(finding.ok for finding in findings),
        "findings": [finding._asdict() for finding in findings],
    }


def _findings(studio: Studio, wanted: Wanted, tell: Callable[[str], object]) -> Iterator[Finding]:
    patch, keys = studio.patch, _keys(wanted)
    tune, other = _rested(patch, keys), wild(keys, drums=patch.is_drum)
    tell("a cold render")
    cold = studio.play(tune)
    yield from _of_one(patch, tune, cold)
    tell("warm renders")
    repeat_db = None if patch.sound is None else patch.sound.repeat_db
    yield _same("warm equals cold", cold, studio.play(tune), repeat_db)
    studio.play(other)
    yield _same("nothing is left of another stem (A-B-A)", cold, studio.play(tune), repeat_db)
    studio.fresh()
    yield _same("two processes agree", cold, studio.play(tune), repeat_db)
    tell(f"another sample rate, {_OTHER_RATE_HZ / 1000:g} kHz")
    yield _onset(patch, tune, studio.play(tune, rate_hz=_OTHER_RATE_HZ))
    if wanted.key_range is not None:
        tell("its keys")
        yield _range(studio, range(wanted.key_range[0], wanted.key_range[1] + 1))


def _keys(wanted: Wanted) -> tuple[int, int]:
    """Return two keys that the patch has."""
    return loud_keys(keys_of(wanted.patch, wanted.key_range), drums=wanted.patch.is_drum)


def loud_keys(keys: Sequence[int], *, drums: bool) -> tuple[int, int]:
    """Return a lower and a higher key of those that there are, in the middle of them; of drums, kick and hi-hat."""
    if drums:
        there = [key for key in _DRUMS if key in keys] or keys
        return there[0], there[-1]
    base = middle_key(keys)
    return base, min(base + 12, keys[-1])


def _rested(patch: Patch, keys: tuple[int, int]) -> Tune:
    """Return a note of half a second at half a second, a rest in which it dies away, and another note."""
    again_s = _FIRST_S + 0.5 + _declared_tail_s(patch) + _REST_S
    return Tune((Note(_FIRST_S, 0.5, keys[0]), Note(again_s, 0.25, keys[1])), drums=patch.is_drum)


def wild(keys: tuple[int, int], *, drums: bool) -> Tune:
    """Return what might leave something behind: controllers, the wheel, and notes under the pedal."""
    moves = tuple(Move(0.0, control, 127) for control in (MODULATION, 2, SUSTAIN, 74, PAN))
    quiet = (Move(0.0, VOLUME, 60), Move(0.0, EXPRESSION, 60), Move(0.0, None, WHEEL_TOP))
    return Tune(tuple(Note(0.01, 0.7, key, 127) for key in sorted(set(keys))), (*moves, *quiet), drums)


def _of_one(patch: Patch, tune: Tune, take: Take) -> Iterator[Finding]:
    """Yield what one render tells."""
    peak = peak_of(take.audio)
    yield Finding("it sounds", peak > _PEAK, f"peak {peak:.3f}", f"more than {_PEAK:g}")
    bad = take.verdict.status in (VerdictStatus.RETRY, VerdictStatus.QUARANTINE)
    yield Finding("the audio check passes", not bad, take.verdict.detail or "nothing found", "no retry, no quarantine")
    yield _onset(patch, tune, take)
    yield _silence(tune, take)
    yield _length(patch, tune, take)


def _onset(patch: Patch, tune: Tune, take: Take) -> Finding:
    lags = [onset_lag_s(take, note.start_s) for note in tune.notes]
    allowed = ONSET_LAG_S if patch.sound is None else _ONSET_S + patch.sound.onset_s
    early_s = _EARLY_FRAMES.get(patch.engine, 1) / take.rate_hz
    ok = all(-early_s <= lag <= allowed for lag in lags)
    found = ", ".join(f"{1000 * lag:.2f} ms" for lag in lags)
    limit = f"{-1000 * early_s:.2f} to {1000 * allowed:g} ms"
    return Finding(f"sound begins with its note at {take.rate_hz / 1000:g} kHz", ok, found, limit)


def _silence(tune: Tune, take: Take) -> Finding:
    """Before the first note, and before the second, there is nothing."""
    parts = [(0.0, tune.notes[0].start_s), (tune.notes[1].start_s - _REST_S / 2, tune.notes[1].start_s)]
    peaks = [peak_of(take.audio[round(start * take.rate_hz) : round(end * take.rate_hz) - 33]) for start, end in parts]
    words = ["nothing" if peak == 0.0 else f"{20 * np.log10(peak):.0f} dBFS" for peak in peaks]
    found = f"{words[0]} before its notes, {words[1]} in a rest"
    return Finding("silence where the MIDI is silent", not any(peaks), found, "nothing")


def _length(patch: Patch, tune: Tune, take: Take) -> Finding:
    tail, allowed = tail_s(take, tune.release_s), _declared_tail_s(patch)
    grid_s = _GRID_FRAMES / take.rate_hz
    fits = -grid_s <= len(take.audio) / take.rate_hz - tune.release_s <= allowed + grid_s
    ok = fits and len(take.audio) % _GRID_FRAMES == 0 and not take.report.tail_cut
    found = f"{len(take.audio)} frames, {tail:.2f} s of tail"
    return Finding("its length is that of its notes and its tail", ok, found, f"at most {allowed:g} s of tail")


def _same(law: str, one: Take, other: Take, repeat_db: float | None) -> Finding:
    apart = difference_db(one.audio, other.audio)
    limit = "bit for bit" if repeat_db is None else f"at most {repeat_db:g} dB apart"
    if apart is None:
        return Finding(law, len(one.audio) == len(other.audio), "equal bit for bit", limit)
    return Finding(law, repeat_db is not None and apart <= repeat_db, f"{apart:.1f} dB apart", limit)


def _range(studio: Studio, keys: Sequence[int]) -> Finding:
    sound = sounding_keys(studio, keys, drums=studio.patch.is_drum)
    silent = [key for key in keys if key not in sound]
    found = f"silent: {span_words(silent)}" if silent else "all sound"
    return Finding("every key of its range sounds", not silent, found, span_words(keys))


def _declared_tail_s(patch: Patch) -> float:
    return _TAIL_S if patch.sound is None else patch.sound.tail_s
