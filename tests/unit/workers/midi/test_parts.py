"""What one synthesiser must be sent to play a whole song."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.errors import NoNotesError
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.parts import merge_for_render
from workers.midi.smf import read_midi


def _merged(data: bytes) -> list[tuple[int, int, int, int]]:
    return [(tick, status, d1, d2) for tick, _, status, d1, d2 in merge_for_render(read_midi(data)).tolist()]


def test_a_song_is_sent_as_it_stands_but_for_mode_messages() -> None:
    data = smf.song(
        [smf.control(0, 0, 8), smf.program(0, 5), smf.control(0, 126, 1), *smf.note(0, 9, 60), smf.control(9, 121, 0)]
    )
    assert _merged(data) == [
        (0, 0xB0, 0, 8), (0, 0xC0, 5, 0), (0, 0x90, 60, 100), (9, 0x80, 60, 64), (9, 0xB0, 121, 0),
    ]  # fmt: skip


def test_hanging_notes_are_released_where_their_own_track_ends() -> None:
    long = smf.track([smf.note_on(0, 60), smf.note_on(900, 61)], end=950)
    short = smf.track([smf.note_on(0, 60, channel=1), smf.note_on(5, 67, channel=1)], end=100)
    middle = smf.track([smf.note_on(0, 60, channel=2)], end=400)
    assert _merged(smf.file([long, short, middle])) == [
        (0, 0x90, 60, 100), (0, 0x91, 60, 100), (0, 0x92, 60, 100), (5, 0x91, 67, 100), (100, 0x81, 60, 64),
        (100, 0x81, 67, 64), (400, 0x82, 60, 64), (900, 0x90, 61, 100), (950, 0x80, 60, 64), (950, 0x80, 61, 64),
    ]  # fmt: skip


def test_real_songs_are_sent_in_order_of_time_and_whole() -> None:
    for path in corpus.songs():
        midi = read_midi(path.read_bytes())
        merged = merge_for_render(midi)
        assert (np.diff(merged["tick"]) >= 0).all(), path.name
        assert len(merged) == len(midi.events), path.name


def test_a_song_without_notes_has_nothing_to_send() -> None:
    with pytest.raises(NoNotesError):
        merge_for_render(read_midi(smf.song([smf.control(0, 7, 1)])))
