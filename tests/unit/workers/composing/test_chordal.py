from __future__ import annotations

import itertools
from typing import Any

from schemas.score import PPQ, Score, ScoreNote
from tests.support.composing import genre, only, songs

STIFF: dict[str, Any] = {"humanise_ms": 0, "swing": [0.5, 0.5], "meter_change": 0, "sections": {}, "meters": {"4/4": 1}}


def _song(spec: dict[str, Any], **changes: Any) -> tuple[Score, list[ScoreNote]]:
    data = genre(**{**STIFF, "harmonic_rhythm": {1: 1}, **changes}, layers=only("harmony", "bassline", harmony=spec))
    song = songs(data, 1)[0]
    return song, song.layers[0].notes


def test_a_pad_holds_every_chord_to_its_end() -> None:
    song, notes = _song({"style": "pad", "rhythms": []})
    for chord in song.chords:
        assert {note.end for note in notes if note.start == chord.start} == {chord.end}


def test_blocks_strike_all_keys_at_once_in_the_genres_rhythm() -> None:
    song, notes = _song({"style": "block", "rhythms": [".x.x.x.x"]})
    first = song.bars[0]
    starts = sorted({note.start - first.start for note in notes if note.start < first.end})
    assert starts == [PPQ // 2 + beat * PPQ for beat in range(4)]
    for start in starts:
        assert sorted(note.key for note in notes if note.start == start) == song.chords[0].keys


def test_an_arpeggio_goes_up_and_down_one_key_at_a_time() -> None:
    song, notes = _song({"style": "arpeggio", "rhythms": ["xxxxxxxx"]}, chord_types={"maj": 1, "min": 1})
    keys = song.chords[0].keys
    played = [note.key for note in notes[:8]]
    wanted = [keys[0], keys[1], keys[2], keys[1], keys[0], keys[1], keys[2], keys[1]]
    assert len({got - want for got, want in zip(played, wanted, strict=True)}) == 1
    before_the_end = [note.start for note in notes if note.start < song.bars[-1].start]
    assert len(set(before_the_end)) == len(before_the_end)


def test_a_strum_goes_from_the_lowest_string_to_the_highest_within_a_few_milliseconds() -> None:
    song, notes = _song({"style": "strum", "rhythms": ["x-------"]})
    struck = [note for note in notes if note.start < PPQ]
    assert [note.key for note in struck] == sorted(note.key for note in struck)
    gaps = [after.start - before.start for before, after in itertools.pairwise(struck)]
    assert all(0 < gap / PPQ * 60_000 / song.tempo_bpm < 20 for gap in gaps)


def test_a_layer_with_a_range_of_its_own_plays_the_same_chords_octaves_away() -> None:
    song, notes = _song({"style": "block", "rhythms": ["x-------"], "key_range": [72, 90]})
    for chord in song.chords:
        keys = sorted(note.key for note in notes if note.start == chord.start)
        assert {key - own for key, own in zip(keys, chord.keys, strict=True)} in ({0}, {12}, {24})
        assert 66 <= sum(keys) / len(keys) <= 96


def test_the_last_chord_is_held_to_the_end_of_the_song() -> None:
    for style in ("block", "arpeggio", "strum"):
        song, notes = _song({"style": style, "rhythms": ["xxxxxxxx"]})
        last = [note for note in notes if note.start >= song.bars[-1].start]
        assert len(last) == len(song.chords[-1].keys)
        assert {note.end for note in last} == {song.end}
