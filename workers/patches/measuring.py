"""Measures what a patch file says of a plug-in: what a stem leaves behind, how late it is, how long it sounds, what it plays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

from schemas.errors import AssetError
from schemas.patch import Control, Patch
from schemas.patchfile import PatchFile
from workers.engines.patchprobe import probe_patches
from workers.patches.answering import played_controls
from workers.patches.checking import loud_keys, wild
from workers.patches.sounding import onset_lag_s, peak_of, sounding_keys, tail_s
from workers.patches.studio import Studio, Take, difference_db, keys_of
from workers.patches.tunes import Note, Tune, melody

#: How long a loud note may take to come within so much of its peak; beyond it, the attack is declared. (dB, seconds): what
#: `workers.verifying.onsets` allows any instrument.
_RISE: Final = ((80.0, 0.05), (60.0, 0.15), (40.0, 0.3))
#: Later than this a sound begins late, seconds.
_LATE_S: Final = 0.001
#: Room above what was measured: of tails, as a share; of differences, dB.
_TAIL_ROOM: Final = 0.1
_APART_ROOM_DB: Final = 3.0
_NOISE_FLATNESS: Final = 0.5
_NOTE_S: Final = 1.0
_MIDDLE: Final = 60
#: What only the instrument can play; volume, expression and pan the farm does as well, on the audio.
_OWN: Final[tuple[Control, ...]] = ("sustain", "bend", "modulation")


def measure(file: PatchFile, tell: Callable[[str], object]) -> dict[str, Any]:
    """Play a plug-in and return its patch file with what was found: {"file": PatchFile, "notes": [words]}.

    Raises:
        AssetError: no key of it sounds.
        EngineError: the engine could not load or play it.
    """
    patch = probe_patches({file.name: file})[file.name]
    notes: list[str] = []
    with Studio(_with(patch, plays=get_args(Control))) as studio:
        tell("which keys sound")
        keys = sounding_keys(studio, keys_of(patch, None), drums=patch.is_drum)
        if not keys:
            raise AssetError(
                f"no key of {patch.asset.name} sounds", hint="Choose a program, a preset or parameters that sound"
            )
        tell("tails and attacks")
        changes = _shape(studio, keys, notes)
        tell("what a stem leaves behind")
        studio.patch = _with(studio.patch, **changes)
        changes |= _leaves(studio, keys, notes)
        tell("what it plays of MIDI's controllers")
        studio.patch = _with(studio.patch, **{**changes, "plays": get_args(Control), "leaves": "instance"})
        found = played_controls(studio, _middle(keys), changes.get("repeat_db"), notes)
        changes |= {**found, "plays": _kept(found["plays"], changes.get("plays"), notes)}
    settings = file.settings.model_copy(update=changes)
    made = file.model_copy(
        update={
            "settings": settings,
            "key_range": None if patch.is_drum else (keys[0], keys[-1]),
            "sha256": patch.asset.sha256,
            "licence": patch.asset.licence,
        }
    )
    return {"file": made.model_dump(mode="json", exclude_defaults=True), "keys": keys, "notes": notes}


def _kept(plays: Sequence[Control], sent: Sequence[Control] | None, notes: list[str]) -> tuple[Control, ...]:
    """Return what is sent to the plug-in of what it plays."""
    dropped = [control for control in plays if sent is not None and control not in sent]
    if dropped:
        notes.append(f"{' and '.join(dropped)} would be left for the next stem: the farm does that on the audio")
    return tuple(control for control in plays if control not in dropped)


def _with(patch: Patch, **changes: Any) -> Patch:
    return patch.model_copy(update={"settings": patch.settings.model_copy(update=changes)})


def _middle(keys: Sequence[int]) -> int:
    return min(keys, key=lambda key: abs(key - _MIDDLE))


def _shape(studio: Studio, keys: Sequence[int], notes: list[str]) -> dict[str, Any]:
    """Return tail, attack and noise, from loud and soft notes of low, middle and high keys."""
    some = sorted({keys[0], _middle(keys), keys[-1]})
    takes = [studio.play(_note(studio, key, velocity)) for key in some for velocity in (127, 40)]
    tail = max(tail_s(take, _NOTE_S) for take in takes)
    if any(take.report.tail_cut for take in takes):
        notes.append(f"a note of it sounded on for {tail:.0f} s, and was cut there")
    lag_s = max(_attack_s(take) for take in takes)
    middle = takes[len(takes) // 2].measured
    found: dict[str, Any] = {"tail_s": max(0.1, math.ceil(10 * tail * (1 + _TAIL_ROOM)) / 10)}
    if lag_s > 0.0:
        found["onset_s"] = math.ceil(1000 * lag_s) / 1000
    if middle.flatness is not None and middle.flatness > _NOISE_FLATNESS and not studio.patch.is_drum:
        found["noisy"] = True
    return found


def _note(studio: Studio, key: int, velocity: int) -> Tune:
    return Tune((Note(0.0, _NOTE_S, key, velocity),), drums=studio.patch.is_drum)


def _attack_s(take: Take) -> float:
    """Return by how much a sound is later than any instrument may be; 0 or less for one that is not."""
    peak = peak_of(take.audio[: round(_NOTE_S * take.rate_hz)])
    lags = [onset_lag_s(take, 0.0) - _LATE_S]
    for below_db, allowed_s in _RISE:
        lags.append(onset_lag_s(take, 0.0, floor=peak * 10 ** (-below_db / 20)) - allowed_s)
    heard = [lag for lag in lags if math.isfinite(lag)]
    return max(heard, default=0.0)


def _leaves(studio: Studio, keys: Sequence[int], notes: list[str]) -> dict[str, Any]:
    """Return the least that has to be new for each stem, and how equal two renders are then."""
    pair, base = loud_keys(keys, drums=studio.patch.is_drum), studio.patch
    by_instance = _renders(studio, _with(base, leaves="instance"), pair)
    if _all_equal(by_instance):
        for plays in (get_args(Control), _OWN):
            if _all_equal(_renders(studio, _with(base, leaves="none", plays=plays), pair)):
                return {"leaves": "none", "plays": plays}
        return {"leaves": "instance"}
    by_process = [studio.play(_stem(pair, base), patch=_with(base, leaves="process")) for _ in range(3)]
    if _all_equal(by_process):
        return {"leaves": "process"}
    apart = _apart(by_instance)
    notes.append(f"two renders of it are never equal: up to {apart:.1f} dB apart")
    return {"leaves": "instance", "repeat_db": min(20.0, float(math.ceil(apart + _APART_ROOM_DB)))}


def _renders(studio: Studio, patch: Patch, pair: tuple[int, int]) -> list[Take]:
    """Return a stem cold, warm, after another one that moves every controller, and in a new process."""
    stem, other = _stem(pair, patch), wild(pair, drums=patch.is_drum)
    studio.fresh()
    takes = [studio.play(stem, patch=patch), studio.play(stem, patch=patch)]
    studio.play(other, patch=patch)
    takes.append(studio.play(stem, patch=patch))
    studio.fresh()
    return [*takes, studio.play(stem, patch=patch)]


def _stem(pair: tuple[int, int], patch: Patch) -> Tune:
    """Return notes alone: what an earlier stem has left is not set anew by this one."""
    return melody(pair, drums=patch.is_drum)._replace(moves=())


def _all_equal(takes: Sequence[Take]) -> bool:
    first = takes[0].audio
    return all(take.audio.shape == first.shape and take.audio.tobytes() == first.tobytes() for take in takes[1:])


def _apart(takes: Sequence[Take]) -> float:
    found = [difference_db(takes[0].audio, take.audio) for take in takes[1:]]
    return max((apart for apart in found if apart is not None), default=-200.0)
