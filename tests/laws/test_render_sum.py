"""The stems of a song add up to the song: the split, rendered, against the whole through one synthesiser.

Two tolerances are stated here.

Everywhere the difference is that of 32-bit rounding, 1e-6 of full scale.

Only where a voice begins to sound there may be more, for one block of 64 frames (1.5 ms). FluidSynth leads a new voice from the
gain which the last voice in its place had to its own gain, over one block (`fluid_rvoice_buffers_mix`). Which place that
is depends on every voice of the song, so that no stem can know it. The soundfont of these tests begins its samples with a
moment of silence, so that nothing but rounding is left; real soundfonts do not, and there those blocks are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from numpy.typing import NDArray

from schemas.patch import FluidSettings
from schemas.song import Part
from tests.support.corpus import songs
from tests.support.engines import Audio, Studio, Tape, add_up
from tests.support.midi import (
    Event,
    bend,
    channel_pressure,
    control,
    key_pressure,
    note,
    note_off,
    note_on,
    program,
    song,
    sysex,
    tempo,
)
from tests.support.soundfont import LATE, STEREO, write_soundfont
from workers.engines.schedule import song_schedule
from workers.midi.model import NOTE_ON
from workers.midi.smf import read_midi, write_midi
from workers.midi.split import split_song
from workers.midi.tempo import TempoMap

ROUNDING = 1e-6
BLOCK = 64
#: So many voices that none is ever taken from a note that sounds: the whole has more of them than any stem.
ROOM = FluidSettings(polyphony=4096)
#: Longest time from a note-on to the first sound of a voice (a delayed layer of a preset), in blocks: half a second.
LONGEST_DELAY = 345


def render(studio: Studio, data: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Part]]:
    """Return the sum of a song's stems and the whole song, of equal length, and its parts."""
    split, stems = split_song(data)
    audio = [studio.play(stems[part.name], part.program, part.bank, settings=ROOM)[0] for part in split.parts]
    tape = Tape()
    studio.engine.render_song(data, tape)
    return (*_same_length(add_up(audio), tape.audio), split.parts)


def _same_length(stems: NDArray[np.float64], whole: Audio) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frames = max(len(stems), len(whole))
    padded = np.zeros((2, frames, 2))
    padded[0, : len(stems)], padded[1, : len(whole)] = stems, whole
    return padded[0], padded[1]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(write_soundfont(tmp_path_factory.mktemp("font") / "test.sf2"))
    yield studio
    studio.engine.close()


def melody(start: int, channel: int = 0, low: int = 60, step: int = 200, length: int = 180) -> list[Event]:
    keys = [low, low + 4, low + 7, low + 12, low + 7, low + 4]
    return [
        event for number, key in enumerate(keys) for event in note(start + step * number, length, key, channel=channel)
    ]


def late(channel: int = 0, number: int = LATE) -> Event:
    return program(0, number, channel)


NASTY = {
    "two channels": song([late(), *melody(0)], [late(1, STEREO), *melody(100, 1, 50)]),
    "type 0": song([late(), *melody(0), late(1, STEREO), *melody(50, 1, 55), *melody(0, 9, 36)]),
    "several channels on a track": song(
        [late(), *melody(0)], [late(1), *melody(30, 1), late(2, STEREO), *melody(60, 2)]
    ),
    "a channel that tracks share": song([late(), *melody(0)], melody(100, low=64)),
    "the same key on a shared channel": song([late(), *note(0, 900, 60)], [*note(300, 200, 60), *note(700, 900, 60)]),
    "a note-off in another track": song([late(), note_on(0, 60), *note(900, 100, 62)], [note_off(400, 60)]),
    "a program change in mid-track": song(
        [late(), *melody(0), program(1200, STEREO), *melody(1200), program(2400, LATE), *melody(2400)]
    ),
    "a program change under a sounding note": song(
        [late(), note_on(0, 60), program(300, STEREO), *note(400, 500, 67), note_off(1500, 60)]
    ),
    "bank select": song(
        [control(0, 0, 8), late(), *melody(0), control(1300, 0, 0), *melody(1300), program(2600, LATE), *melody(2600)]
    ),
    "a bank that is not there": song([control(0, 0, 77), late(), *melody(0)]),
    "bank select for drums": song([control(0, 0, 8, 9), program(0, 16, 9), *melody(0, 9, 36)], [late(), *melody(0)]),
    "bank least significant": song([control(0, 0, 8), control(0, 32, 5), late(), *melody(0)]),
    "drums in two tracks": song(melody(0, 9, 36), melody(90, 9, 40)),
    "sustain": song([late(), control(0, 64, 127), *melody(0), control(2500, 64, 0)], melody(150, low=65)),
    "sustain that nobody lifts": song([late(), control(0, 64, 127), *melody(0)]),
    "sostenuto": song(
        [late(), note_on(0, 60), control(100, 66, 127), note_off(300, 60), *melody(400), control(2000, 66, 0)]
    ),
    "bends on a shared channel": song(
        [late(), *melody(0)], [bend(at, 4096 + at * 4) for at in range(0, 1500, 50)], melody(50, low=67)
    ),
    "bend range": song(
        [
            late(),
            control(0, 101, 0),
            control(0, 100, 0),
            control(0, 6, 12),
            bend(100, 16000),
            *melody(0),
            *melody(300, 1),
        ]
    ),
    "swells and pans": song(
        [
            late(),
            *[control(at, 11, at // 12) for at in range(0, 1500, 30)],
            control(0, 10, 20),
            *melody(0),
            control(900, 10, 100),
        ]
    ),
    "pressure": song([late(), channel_pressure(100, 100), key_pressure(150, 60, 90), *melody(0)], melody(200, low=62)),
    "running notes at the end": song(
        [late(), *melody(0), note_on(1300, 72), note_on(1300, 76)], [late(1), note_on(500, 50, channel=1)], end=3000
    ),
    "overlapping equal keys": song(
        [late(), note_on(0, 60), note_on(200, 60), note_off(400, 60), note_off(600, 60), *note(700, 100, 60)]
    ),
    "all notes off": song(
        [late(), note_on(0, 60), note_on(0, 64), control(400, 123, 0), *melody(800)], melody(300, low=66)
    ),
    "all sound off": song([late(), note_on(0, 60), control(400, 120, 0), *melody(800)], melody(300, low=66)),
    "reset controllers": song(
        [late(), control(0, 1, 127), bend(0, 16000), *melody(0), control(600, 121, 0), *melody(1300)]
    ),
    "mode messages": song([late(), *melody(0), control(500, 126, 1), control(600, 124, 0), *melody(1300)]),
    "system exclusive": song([sysex(0, b"\x7e\x7f\x09\x01\xf7"), late(), *melody(0)]),
    "tempo changes": song([tempo(0, 90), tempo(700, 200), late()], melody(0), [late(1), *melody(10, 1)]),
    "tracks one after another": song([late(), *melody(0)], melody(0, low=67), midi_type=2),
    "repeated strikes": song(
        [late(), *[event for at in range(0, 2000, 20) for event in note(at, 19, 60)]], melody(0, low=60)
    ),
    "notes of no length": song([late(), *note(0, 0, 60), *note(200, 1, 62), *note(400, 0, 60), *melody(800)]),
}


@pytest.mark.parametrize("name", NASTY)
def test_stems_add_up_to_the_whole(studio: Studio, name: str) -> None:
    stems, whole, _ = render(studio, NASTY[name])
    assert np.abs(whole).max() > 0.01
    assert np.abs(stems - whole).max() <= ROUNDING


def test_the_parts_are_as_many_as_expected(studio: Studio) -> None:
    counts = {name: len(split_song(NASTY[name])[0].parts) for name in ("a program change in mid-track", "type 0")}
    assert counts == {"a program change in mid-track": 2, "type 0": 3}


# ---------------------------------------------------------------- real songs, a real soundfont


def beginning(data: bytes, seconds: float) -> bytes:
    """Cut a song short; notes that sound at the cut are closed by the split and by the whole alike."""
    midi = read_midi(data)
    end = int(TempoMap.from_midi(midi).ticks(seconds))
    kept = midi.events[midi.events["tick"] <= end]
    metas = [meta for meta in midi.metas if meta.tick <= end]
    ends = tuple(min(end, tick) for tick in midi.end_ticks)
    return write_midi(replace(midi, events=kept, metas=metas, end_ticks=ends))


@pytest.fixture(scope="module")
def real_studio() -> Iterator[Studio]:
    studio = Studio(Path(pretty_midi.__file__).parent / "TimGM6mb.sf2")
    yield studio
    studio.engine.close()


@pytest.mark.parametrize("number", range(6))
def test_stems_of_real_songs_add_up_to_the_whole(real_studio: Studio, number: int) -> None:
    data = beginning(songs()[number].read_bytes(), 40.0)
    stems, whole, parts = render(real_studio, data)
    assert len(parts) > 1
    difference = np.abs(stems - whole).max(axis=1)
    by_block = difference[: len(difference) // BLOCK * BLOCK].reshape(-1, BLOCK).max(axis=1)
    strikes = _strikes(data)
    departures = np.flatnonzero(by_block > ROUNDING)
    assert _since_strike(departures, strikes).max(initial=0) <= LONGEST_DELAY
    assert np.isin(departures, strikes).mean() > 0.75
    power_db = 10 * np.log10(np.mean(difference**2) / np.mean(whole**2))
    assert power_db < -35.0


def _strikes(data: bytes) -> NDArray[np.int64]:
    """Return the blocks in which notes are struck."""
    schedule = song_schedule(data, 44100)
    return np.unique([block for block, kind in zip(schedule.block, schedule.kind, strict=True) if kind == NOTE_ON])


def _since_strike(blocks: NDArray[np.int64], strikes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many blocks after the last strike each block is."""
    return blocks - strikes[np.searchsorted(strikes, blocks, side="right") - 1]
