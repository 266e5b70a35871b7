"""Labels of a good dataset are falsified in one way after another; exactly that is found."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.dataset import ANNOTATION
from tests.support.damage import TRACK, edit_annotation, found
from tests.support.datasets import reseal
from workers.verifying import Code, verify_dataset
from workers.verifying.labels import is_factor


def test_an_annotation_of_another_form_is_found(dataset: Path) -> None:
    edit_annotation(dataset, lambda song: song["stems"][0].pop("gain_db"))
    assert found(verify_dataset(dataset)) == {(ANNOTATION, Code.ANNOTATION_INVALID)}


def test_columns_of_unequal_length_are_found(dataset: Path) -> None:
    edit_annotation(dataset, lambda song: song["stems"][0]["notes"]["bent"].pop())
    assert found(verify_dataset(dataset)) == {(ANNOTATION, Code.ANNOTATION_INVALID)}


def test_an_annotation_of_another_song_is_found(dataset: Path) -> None:
    edit_annotation(dataset, lambda song: song["provenance"].update(song_sha256="0" * 64))
    assert found(verify_dataset(dataset)) == {(ANNOTATION, Code.ANNOTATION_DIFFERS)}


def test_a_beat_after_the_audio_is_found(dataset: Path) -> None:
    edit_annotation(dataset, lambda song: song["beats"][-1].update(time_s=song["duration_s"] + 0.1))
    assert found(verify_dataset(dataset)) == {(ANNOTATION, Code.ANNOTATION_OUTSIDE)}


def test_a_note_after_the_audio_is_found(dataset: Path) -> None:
    def hold(song: Any) -> None:
        song["stems"][0]["notes"]["offset_s"][-1] = song["duration_s"] + 1.0

    edit_annotation(dataset, hold)
    assert found(verify_dataset(dataset)) == {
        (ANNOTATION, Code.ANNOTATION_OUTSIDE),
        ("MIDI/S00.mid", Code.NOTES_DIFFER),
    }


def test_a_note_that_is_not_in_the_midi_file_is_found(dataset: Path) -> None:
    def add(song: Any) -> None:
        for column in song["stems"][1]["notes"].values():
            column.append(column[-1])

    edit_annotation(dataset, add)
    assert found(verify_dataset(dataset)) == {
        (ANNOTATION, Code.ANNOTATION_DIFFERS),  # the manifest counts the notes too
        ("MIDI/S01.mid", Code.NOTES_DIFFER),
    }


@pytest.mark.parametrize(("column", "change"), [("onset_s", 0.001), ("pitch", 1), ("velocity", -1)])
def test_a_note_other_than_in_the_midi_file_is_found(dataset: Path, column: str, change: float) -> None:
    def move(song: Any) -> None:
        song["stems"][2]["notes"][column][-1] += change

    edit_annotation(dataset, move)
    assert found(verify_dataset(dataset, fast=True)) == {("MIDI/S02.mid", Code.NOTES_DIFFER)}


def test_a_midi_file_of_another_stem_is_found(dataset: Path) -> None:
    folder = dataset / TRACK / "MIDI"
    shutil.copy(folder / "S01.mid", folder / "S00.mid")
    reseal(dataset)
    assert found(verify_dataset(dataset, fast=True)) == {("MIDI/S00.mid", Code.NOTES_DIFFER)}


def test_a_midi_file_that_is_none_is_found(dataset: Path) -> None:
    (dataset / TRACK / "MIDI" / "S00.mid").write_bytes(b"no MIDI")
    reseal(dataset)
    assert found(verify_dataset(dataset)) == {("MIDI/S00.mid", Code.NOTES_DIFFER)}


@pytest.mark.parametrize("key", ["gain_db", "loudness_lufs"])
def test_a_gain_that_does_not_add_up_is_found(dataset: Path, key: str) -> None:
    def raise_it(song: Any) -> None:
        song["stems"][0][key] += 0.5

    edit_annotation(dataset, raise_it)
    codes = found(verify_dataset(dataset))
    assert (ANNOTATION, Code.GAIN_WRONG) in codes
    assert codes <= {(ANNOTATION, Code.GAIN_WRONG), ("metadata.yaml", Code.METADATA_DIFFERS)}


def test_metadata_that_contradict_the_annotation_are_found(dataset: Path) -> None:
    path = dataset / TRACK / "metadata.yaml"
    document = yaml.safe_load(path.read_text())
    document["stems"]["S01"]["inst_class"] = "Piano"
    path.write_text(yaml.safe_dump(document))
    reseal(dataset)
    assert found(verify_dataset(dataset, fast=True)) == {("metadata.yaml", Code.METADATA_DIFFERS)}


def test_a_factor_that_lies_on_the_edge_of_rounding_is_the_gain_all_the_same() -> None:
    assert is_factor(round(10 ** (-7.0717 / 20), 9), -7.0717), "0.4430115 is one digit more than 0.443011"
    assert not is_factor(0.44302, -7.0717)


@pytest.mark.parametrize("text", ["stems: 3", "[", "{}"])
def test_metadata_of_another_form_are_found(dataset: Path, text: str) -> None:
    (dataset / TRACK / "metadata.yaml").write_text(text)
    reseal(dataset)
    assert found(verify_dataset(dataset, fast=True)) == {("metadata.yaml", Code.METADATA_DIFFERS)}
