"""What every patch of the farm's own owes: each in its own words, as its patch file declares them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from schemas.job import RenderJob
from schemas.patch import Patch, SoundSettings
from schemas.result import EngineReport
from tests.support.engines import Audio, Tape
from tests.support.far import FarEngine, Fars
from tests.support.midi import bend, control, note, song
from tests.support.plugins import own_names, own_patch
from workers.audio.levels import SOUND_FLOOR

RATE = 44100
#: Keys of the stems: drums, and notes that every instrument has.
DRUMS, KEYS = (36, 38, 42), (48, 55, 60)
NAMES = [*own_names("faust"), *own_names("dawdreamer")]


class Take(NamedTuple):
    """One render."""

    audio: Audio
    report: EngineReport


@pytest.fixture(scope="module")
def fars() -> Iterator[Fars]:
    fars = Fars()
    yield fars
    fars.close()


def sound_of(patch: Patch) -> SoundSettings:
    assert patch.sound is not None
    return patch.sound


def melody(patch: Patch) -> bytes:
    """A note of half a second at half a second, a long rest, and a note where the rest ends."""
    low, high, _ = DRUMS if patch.is_drum else KEYS
    return song([*note(480, 480, low), *note(_again_tick(patch), 240, high)])


def _again_tick(patch: Patch) -> int:
    return 960 + round(960 * (sound_of(patch).tail_s + 0.5))


def disturbance(patch: Patch) -> bytes:
    """Everything that might stay behind: controllers, bends, pressure, and notes under the pedal."""
    keys = DRUMS if patch.is_drum else KEYS
    wild = [control(0, number, 127) for number in (1, 2, 64, 74)] + [bend(0, 16383)]
    return song([*wild, *(event for key in keys for event in note(10, 700, key, velocity=127))])


def play(engine: FarEngine, patch: Patch, midi: bytes) -> Take:
    job = RenderJob(midi_sha256=hashlib.sha256(midi).hexdigest(), patch=patch)
    tape = Tape()
    report = engine.render(job, midi, tape)
    return Take(tape.audio, report)


def difference_db(one: Audio, other: Audio) -> float:
    """Return the level of the difference of two renders, relative to the loudest sample of the first."""
    frames = min(len(one), len(other))
    rest = float(np.abs(one[frames:]).max(initial=0.0)), float(np.abs(other[frames:]).max(initial=0.0))
    worst = max(float(np.abs(one[:frames] - other[:frames]).max(initial=0.0)), *rest)
    return float(20 * np.log10(worst / float(np.abs(one).max()))) if worst else -np.inf


@pytest.mark.parametrize("name", NAMES)
def test_a_patch_keeps_to_its_midi_and_to_what_its_file_declares(name: str, fars: Fars) -> None:
    patch = own_patch(name)
    sound = sound_of(patch)
    engine = fars.engine(patch.engine)
    cold = play(engine, patch, melody(patch))
    _starts_and_stops_with_its_notes(patch, cold)

    play(engine, patch, disturbance(patch))
    again = [play(engine, patch, melody(patch))]
    engine.close()
    again.append(play(engine, patch, melody(patch)))
    engine.close()
    for take in again:
        if sound.repeat_db is None:
            assert take.audio.tobytes() == cold.audio.tobytes()
        else:
            assert difference_db(cold.audio, take.audio) <= sound.repeat_db


def _starts_and_stops_with_its_notes(patch: Patch, take: Take) -> None:
    sound, audio = sound_of(patch), np.abs(take.audio).max(axis=1)
    again = round(_again_tick(patch) / 960 * RATE)
    first = int(np.argmax(audio > SOUND_FLOOR))
    assert -1 <= first - RATE // 2 <= (0.001 + sound.onset_s) * RATE
    second = int(np.argmax(audio[again - 2 :] > SOUND_FLOOR)) - 2
    assert -1 <= second <= (0.001 + sound.onset_s) * RATE
    assert not audio[: RATE // 2 - 1].any()
    assert not audio[again - RATE // 4 : again - 1].any()
    assert audio.max() > 0.01
    released = again + round(0.25 * RATE)
    assert released - 64 <= len(audio) <= released + sound.tail_s * RATE + 64
    assert take.report.silent_notes == []
    assert take.report.notes == 2
    assert not take.report.tail_cut
    assert (take.report.preset_name, take.report.preset_bank, take.report.preset_program) == (patch.name, 0, 0)
