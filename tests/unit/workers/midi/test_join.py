from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from schemas.errors import MidiError
from tests.support.corpus import songs
from tests.support.datasets import song_midi
from tests.support.midi import bend, control, name, note, program, song, tempo
from workers.midi.join import join_stems, joined_notes
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.midi.split import split_song


def joined(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    _, stems = split_song(data)
    return join_stems(stems), stems


def assert_same_notes(whole: bytes, stems: dict[str, bytes]) -> None:
    tables = joined_notes(whole)
    assert len(tables) == len(stems)
    for table, data in zip(tables, stems.values(), strict=True):
        own = read_notes(read_midi(data))
        for column in ("pitch", "velocity", "onset_s", "offset_s", "bent"):
            np.testing.assert_array_equal(getattr(table, column), getattr(own, column))


def test_every_stem_is_a_track_with_its_own_notes_in_order() -> None:
    assert_same_notes(*joined(song_midi()))


def test_controllers_and_bends_of_one_stem_reach_no_other() -> None:
    """Two parts of one channel: each brings the channel's messages along, to a channel of its own."""
    data = song(
        [tempo(0, 90), name(0, "a"), program(0, 0), *note(0, 400, 60), bend(500, 9000), control(600, 64, 127)],
        [name(0, "b"), program(0, 40, 1), *note(100, 900, 67, channel=1)],
        [name(0, "c"), program(0, 0), *note(300, 400, 72)],
    )
    whole, stems = joined(data)
    assert_same_notes(whole, stems)
    midi = read_midi(whole)
    channels = [set((midi.events["status"][midi.events["track"] == track] & 15).tolist()) for track in (1, 2, 3)]
    assert channels == [{0}, {1}, {2}]


def test_more_stems_than_channels_go_to_further_ports_and_drums_stay_on_their_channel() -> None:
    tracks = [
        [
            name(0, f"part {number}"),
            program(0, number, number % 9),
            *note(number * 10, 200, 50 + number, channel=number % 9),
        ]
        for number in range(20)
    ]
    drums = [[name(0, "kit"), *note(0, 100, 36, channel=9)], [name(0, "kit 2"), *note(50, 100, 38, channel=9)]]
    whole, stems = joined(song([tempo(0, 120)], *tracks, *drums))
    assert_same_notes(whole, stems)
    midi = read_midi(whole)
    ports = {meta.track: meta.data[0] for meta in midi.metas if meta.type == 0x21}
    places = {
        track: (ports[track], int(midi.events["status"][midi.events["track"] == track][0]) & 15)
        for track in range(1, 23)
    }
    assert len(set(places.values())) == 22, "no two stems share a channel"
    assert [places[track] for track in (21, 22)] == [(0, 9), (1, 9)]


def test_another_reader_finds_the_same_music() -> None:
    whole, stems = joined(song_midi())
    read = pretty_midi.PrettyMIDI(io.BytesIO(whole))
    assert [instrument.name for instrument in read.instruments] == ["Lead", "Bass", "Chords", "Drums"]
    assert [instrument.is_drum for instrument in read.instruments] == [False, False, False, True]
    notes = [len(read_notes(read_midi(data))) for data in stems.values()]
    assert [len(instrument.notes) for instrument in read.instruments] == notes
    assert read.get_tempo_changes()[1].round(2).tolist() == [120.0, 110.0]


@pytest.mark.parametrize("number", range(2))
def test_real_songs_keep_every_note(number: int) -> None:
    path: Path = songs()[number]
    assert_same_notes(*joined(path.read_bytes()))


def test_a_damaged_stem_is_named_as_such() -> None:
    with pytest.raises(MidiError):
        join_stems({"S00": b"MThd"})
