"""Songs that are made for trials: sound MIDI, each different, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engines import Studio
from workers.midi.split import split_song
from workers.specimens.__main__ import main
from workers.specimens.songs import PROGRAMS, song, write_instruments


@pytest.mark.parametrize("parts", [1, 8, 15])
def test_every_part_is_a_stem_with_a_program_of_its_own(parts: int) -> None:
    result, stems = split_song(song(1, 1, parts))
    assert [part.program for part in result.parts] == list(range(parts))
    assert not any(part.is_drum for part in result.parts)
    assert result.warnings == {}
    assert len({bytes(midi) for midi in stems.values()}) == parts
    assert 1.0 < result.duration_s < 4.0


def test_no_two_songs_are_alike_and_the_seed_makes_them_again() -> None:
    songs = [song(seed, number, 3) for seed in range(4) for number in range(20)]
    assert len(set(songs)) == len(songs)
    assert song(2, 7, 3) == song(2, 7, 3)


def test_the_soundfont_plays_every_program_and_no_two_alike(tmp_path: Path) -> None:
    studio = Studio(write_instruments(tmp_path / "font.sf2"))
    midi = song(1, 1, 1)
    sounds = {studio.play(midi, program)[0].tobytes() for program in range(PROGRAMS)}
    assert len(sounds) == PROGRAMS


def test_the_command_writes_as_many_as_asked(tmp_path: Path) -> None:
    assert main([str(tmp_path / "songs"), "--songs", "3", "--parts", "2", "--soundfont", str(tmp_path / "f.sf2")]) == 0
    assert [path.name for path in sorted((tmp_path / "songs").iterdir())] == ["00001.mid", "00002.mid", "00003.mid"]
    assert (tmp_path / "f.sf2").read_bytes()[8:12] == b"sfbk"
