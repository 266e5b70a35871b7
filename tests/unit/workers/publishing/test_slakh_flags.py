"""The flags of metadata.yaml are true to the files, whatever became of the stems; and a lie among them is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset, reseal
from workers.midi.join import join_stems, joined_notes
from workers.publishing.layouts.slakh import metadata_text
from workers.verifying import Code, verify_dataset

TRACK = "Track00001"


def give_up(stems: dict[str, Any]) -> dict[str, Any]:
    return {name: audio for name, audio in stems.items() if name != "S01"}


def silence(stems: dict[str, Any]) -> dict[str, Any]:
    return {**stems, "S02": np.zeros_like(stems["S02"])}


def metadata_of(dataset: Path) -> Any:
    return yaml.safe_load((dataset / TRACK / "metadata.yaml").read_text())


@pytest.mark.parametrize("spoil", [None, give_up, silence], ids=["all rendered", "one given up", "one silent"])
@pytest.mark.parametrize("file_format", ["flac", "wav"])
@pytest.mark.parametrize("made_of", ["stems", "song"])
def test_flags_say_what_is_in_the_folder(tmp_path: Path, spoil: Any, file_format: str, made_of: str) -> None:
    plan = PLAN.model_copy(
        update={
            "output": OutputPlan.model_validate({"rate_hz": 16000, "channels": 1, "bits": 16, "format": file_format}),
            "mix": MixPlan.model_validate({"made_of": made_of}),
        }
    )
    dataset = make_dataset(tmp_path, plan=plan, spoil=spoil)
    metadata, folder = metadata_of(dataset), dataset / TRACK
    assert sorted(metadata["stems"]) == ["S00", "S01", "S02", "S03"]
    for name, stem in metadata["stems"].items():
        audio = folder / metadata["audio_dir"] / f"{name}.{file_format}"
        assert stem["audio_rendered"] == audio.is_file()
        assert stem["midi_saved"] == (folder / metadata["midi_dir"] / f"{name}.mid").is_file()
    lost = {name for name, stem in metadata["stems"].items() if not stem["audio_rendered"]}
    assert lost == ({"S01"} if spoil is give_up else set())
    without = {name for name, stem in metadata["stems"].items() if stem["integrated_loudness"] is None}
    assert without == {give_up: {"S01"}, silence: {"S02"}}.get(spoil, set())
    assert metadata["normalized"] == (folder / f"mix.{file_format}").is_file()
    assert metadata["stemfarm"]["silent_stems"] == sorted(without)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("good"), spoil=give_up)


LIES: dict[str, Callable[[Any], None]] = {
    "a stem that is there is called unrendered": lambda m: m["stems"]["S00"].update(audio_rendered=False),
    "a stem that is not there is called rendered": lambda m: m["stems"]["S01"].update(audio_rendered=True),
    "a MIDI file that is there is called unsaved": lambda m: m["stems"]["S02"].update(midi_saved=False),
    "a mix that is there is called missing": lambda m: m.update(normalized=False),
    "a path is absolute": lambda m: m.update(audio_dir="/data/Track00001/stems"),
    "the mix is called no sum": lambda m: m["stemfarm"]["mix"].update(is_sum=False),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_flag_that_lies_is_found(good: Path, tmp_path: Path, lie: str) -> None:
    dataset = Path(shutil.copytree(good, tmp_path / "dataset"))
    assert verify_dataset(dataset, fast=True, processes=1).ok
    metadata = metadata_of(dataset)
    LIES[lie](metadata)
    (dataset / TRACK / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    reseal(dataset)
    findings = verify_dataset(dataset, fast=True, processes=1).findings
    assert {(finding.file, finding.code) for finding in findings} == {("metadata.yaml", Code.METADATA_DIFFERS)}


def test_the_file_of_all_stems_holds_what_sounds_and_no_stem_that_was_given_up(good: Path, tmp_path: Path) -> None:
    path = good / TRACK / "all_stems.mid"
    assert len(joined_notes(path.read_bytes())) == 3, "one of four was given up"
    dataset = Path(shutil.copytree(good, tmp_path / "dataset"))
    others = [(dataset / TRACK / "MIDI" / f"{name}.mid").read_bytes() for name in ("S00", "S02", "S00")]
    (dataset / TRACK / "all_stems.mid").write_bytes(
        join_stems({str(number): data for number, data in enumerate(others)})
    )
    reseal(dataset)
    findings = verify_dataset(dataset, fast=True, processes=1).findings
    assert {(finding.file, finding.code) for finding in findings} == {("all_stems.mid", Code.NOTES_DIFFER)}


@given(
    st.text(st.characters(max_codepoint=127)),
    st.floats(allow_nan=False),
    st.one_of(st.none(), st.booleans(), st.integers()),
)
def test_metadata_is_the_text_that_pyyaml_itself_would_write(words: str, number: float, other: int | None) -> None:
    metadata = {"stems": {"S00": {"name": words, "gain": number}}, "list": [other, words, {"inner": words}]}
    expected = yaml.safe_dump(metadata, sort_keys=True, default_flow_style=False, allow_unicode=True, width=10_000)
    assert metadata_text(metadata) == expected
    emoji = {"name": f"{words} \N{GRINNING FACE} \N{LATIN SMALL LETTER E WITH ACUTE}"}
    assert metadata_text(emoji) == yaml.safe_dump(emoji, allow_unicode=True, width=10_000)
