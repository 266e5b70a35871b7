"""Songs made for measuring: they are what the measurements say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.farmrun import ROOT
from benchmarks.songs import crowd, lengthened, many_parts, originals, piece, variant, write_songs
from workers.midi.model import MidiFile
from workers.midi.smf import read_midi, write_midi
from workers.midi.split import split_song

DEMO = ROOT / "presets" / "demo"


@pytest.fixture(scope="module")
def song() -> MidiFile:
    return originals(DEMO)["greensleeves"]


def _stem_bytes(midi: MidiFile) -> list[bytes]:
    return list(split_song(write_midi(midi))[1].values())


def test_a_piece_is_as_long_as_asked_and_keeps_the_programs(song: MidiFile) -> None:
    whole, _ = split_song(write_midi(song))
    result, _ = split_song(write_midi(piece(song, 10.0)))
    assert 8.0 < result.duration_s <= 10.01
    assert {part.program for part in result.parts} <= {part.program for part in whole.parts}
    assert len({part.program for part in result.parts}) > 1


def test_variant_zero_is_the_song_itself(song: MidiFile) -> None:
    assert np.array_equal(variant(song, 0).events, song.events)


def test_no_two_variants_share_a_stem(song: MidiFile) -> None:
    stems = [stem for number in range(12) for stem in _stem_bytes(variant(song, number))]
    assert len(set(stems)) == len(stems)


def test_variants_are_as_long_as_the_song_on_average(song: MidiFile) -> None:
    lengths = [split_song(write_midi(variant(song, number)))[0].duration_s for number in range(21)]
    assert np.mean(lengths) == pytest.approx(lengths[0], rel=1e-3)
    assert max(lengths) < 1.02 * min(lengths)


def test_a_crowd_has_the_same_mixture_in_every_group() -> None:
    songs = crowd(8, 8.0, DEMO)
    groups = [list(songs.values())[start : start + 4] for start in (0, 4)]
    assert [len(midi.events) for midi in groups[0]] == [len(midi.events) for midi in groups[1]]
    assert len({write_midi(midi) for midi in songs.values()}) == 8


def test_a_lengthened_song_is_as_long_as_asked_and_as_dense(song: MidiFile) -> None:
    once, _ = split_song(write_midi(song))
    result, _ = split_song(write_midi(lengthened(song, 200.0)))
    assert 195.0 < result.duration_s <= 200.01
    density = sum(part.notes for part in result.parts) / result.duration_s
    assert density == pytest.approx(sum(part.notes for part in once.parts) / once.duration_s, rel=0.1)


def test_every_part_of_the_large_song_plays_from_start_to_end() -> None:
    result, _ = split_song(write_midi(many_parts(40, 60.0)))
    assert len(result.parts) == 40
    assert all(part.notes == 29 for part in result.parts)
    assert all(57.0 < part.end_s <= 60.0 for part in result.parts)
    assert not result.warnings


def test_written_songs_are_read_back(tmp_path: Path, song: MidiFile) -> None:
    folder = write_songs(tmp_path / "songs", {"one": song})
    assert np.array_equal(read_midi((folder / "one.mid").read_bytes()).events, song.events)
