from __future__ import annotations

import io
import json
import warnings
from typing import Any

import pytest

from tests.support.datasets import make_song, song_midi
from workers.annotating.jams import jams_text
from workers.publishing.layouts.base import TrackContents

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jams


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> TrackContents:
    return make_song(tmp_path_factory.mktemp("song"), song_midi())


@pytest.fixture(scope="module")
def loaded(contents: TrackContents) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = jams.load(io.StringIO(jams_text(contents.annotation)), validate=True, strict=True)
        document.validate(strict=True)
    return document


def test_the_jams_library_accepts_the_file(loaded: Any, contents: TrackContents) -> None:
    assert loaded.file_metadata.duration == contents.annotation.duration_s
    assert [item.namespace for item in loaded.annotations] == ["beat_position", "tempo", "key_mode"] + ["note_midi"] * 4


def test_notes_are_those_of_the_annotation(loaded: Any, contents: TrackContents) -> None:
    for item, stem in zip(loaded.search(namespace="note_midi"), contents.annotation.stems, strict=True):
        intervals, pitches = item.to_interval_values()
        assert [float(pitch) for pitch in stem.notes.pitch] == pitches
        assert intervals[:, 0].tolist() == stem.notes.onset_s
        assert intervals[:, 1].tolist() == pytest.approx(stem.notes.offset_s, abs=1e-6)
        assert item.sandbox.name == stem.name


def test_beats_carry_the_meter_in_force(loaded: Any, contents: TrackContents) -> None:
    beats = loaded.search(namespace="beat_position")[0].data
    assert [beat.time for beat in beats] == [beat.time_s for beat in contents.annotation.beats]
    assert {(beat.value["num_beats"], beat.value["beat_units"]) for beat in beats} == {(4, 4), (3, 4)}
    assert all(beat.value["position"] <= beat.value["num_beats"] for beat in beats)


def test_tempo_and_key_cover_the_song(loaded: Any, contents: TrackContents) -> None:
    tempo = loaded.search(namespace="tempo")[0].data
    assert sum(item.duration for item in tempo) == pytest.approx(contents.annotation.duration_s, abs=1e-5)
    assert [item.value for item in loaded.search(namespace="key_mode")[0].data] == ["C:major"]


def test_the_same_annotation_gives_the_same_text(contents: TrackContents) -> None:
    assert jams_text(contents.annotation) == jams_text(contents.annotation)
    assert json.loads(jams_text(contents.annotation))["sandbox"]["annotation"] == "annotation.json"


def test_a_song_whose_file_names_no_key_has_none(contents: TrackContents) -> None:
    without = contents.annotation.model_copy(update={"keys": []})
    (keys,) = (item for item in json.loads(jams_text(without))["annotations"] if item["namespace"] == "key_mode")
    assert keys["data"] == []
