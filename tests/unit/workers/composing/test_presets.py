"""The laws of songs hold for the genres that the farm brings along, and for songs of several at once."""

from __future__ import annotations

import pytest

from farm.planning.genres import genre_names, genre_of, load_genre
from schemas.errors import PlanError
from schemas.genre import CHORD_TYPES, Genre
from schemas.score import PPQ, Score
from tests.support.composing import compose
from workers.composing.theory import parse_key

MERGED = ("jazz+latin", "pop+rock", "blues+rock")


@pytest.fixture(scope="module", params=[*genre_names(), *MERGED])
def data(request: pytest.FixtureRequest) -> Genre:
    return genre_of([load_genre(name) for name in request.param.split("+")])


@pytest.fixture(scope="module")
def found(data: Genre) -> list[Score]:
    return [*(compose(data, number, length_s=25) for number in range(4)), compose(data, 4)]


def _slack(song: Score, data: Genre) -> float:
    return data.humanise_ms / 60_000 * song.tempo_bpm * PPQ + 1


def test_songs_keep_to_what_the_genre_allows(found: list[Score], data: Genre) -> None:
    for song in found:
        assert data.tempo_bpm[0] <= song.tempo_bpm <= data.tempo_bpm[1]
        assert data.swing[0] <= song.swing <= data.swing[1]
        assert data.keys[song.key] > 0
        assert {f"{bar.meter[0]}/{bar.meter[1]}" for bar in song.bars} <= {
            meter for meter, weight in data.meters.items() if weight > 0
        }
        for layer in song.layers:
            spec = data.layers[layer.name]
            owner = (
                next(
                    name
                    for name in data.layers
                    if name in {one.name for one in song.layers} and data.layers[name].role == "beat"
                )
                if layer.is_drum
                else layer.name
            )
            assert layer.program in data.layers[owner].programs
            assert all(data.velocity[0] <= note.velocity <= data.velocity[1] for note in layer.notes)
            if spec.key_range and spec.role in ("melody", "bassline"):
                assert all(spec.key_range[0] <= note.key <= spec.key_range[1] for note in layer.notes)


def test_every_layer_sounds_where_it_plays_and_nowhere_else(found: list[Score]) -> None:
    for song in found:
        for layer in song.layers:
            for section in song.sections:
                inside = [note for note in layer.notes if section.start <= note.start < section.end]
                assert bool(inside) is (layer.name in section.layers), (layer.name, section)
                assert all(note.end <= section.end for note in inside)
            down: dict[int, int] = {}
            for note in layer.notes:
                assert note.start >= down.get(note.key, 0)
                down[note.key] = note.end


def test_harmony_bass_and_melody_go_with_the_chords(found: list[Score], data: Genre) -> None:
    for song in found:
        slack, scale = _slack(song, data), set(parse_key(song.key).scale)
        tones = [{(chord.root + step) % 12 for step in CHORD_TYPES[chord.quality]} for chord in song.chords]
        for layer in song.layers:
            for note in layer.notes if not layer.is_drum else []:
                about = [
                    tones[number]
                    for number, chord in enumerate(song.chords)
                    if chord.start - slack <= note.start < chord.end + slack
                ]
                if layer.role == "harmony":
                    assert any(note.key % 12 in those for those in about)
                if layer.role == "melody":
                    assert any(note.key % 12 in those | scale for those in about)
            if layer.role == "bassline":
                for chord in song.chords:
                    section = next(one for one in song.sections if one.start <= chord.start < one.end)
                    if layer.name in section.layers:
                        here = {note.key % 12 for note in layer.notes if abs(note.start - chord.start) <= slack}
                        assert (chord.root + CHORD_TYPES[chord.quality][chord.inversion]) % 12 in here


def test_genres_that_share_no_tempo_say_so() -> None:
    with pytest.raises(PlanError, match="reggae"):
        genre_of([load_genre("reggae"), load_genre("electronic")])
