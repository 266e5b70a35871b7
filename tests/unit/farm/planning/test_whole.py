from __future__ import annotations

import pytest

from farm.planning.draw import draw_stems
from farm.planning.plans import build_plan
from farm.planning.whole import with_whole
from schemas.errors import PlanError
from schemas.mixplan import MixPlan
from schemas.plan import DatasetPlan
from schemas.song import WHOLE
from tests.support.ledgers import engine_facts, plan, sha, split_result

SPLIT = split_result("x")
STEMS = draw_stems(plan(), engine_facts(), SPLIT)


def test_a_mix_of_the_stems_needs_no_render_of_the_song() -> None:
    assert with_whole(STEMS, plan(), engine_facts(), SPLIT, sha("song")) == STEMS


def test_a_mix_of_the_song_is_one_more_render_of_the_song_itself() -> None:
    wanted = plan(mix=MixPlan(made_of="song"), tail_max_s=3.0)
    *stems, whole = with_whole(STEMS, wanted, engine_facts(), SPLIT, sha("song"))
    assert stems == STEMS
    assert (whole.part.name, whole.part.notes) == (WHOLE, sum(part.notes for part in SPLIT.parts))
    assert (whole.job.midi_sha256, whole.job.tail_max_s, whole.job.patch.whole) == (sha("song"), 3.0, True)
    assert whole.job.patch.name == "Toy:whole"
    assert whole.job.patch.load_key == stems[0].job.patch.load_key, "a slot that plays the stems is warm for it"
    assert whole.job.spec_hash not in {stem.job.spec_hash for stem in stems}


def test_a_song_without_a_stem_gets_no_whole_either() -> None:
    wanted = plan(mix=MixPlan(made_of="song"))
    assert with_whole([], wanted, engine_facts(), SPLIT, sha("song")) == []


def test_what_is_left_at_its_default_leaves_the_hash_of_a_plan_as_it_was() -> None:
    assert plan().plan_hash == plan(mix=MixPlan(made_of="stems", gate_lufs=None)).plan_hash
    hashes = {plan(mix=MixPlan.model_validate(mix)).plan_hash for mix in ({}, {"made_of": "song"}, {"gate_lufs": -45})}
    assert len(hashes) == 3


def test_making_songs_again_changes_nothing_of_what_is_made() -> None:
    assert plan(rerender_existing=True).plan_hash == plan().plan_hash


def test_a_map_of_instruments_and_a_whole_file_contradict_each_other() -> None:
    values = {"source": "midi", "mix": {"made_of": "song"}, "instruments": {"map": "gm-strict"}}
    with pytest.raises(PlanError, match=r"instruments\.map has the stems played by others"):
        build_plan(values)
    assert isinstance(build_plan({**values, "instruments": {"map": None}}), DatasetPlan)
