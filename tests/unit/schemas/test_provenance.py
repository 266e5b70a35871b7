"""What a song says it was made of: all data as one hash, and every file that sounds in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.annotation import StemAnnotation
from schemas.compose import ComposePlan
from schemas.dataset import DatasetRecord
from schemas.effects import AppliedEffect
from schemas.plan import DatasetPlan
from schemas.pools import SoundfontChoice
from schemas.provenance import assets_of, data_hash
from tests.support.composing import VALUES, genre
from tests.support.datasets import make_dataset, read_annotation


def plan(changes: dict[str, Any] | None = None, **asked: Any) -> DatasetPlan:
    return DatasetPlan(seed=1, compose=ComposePlan(genres=[genre(**(changes or {}))], **asked))


@pytest.mark.parametrize(
    "changes",
    [
        {"tempo_bpm": [80, 151]},
        {"patterns": {"4/4": {"verse": ["36, 42, 38, 42"]}}},
        {"progressions": {"verse": ["I,IV"]}},
        {"effects": {"reverb": 0.5}},
        {"layers": dict(reversed(VALUES["layers"].items()))},
    ],
)
def test_other_data_and_another_order_of_layers_have_another_hash(changes: dict[str, Any]) -> None:
    assert data_hash(plan(changes)) != data_hash(plan())
    assert plan(changes).plan_hash != plan().plan_hash


def test_neither_the_range_of_songs_nor_where_files_lie_nor_the_seed_counts() -> None:
    def pooled(path: str) -> dict[str, Any]:
        return {"soundfonts": {"melody": [SoundfontChoice(name="violin", soundfont=path)]}}

    assert data_hash(plan(first=7, count=3)) == data_hash(plan())
    assert data_hash(plan(**pooled("/one/violin.sf2"))) == data_hash(plan(**pooled("/two/violin.sf2")))
    assert data_hash(plan(**pooled("/one/violin.sf2"))) != data_hash(plan(**pooled("/one/viola.sf2")))
    assert data_hash(plan().model_copy(update={"seed": 2})) == data_hash(plan())


def test_the_order_of_layers_is_kept_where_a_dataset_writes_its_plan_down() -> None:
    facts = {
        "name": "x", "plan_sha256": "", "farm_version": "", "engine": "", "engine_version": "", "soundfont": "",
        "soundfont_sha256": "", "soundfont_licence": "", "tracks": 0, "failed": 0, "rejected": [], "duration_s": 0,
        "stem_audio_s": 0,
    }  # fmt: skip
    text = DatasetRecord.model_validate({**facts, "plan": plan()}).text
    again = DatasetRecord.model_validate_json(text).plan
    assert again.compose is not None
    assert again.compose.layers == list(VALUES["layers"])
    assert again.plan_hash == plan().plan_hash


def test_every_file_that_sounds_is_named_with_its_hash_and_none_that_does_not(tmp_path: Path) -> None:
    stem = read_annotation(make_dataset(tmp_path)).stems[0]

    def changed(**values: Any) -> StemAnnotation:
        return stem.model_copy(update=values)

    effect = AppliedEffect(effect="reverb", sha256="b" * 64, parameters={})
    plugin = changed(soundfont="", soundfont_sha256="", plugin="mda Piano", plugin_sha256="c" * 64)
    dropped = changed(soundfont="Other", soundfont_sha256="d" * 64, findings=["dropped"])
    assert assets_of([stem, changed(effects=[effect]), plugin, dropped]) == {
        "b" * 64: "effect reverb",
        "c" * 64: "plugin mda Piano",
        "f" * 64: "soundfont Test",
    }
