"""Roles and other mixes are checked: what the plan draws, what is written down, and what the files hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from farm.planning.plans import build_plan
from schemas.plan import DatasetPlan
from tests.support.damage import TRACK, edit_annotation, edit_audio, found
from tests.support.datasets import PLAN, make_dataset, read_annotation, reseal
from tests.support.stems import Audio
from workers.audio.files import Block
from workers.verifying import Code, verify_dataset

OUTPUTS: dict[str, dict[str, Any]] = {
    "flac24": {"rate_hz": 16000},
    "flac16": {"rate_hz": 16000, "bits": 16},
    "dithered": {"rate_hz": 16000, "bits": 16, "dither": True},
    "wav32": {"rate_hz": 16000, "bits": 32, "format": "wav"},
}


def planned(output: dict[str, Any]) -> DatasetPlan:
    others = [{"name": "wide", "preset": "wide"}, {"name": "any", "preset": "random", "stems": True, "ceiling_db": -3}]
    mix = {"preset": "band", "others": others}
    return build_plan({"name": "test", "source": "songs", "seed": 7, "mix": mix, "output": output})


MIXED = planned(OUTPUTS["flac24"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("mixed"), plan=MIXED)


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dataset"))


def codes(dataset: Path) -> set[tuple[str, str]]:
    return found(verify_dataset(dataset, processes=1))


def test_it_is_as_it_claims(made: Path) -> None:
    assert verify_dataset(made, processes=1).findings == []


@pytest.mark.parametrize("form", ["flac16", "dithered", "wav32"])
def test_it_is_as_it_claims_in_other_forms(tmp_path: Path, form: str) -> None:
    dataset = make_dataset(tmp_path, plan=planned(OUTPUTS[form]))
    assert verify_dataset(dataset, processes=1).findings == []


def test_the_errors_of_dither_are_allowed_for_where_one_stem_makes_the_mix(tmp_path: Path) -> None:
    """Its published stem times a factor is off by more than half a step and half a step times the factor."""
    mix = {"stem_lufs": -40.0, "others": [{"name": "low", "stem_lufs": -52.0}]}
    plan = build_plan(
        {"name": "test", "source": "songs", "mix": mix, "output": {"rate_hz": 16000, "bits": 16, "dither": True}}
    )

    def alone(played: dict[str, Audio]) -> dict[str, Audio]:
        return {"S00": played["S00"]}

    dataset = make_dataset(tmp_path, plan=plan, spoil=alone)
    assert codes(dataset) == set()
    edit_audio(dataset, "mixes/low/mix.flac", _shifted, bits=16)
    reseal(dataset, plan)
    assert ("mixes/low/mix.flac", Code.NOT_THE_SUM) in codes(dataset)


def _shifted(audio: Block) -> Block:
    shifted = audio.copy()
    shifted[1000:1100] += 4
    return shifted


def test_metadata_names_roles_and_mixes_and_without_any_has_no_word_of_them(made: Path, good: Path) -> None:
    own = yaml.safe_load((made / TRACK / "metadata.yaml").read_text())["stemfarm"]
    assert set(own["mixes"]) == {"wide", "any"}
    assert own["mixes"]["wide"]["audio"] == "mixes/wide/mix.flac"
    assert own["mixes"]["any"]["stems"]["S00"]["audio"] == "mixes/any/stems/S00.flac"
    assert own["roles"]["S02"]["pan"] == read_annotation(made).stems[2].pan != 0.0
    plain = yaml.safe_load((good / TRACK / "metadata.yaml").read_text())["stemfarm"]
    assert not {"roles", "mixes"} & set(plain)
    text = (good / TRACK / "annotation.json").read_text()
    assert not any(f'"{key}"' in text for key in ("role_gain_db", "pan", "balance", "mixes"))


def test_a_step_in_a_sample_of_a_mix_with_stems_of_its_own_is_found(dataset: Path) -> None:
    _raise(dataset, "mixes/any/mix.flac", 1)
    assert codes(dataset) == {("mixes/any/mix.flac", Code.NOT_THE_SUM)}


def test_more_than_rounding_in_a_mix_without_stems_is_found_and_rounding_is_not(dataset: Path) -> None:
    wide = read_annotation(dataset).mixes[0]
    bound = sum(0.5 * (1.0 + max(factor for factor in stem.relative if factor is not None)) for stem in wide.stems)
    _raise(dataset, wide.audio, int(2 * bound) + 2)
    assert codes(dataset) == {(wide.audio, Code.NOT_THE_SUM)}


def test_a_mix_of_other_music_is_found(dataset: Path) -> None:
    shutil.copyfile(dataset / TRACK / "mix.flac", dataset / TRACK / "mixes/wide/mix.flac")
    reseal(dataset, MIXED)
    assert ("mixes/wide/mix.flac", Code.NOT_THE_SUM) in codes(dataset)


def _raise(dataset: Path, file: str, steps: int) -> None:
    def edit(block: Block) -> Block:
        changed = block.copy()
        changed[5000, 1] += steps
        return changed

    edit_audio(dataset, file, edit)
    reseal(dataset, MIXED)


def _stem(document: Any) -> Any:
    return document["stems"][2]


def _other(document: Any) -> Any:
    return document["mixes"][1]["stems"][2]


def _first_other(document: Any) -> Any:
    return document["mixes"][0]


LIES: dict[str, tuple[Callable[[Any], None], set[str]]] = {
    "pan": (lambda song: _stem(song).update(pan=0.1234), {Code.ROLE_WRONG}),
    "role": (lambda song: _stem(song).update(role_gain_db=0.5, gain_db=0.5), {Code.ROLE_WRONG}),
    "balance": (lambda song: _stem(song).update(balance=[1.0, 1.0]), {Code.ROLE_WRONG}),
    "no balance": (lambda song: _stem(song).update(balance=None), {Code.ROLE_WRONG}),
    "pan of another": (lambda song: _other(song).update(pan=0.1234), {Code.ROLE_WRONG}),
    "gain of another": (lambda song: _other(song).update(gain_db=0.5), {Code.GAIN_WRONG}),
    "factor": (lambda song: _other(song).update(relative=[1.0, 1.0]), {Code.GAIN_WRONG}),
    "ceiling": (lambda song: _first_other(song).update(ceiling_db=0.0), {Code.MIX_WRONG}),
    "peak": (lambda song: _first_other(song).update(peak_dbfs=-9.0), {Code.PEAK_WRONG}),
    "loudness": (lambda song: _first_other(song).update(loudness_lufs=-9.0), {Code.LOUDNESS_WRONG}),
    "a mix left out": (lambda song: song["mixes"].pop(0), {Code.MIX_WRONG}),
    "a stem left out": (lambda song: _first_other(song)["stems"].pop(), {Code.MIX_WRONG}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_written_down_wrongly_is_found(dataset: Path, lie: str) -> None:
    edit, expected = LIES[lie]
    edit_annotation(dataset, edit, plan=MIXED)
    assert expected <= {code for _, code in codes(dataset)}


def test_the_annotation_of_a_plan_without_roles_may_have_none(good: Path, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(good, tmp_path / "dataset"))
    edit_annotation(dataset, lambda song: song["stems"][0].update(role_gain_db=1.0, pan=0.0), plan=PLAN)
    assert Code.ROLE_WRONG in {code for _, code in codes(dataset)}
