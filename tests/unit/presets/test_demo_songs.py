"""The demo songs: what their script writes, and everything the demo has to show is in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mido
import pytest

DEMO = Path(__file__).resolve().parents[3] / "presets" / "demo"
SONGS = sorted(DEMO.glob("*.mid"))
DRUM_CHANNEL = 9


def _parts(song: mido.MidiFile) -> list[mido.MidiTrack]:
    return [track for track in song.tracks if any(m.type == "note_on" for m in track)]


def _messages(kind: str) -> list[mido.Message]:
    return [m for path in SONGS for track in mido.MidiFile(path).tracks for m in track if m.type == kind]


def _program_classes() -> set[int]:
    """Program families of General MIDI (eight programs each) of all melodic parts."""
    return {m.program // 8 for m in _messages("program_change") if m.channel != DRUM_CHANNEL}


def _sounding_s(song: mido.MidiFile) -> dict[int, tuple[float, float]]:
    """First onset and last release of every channel, seconds."""
    now, spans = 0.0, dict[int, tuple[float, float]]()
    for message in song:
        now += message.time
        if message.type in ("note_on", "note_off"):
            first, _ = spans.get(message.channel, (now, now))
            spans[message.channel] = (first, now)
    return spans


def test_the_script_writes_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DEMO / "make_songs.py"), str(tmp_path)], check=True, cwd=tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.mid")}
    assert written == {path.name: path.read_bytes() for path in SONGS}


def test_there_are_four_songs_or_more() -> None:
    assert len(SONGS) >= 4


@pytest.mark.parametrize("path", SONGS, ids=lambda path: path.stem)
class TestEachSong:
    def test_lasts_half_a_minute_to_a_minute(self, path: Path) -> None:
        assert 30 <= mido.MidiFile(path).length <= 60

    def test_has_five_parts_or_more_each_with_a_name(self, path: Path) -> None:
        parts = _parts(mido.MidiFile(path))
        assert len(parts) >= 5
        assert len({part.name for part in parts}) == len(parts)

    def test_has_drums_a_bass_and_a_title(self, path: Path) -> None:
        song = mido.MidiFile(path)
        parts = _parts(song)
        assert any(m.type == "note_on" and m.channel == DRUM_CHANNEL for part in parts for m in part)
        lowest = min(m.note for part in parts for m in part if m.type == "note_on" and m.channel != DRUM_CHANNEL)
        assert lowest < 40
        assert song.tracks[0].name

    def test_every_note_that_starts_ends_once(self, path: Path) -> None:
        for part in _parts(mido.MidiFile(path)):
            down: set[int] = set()
            for message in part:
                if message.type == "note_on":
                    assert message.note not in down
                    down.add(message.note)
                elif message.type == "note_off":
                    down.remove(message.note)
            assert not down

    def test_wheels_and_pedals_are_at_rest_at_the_end(self, path: Path) -> None:
        for part in _parts(mido.MidiFile(path)):
            bends = [m.pitch for m in part if m.type == "pitchwheel"]
            pedals = [m.value for m in part if m.type == "control_change" and m.control == 64]
            assert bends[-1:] in ([], [0])
            assert pedals[-1:] in ([], [0])

    def test_velocities_are_shaped(self, path: Path) -> None:
        for part in _parts(mido.MidiFile(path)):
            assert len({m.velocity for m in part if m.type == "note_on"}) > 5


def test_meters_are_three_four_four_four_and_six_eight() -> None:
    assert {(m.numerator, m.denominator) for m in _messages("time_signature")} == {(3, 4), (4, 4), (6, 8)}


def test_tempo_changes_in_every_song() -> None:
    for path in SONGS:
        assert len({m.tempo for m in mido.MidiFile(path).tracks[0] if m.type == "set_tempo"}) > 1


def test_a_program_changes_in_the_middle_of_a_part() -> None:
    parts = [part for path in SONGS for part in _parts(mido.MidiFile(path))]
    assert any(len({m.program for m in part if m.type == "program_change"}) > 1 for part in parts)


def test_pedal_and_pitch_wheel_are_used() -> None:
    assert any(m.control == 64 and m.value >= 64 for m in _messages("control_change"))
    assert any(m.pitch for m in _messages("pitchwheel"))


def test_basses_chords_leads_and_strings_are_played() -> None:
    piano, guitar, bass, ensemble, lead = 0, 3, 4, 6, 10
    assert {piano, guitar, bass, ensemble, lead} <= _program_classes()


def test_a_part_rests_for_half_of_its_song() -> None:
    longest = 0.0
    for path in SONGS:
        song = mido.MidiFile(path)
        longest = max(longest, max(first for first, _ in _sounding_s(song).values()) / song.length)
    assert longest > 0.45
