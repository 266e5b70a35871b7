"""Labels that only the composer knows, in seconds of the audio."""

from __future__ import annotations

import mido
import pytest

from schemas.annotation import ComposedSong
from schemas.score import PPQ
from tests.support.composing import plan
from workers.annotating.composed import composed_labels
from workers.annotating.notes import stem_notes
from workers.composing.song import Composed, composed
from workers.composing.theory import harte, parse_key
from workers.midi.split import split_song


@pytest.fixture(scope="module", params=range(4))
def song(request: pytest.FixtureRequest) -> Composed:
    return composed(plan(length_s=20), request.param)


@pytest.fixture
def labels(song: Composed) -> ComposedSong:
    split, _ = split_song(song.midi)
    return composed_labels(song, split.parts, number=7, duration_s=25.0)


def _seconds(song: Composed, tick: int) -> float:
    return round(tick / PPQ * float(mido.bpm2tempo(song.score.tempo_bpm)) / 1e6, 6)


def test_times_are_those_of_the_midi_file(song: Composed, labels: ComposedSong) -> None:
    assert labels.end_s == pytest.approx(20.0, abs=1e-3)
    assert [bar.time_s for bar in labels.bars] == pytest.approx([_seconds(song, bar.start) for bar in song.score.bars])
    for said, section in zip(labels.sections, song.score.sections, strict=True):
        assert (said.start_s, said.end_s) == (_seconds(song, section.start), _seconds(song, section.end))
    assert [chord.start_s for chord in labels.chords] == pytest.approx(
        [_seconds(song, chord.start) for chord in song.score.chords]
    )


def test_chords_are_spelt_in_the_key_and_labelled_in_hartes_syntax(song: Composed, labels: ComposedSong) -> None:
    key = parse_key(song.score.key)
    for said, chord in zip(labels.chords, song.score.chords, strict=True):
        assert said.root == key.pitch_name(chord.root)
        assert said.label == harte(said.root, chord.quality, chord.inversion)
        assert (said.quality, said.inversion, said.numeral) == (chord.quality, chord.inversion, chord.numeral)


def test_every_layer_names_the_stem_that_has_its_notes(song: Composed, labels: ComposedSong) -> None:
    split, stems = split_song(song.midi)
    for said, layer in zip(labels.layers, song.score.layers, strict=True):
        (name,) = said.stems
        notes = stem_notes(stems[name], duration_s=99.0, grid_s=0.001, silent_notes=[], sounding=True)
        assert sorted(notes.pitch) == sorted(note.key for note in layer.notes)
        assert (said.name, said.role, said.program) == (layer.name, layer.role, layer.program)
        assert next(part for part in split.parts if part.name == name).is_drum is layer.is_drum


def test_nothing_ends_after_the_audio(song: Composed) -> None:
    split, _ = split_song(song.midi)
    short = composed_labels(song, split.parts, number=0, duration_s=12.0)
    assert short.end_s == short.chords[-1].end_s == short.sections[-1].end_s == 12.0


def test_genre_data_of_another_hash_are_told_apart(song: Composed, labels: ComposedSong) -> None:
    split, _ = split_song(song.midi)
    other = song._replace(genre=song.genre.model_copy(update={"rests": 0.33}))
    assert composed_labels(other, split.parts, number=7, duration_s=25.0).genre_sha256 != labels.genre_sha256
