"""The plan of a finished dataset, ready to be made once more: soundfonts are looked for, and its store is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.again import missing_files, plan_again
from farm.planning.plans import build_plan
from schemas.instruments import InstrumentMap
from schemas.patch import AssetRef
from tests.support.soundfont import write_soundfont
from workers.engines.soundfonts import describe, find_soundfont


@pytest.fixture(scope="module")
def packaged() -> AssetRef:
    return describe(find_soundfont("TimGM6mb"))


def test_a_soundfont_that_has_gone_is_found_by_its_content_or_else_its_files_name(packaged: AssetRef) -> None:
    plan = build_plan({"source": "songs", "engine": {"soundfont": "/gone/renamed.sf2"}})
    again = plan_again(plan, hashes={"renamed": packaged.sha256})
    assert again.engine.soundfont == packaged.path
    plan = build_plan({"source": "songs", "engine": {"soundfont": "/gone/TimGM6mb.sf2"}})
    again = plan_again(plan, hashes={})
    assert again.engine.soundfont == packaged.path
    assert again.plan_hash == plan.plan_hash


def test_what_is_there_stays_and_what_nobody_knows_is_left_for_the_probe_to_name(tmp_path: Path) -> None:
    font = write_soundfont(tmp_path / "own.sf2")
    group = {"name": "all", "programs": [0], "patches": [{"name": "a", "soundfont": str(font)}, {"name": "b"}]}
    plan = build_plan(
        {
            "source": "songs",
            "engine": {"soundfont": "/gone/unknown.sf2"},
            "instruments": {"map": {"name": "own", "groups": [group]}},
        }
    )
    again = plan_again(plan, hashes={})
    assert again.engine.soundfont == "/gone/unknown.sf2"
    assert isinstance(again.instruments.map, InstrumentMap)
    assert again.instruments.map.soundfonts == [str(font)]
    assert missing_files(again) == ["/gone/unknown.sf2"]
    assert again.plan_hash == plan.plan_hash


def test_pools_are_looked_for_too_and_neither_store_nor_habits_are_taken_over(packaged: AssetRef) -> None:
    pool = [{"name": "here", "soundfont": "/gone/TimGM6mb.sf2"}]
    plan = build_plan(
        {
            "compose": {"genres": ["pop"], "soundfonts": {"melody": pool}},
            "store": {"url": "s3://bucket/stems"},
            "keep_store": True,
            "rerender_existing": True,
        }
    )
    again = plan_again(plan, hashes={})
    assert again.compose is not None
    assert again.compose.soundfont_words == [packaged.path]
    assert (again.store.url, again.keep_store, again.rerender_existing) == (None, False, False)
    assert again.plan_hash == plan.plan_hash
