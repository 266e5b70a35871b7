"""A stem from which nothing reaches the chorus is played without it: the same bits, and never where it could be heard."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.patch import FluidSettings
from tests.support.engines import Studio
from tests.support.midi import control, note, song
from tests.support.soundfont import SINE, sine, write_soundfont
from workers.engines import fluidsynth
from workers.engines.schedule import stem_schedule
from workers.engines.sends import presets_that_reach_chorus, stem_reaches_chorus
from workers.engines.soundfonts import default_soundfont
from workers.specimens import soundfont
from workers.specimens.soundfont import Preset, Zone

SEND, FILTER, VELOCITY, WHEEL = 15, 8, 0x0002, 0x0081
BOTH = FluidSettings(reverb=True, chorus=True)
TUNE = song([*note(0, 300, 48), *note(200, 400, 60, velocity=60), *note(500, 300, 72, velocity=127)])


@pytest.fixture(scope="module")
def general() -> Iterator[Studio]:
    """Play with the General MIDI soundfont of this machine."""
    studio = Studio(default_soundfont())
    yield studio
    studio.engine.close()


def test_no_preset_of_general_midi_sounds_different_by_one_bit(
    general: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach = presets_that_reach_chorus(default_soundfont())
    places = sorted(place for place, reaches in reach.items() if not reaches)
    assert len(places) > len(reach) / 4
    bare = {place: general.play(TUNE, place[1], bank=place[0], settings=BOTH) for place in places}
    monkeypatch.setattr(fluidsynth, "presets_that_reach_chorus", lambda _: {})  # the chorus is always on
    for bank, program in places:
        full = general.play(TUNE, program, bank=bank, settings=BOTH)
        assert bare[bank, program][0].tobytes() == full[0].tobytes(), (bank, program)
        assert bare[bank, program][1] == full[1]


def test_presets_that_reach_it_keep_it(general: Studio) -> None:
    reach = presets_that_reach_chorus(default_soundfont())
    places = sorted(place for place, reaches in reach.items() if reaches)
    heard = 0
    for bank, program in places:
        audio, _ = general.play(TUNE, program, bank=bank, settings=FluidSettings(chorus=True))
        dry, _ = general.play(TUNE, program, bank=bank, settings=FluidSettings())
        heard += audio.tobytes() != dry.tobytes()
    assert heard > len(places) / 2


@pytest.mark.parametrize(
    ("messages", "reaches"),
    [
        ([], False),
        ([control(0, 93, 0), control(0, 91, 127), control(0, 1, 127)], False),
        ([control(0, 93, 1)], True),
        ([control(960, 93, 64), control(1000, 93, 0)], True),
        ([control(0, 99, 120), control(0, 98, 15), control(0, 6, 80)], True),
        ([control(0, 101, 0), control(0, 100, 0), control(0, 6, 12)], False),
    ],
)
def test_messages_that_can_send_something(messages: list[tuple[int, bytes]], reaches: bool) -> None:
    tune = song([*messages, *note(0, 960, 60)])
    assert stem_reaches_chorus(stem_schedule(tune, 44100)) is reaches


@pytest.mark.parametrize("at", [0, 400])
def test_a_stem_that_sends_something_has_its_chorus(tmp_path: Path, at: int) -> None:
    studio = Studio(write_soundfont(tmp_path / "test.sf2"))
    tune = song([control(at, 93, 100), *note(0, 2000, 69)])
    audio, _ = studio.play(tune, SINE, settings=FluidSettings(chorus=True))
    dry, _ = studio.play(tune, SINE, settings=FluidSettings())
    assert abs(audio[: len(dry)] - dry).max() > 1e-3
    studio.engine.close()


def test_a_generator_of_the_soundfont_sends_something(tmp_path: Path) -> None:
    tone = sine()
    zones = [Zone(tone, loop_start=0, generators=own) for own in ({}, {SEND: 300}, {SEND: 0}, {FILTER: 5000})]
    presets = [Preset(f"P{number}", number, (zone,)) for number, zone in enumerate(zones)]
    presets += [Preset("two", 5, (zones[0], zones[1])), Preset("drums", 0, (zones[1],), bank=128)]
    path = soundfont.write_soundfont(tmp_path / "sends.sf2", presets, name="sends")
    assert presets_that_reach_chorus(path) == {
        (0, 0): False, (0, 1): True, (0, 2): False, (0, 3): False, (0, 5): True, (128, 0): True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "kind", "reaches"),
    [
        (0x00DD, SEND, False),  # controller 93, which is zero
        (0x0CDD, SEND, False),  # as a switch
        (0x01DD, SEND, True),  # falling: at its most where the controller is zero
        (0x02DD, SEND, True),  # bipolar: -1 where the controller is zero
        (93, SEND, True),  # no controller, but what has this number among the others
        (WHEEL, SEND, True),
        (VELOCITY, SEND, True),
        (VELOCITY, FILTER, False),
        (VELOCITY, 0x8000, True),  # moves another modulator
    ],
)
@pytest.mark.parametrize("level", ["instrument", "preset"])
def test_a_modulator_of_the_soundfont_sends_something(
    tmp_path: Path, level: str, source: int, kind: int, reaches: bool
) -> None:
    path = tmp_path / "moved.sf2"
    path.write_bytes(with_modulator(source, kind, of_preset=level == "preset"))
    assert presets_that_reach_chorus(path) == {(0, 7): reaches, (0, 8): False}


@pytest.mark.parametrize("damage", [b"", b"RIFF", b"RIFF\0\0\0\0sfbk", b"RIFF\0\0\0\0sfbkLIST\xff\0\0\0pdtaphdr"])
def test_where_there_are_no_tables_nothing_is_known(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "odd.sf2"
    path.write_bytes(damage)
    assert presets_that_reach_chorus(path) == {}


def with_modulator(source: int, kind: int, *, of_preset: bool) -> bytes:
    """Return the tables of a soundfont with two presets, of which the first has a modulator."""
    modulator, end = struct.pack("<HHhHH", source, kind, 500, 0, 0), bytes(10)
    zones = struct.pack("<6H", 0, 0, 1, 1, 2, 1)  # two zones of a generator each, the first with the modulator
    plain = struct.pack("<6H", 0, 0, 1, 0, 2, 0)
    tables = {
        b"phdr": b"".join(
            struct.pack("<20sHHHIII", b"P", program, 0, bag, 0, 0, 0) for program, bag in ((7, 0), (8, 1), (0, 2))
        ),
        b"pbag": zones if of_preset else plain,
        b"pmod": (modulator if of_preset else b"") + end,
        b"pgen": struct.pack("<6H", 41, 0, 41, 1, 0, 0),
        b"inst": b"".join(struct.pack("<20sH", b"I", bag) for bag in range(3)),
        b"ibag": plain if of_preset else zones,
        b"imod": (b"" if of_preset else modulator) + end,
        b"igen": struct.pack("<6H", 53, 0, 53, 0, 0, 0),
    }
    body = b"pdta" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in tables.items())
    return b"RIFF" + struct.pack("<I", len(body) + 12) + b"sfbkLIST" + struct.pack("<I", len(body)) + body
