"""`farm convert --bits 16 --dither`: what it does to the sound, what is written down of it, and what the verifier says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from schemas.convert import AudioForm, ConvertOrder, NoteCode, ReworkReport
from schemas.dataset import DATASET, DatasetRecord
from schemas.errors import OutputError, PlanError
from schemas.plan import OutputPlan
from tests.support.damage import edit_annotation, found
from tests.support.datasets import PLAN, make_dataset, read_annotation
from tests.support.farms import published as files_of
from workers.audio.files import read_audio
from workers.reworking.blocks import blocks_in
from workers.reworking.journal import Journal
from workers.reworking.run import convert_dataset
from workers.verifying import verify_dataset

TRACK = "Track00001"
FLOAT = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, format="wav", bits=32)})
DITHERED = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, bits=16, dither=True)})


def convert(source: Path, target: Path | None, **wanted: Any) -> ReworkReport:
    order = ConvertOrder(source=str(source), target=None if target is None else str(target), **wanted)
    return convert_dataset(order, lambda done, tracks: None)


def findings(dataset: Path) -> list[str]:
    return [str(finding) for finding in verify_dataset(dataset, processes=1).findings]


def stems_of(dataset: Path) -> list[Path]:
    return sorted((dataset / TRACK / "stems").iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one song that was dithered when it was made."""
    return make_dataset(tmp_path_factory.mktemp("dithered"), plan=DITHERED)


@pytest.mark.parametrize("wanted", [{}, {"rate_hz": 32000, "format": "wav"}, {"mono": True}], ids=str)
def test_stems_are_rounded_with_noise_and_sum_to_the_mix(
    published: Path, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    report = convert(published, tmp_path / "out", bits=16, dither=True, **wanted)
    assert (report.reworked, report.failed) == (1, [])
    assert findings(tmp_path / "out") == []
    stems = [read_audio(path).astype(np.int64) for path in stems_of(tmp_path / "out")]
    (mix,) = (tmp_path / "out" / TRACK).glob("mix.*")
    np.testing.assert_array_equal(np.sum(stems, axis=0), read_audio(mix))
    done = read_annotation(tmp_path / "out").conversions[0]
    form = AudioForm(format="wav", bits=32, rate_hz=done.rate_hz, channels=done.channels)
    for path, samples in zip(stems_of(published), stems, strict=True):
        exact = 2.0**15 * np.concatenate(list(blocks_in(path, form, gain_db=done.gain_db))).astype(np.float64)
        error = (samples - exact)[np.abs(exact).max(axis=1) > 1.0]
        assert np.abs(samples - exact).max() <= 1.51
        assert error.var() == pytest.approx(0.25, rel=0.05)
        silent = np.abs(exact[: len(exact) // 64 * 64].reshape(-1, 64 * done.channels)).max(axis=1) < 2.0**-11
        assert silent.any()
        assert not samples[: len(exact) // 64 * 64].reshape(-1, 64 * done.channels)[silent].any()


def test_floats_are_dithered_and_everything_says_so(tmp_path: Path) -> None:
    source = make_dataset(tmp_path, plan=FLOAT)
    convert(source, tmp_path / "out", bits=16, format="flac", dither=True)
    song = read_annotation(tmp_path / "out")
    assert (song.dither, song.conversions[0].dither, song.conversions[0].bits) == (True, True, 16)
    own = yaml.safe_load((tmp_path / "out" / TRACK / "metadata.yaml").read_text())["stemfarm"]
    assert (own["bits"], own["dither"], own["conversions"][0]["dither"]) == (16, True, True)
    record = DatasetRecord.model_validate_json((tmp_path / "out" / DATASET).read_bytes())
    assert (record.conversions[0].dither, record.form.bits) == (True, 16)
    assert findings(tmp_path / "out") == []


def test_without_it_no_document_has_a_word_of_it(published: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "out", bits=16)
    for file in (tmp_path / "out" / TRACK / "annotation.json", tmp_path / "out" / TRACK / "metadata.yaml"):
        assert "dither" not in file.read_text()
    assert "dither" not in json.loads((tmp_path / "out" / DATASET).read_text())["conversions"][0]


def test_the_same_order_again_finds_it_done_and_one_without_dither_does_not(published: Path, tmp_path: Path) -> None:
    convert(published, tmp_path / "out", bits=16, dither=True)
    before = files_of(tmp_path / "out")
    assert convert(published, tmp_path / "out", bits=16, dither=True, jobs=2).reworked == 0
    with pytest.raises(OutputError, match="not empty"):
        convert(published, tmp_path / "out", bits=16)
    assert files_of(tmp_path / "out") == before
    convert(published, tmp_path / "again", bits=16, dither=True)
    assert files_of(tmp_path / "again") == before


def test_of_others_too_a_copy_without_dither_is_not_taken_for_one_with_it(release: Path, tmp_path: Path) -> None:
    convert(release, tmp_path / "plain", rate_hz=16000, bits=16)
    with pytest.raises(OutputError, match="not empty"):
        convert(release, tmp_path / "plain", rate_hz=16000, bits=16, dither=True)
    convert(release, tmp_path / "out", rate_hz=16000, bits=16, dither=True)
    assert convert(release, tmp_path / "out", rate_hz=16000, bits=16, dither=True).reworked == 0
    (metadata,) = {
        yaml.safe_load(path.read_text())["stemfarm"]["conversions"][0]["dither"]
        for path in (tmp_path / "out").rglob("metadata.yaml")
    }
    assert metadata is True


def test_where_nothing_is_rounded_a_note_says_that_nothing_was_dithered(made: Path, tmp_path: Path) -> None:
    report = convert(made, tmp_path / "wav", format="wav", bits=16, dither=True)
    assert [note.code for note in report.notes] == [NoteCode.NOT_DITHERED]
    for path in stems_of(made):
        np.testing.assert_array_equal(
            read_audio(path), read_audio(tmp_path / "wav" / TRACK / "stems" / f"{path.stem}.wav")
        )
    assert read_annotation(tmp_path / "wav").dither  # as they were made
    assert findings(tmp_path / "wav") == []


@pytest.mark.parametrize(
    "wanted", [{"format": "wav"}, {"bits": 24}, {"bits": 32, "format": "wav"}, {"rate_hz": 16000}], ids=str
)
def test_dither_is_for_16_bits(published: Path, tmp_path: Path, wanted: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="rounded to 16 bits") as caught:
        convert(published, tmp_path / "out", dither=True, **wanted)
    assert "--bits 16" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "steps",
    [
        [{"bits": 24}],
        [{"bits": 32, "format": "wav"}],
        [{"rate_hz": 22050}],
        [{"rate_hz": 22050, "bits": 16, "dither": True}],
    ],
    ids=str,
)
def test_what_was_dithered_is_as_it_claims_after_further_conversions(
    made: Path, tmp_path: Path, steps: list[dict[str, Any]]
) -> None:
    assert findings(made) == []
    source = made
    for number, wanted in enumerate(steps):
        convert(source, tmp_path / str(number), **wanted)
        source = tmp_path / str(number)
        assert findings(source) == []
    lossy = "rate_hz" in steps[-1]
    assert read_annotation(source).dither is (not lossy or "dither" in steps[-1])


def test_the_verifier_finds_what_is_wrongly_said_of_dither(published: Path, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000)})
    dataset = make_dataset(tmp_path, plan=plan)
    edit_annotation(dataset, lambda song: song.update(dither=True), plan=plan)
    assert found(verify_dataset(dataset, processes=1)) == {
        ("annotation.json", "annotation_differs"),
        ("metadata.yaml", "metadata_differs"),
    }


def test_an_order_that_an_older_farm_began_is_still_the_same_order(tmp_path: Path) -> None:
    order = ConvertOrder(source="here", target="there", bits=16)
    Journal(tmp_path).open(order)
    begun = json.loads((tmp_path / ".farm" / "convert" / "order.json").read_text())
    assert set(begun) == {"source", "target", "format", "bits", "rate_hz", "mono"}
    with pytest.raises(OutputError, match="another conversion"):
        Journal(tmp_path).open(order.model_copy(update={"dither": True}))
