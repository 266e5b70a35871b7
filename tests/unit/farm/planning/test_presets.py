from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from farm.cli.prepare import Asked, prepare
from farm.planning.plans import build_plan
from farm.planning.presets import plan_preset, plan_presets
from schemas.errors import PlanError

NAMES = ["babyslakh", "flakh", "slakh"]


def test_the_presets_are_those_of_slakhs_family() -> None:
    assert [preset.name for preset in plan_presets()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_a_plan_but_for_its_source_and_says_what_it_makes(name: str) -> None:
    preset = plan_preset(name)
    plan = build_plan({"source": "midi", **preset.values})
    assert "source" not in preset.values
    assert plan.output.layout == "slakh"
    assert preset.about.endswith(".")
    assert yaml.safe_load(preset.text) == preset.values


def test_babyslakh_is_the_form_of_the_published_one() -> None:
    plan = build_plan({"source": "midi", **plan_preset("babyslakh").values})
    form = plan.output
    assert (plan.limit, form.format, form.rate_hz, form.bits, form.channels) == (20, "wav", 16000, 16, 1)


def test_flakh_mixes_the_whole_file_and_bounds_what_is_brought_up() -> None:
    plan = build_plan({"source": "midi", **plan_preset("flakh").values})
    assert (plan.mix.made_of, plan.mix.gate_lufs, plan.instruments.map) == ("song", -45.0, None)


def test_what_is_done_with_a_preset_does_not_change_it() -> None:
    plan_preset("slakh").values["output"]["bits"] = 32
    assert plan_preset("slakh").values["output"]["bits"] == 16


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PlanError, match="there is no preset `nothing`") as caught:
        plan_preset("nothing")
    assert "babyslakh, flakh, slakh" in caught.value.hint


@pytest.mark.parametrize(
    ("band", "expected"), [(["Piano"], ["Piano"]), ("piano_trio", "piano_trio")], ids=["a list", "a name"]
)
def test_a_plan_replaces_what_a_preset_says_and_keeps_the_rest(tmp_path: Path, band: object, expected: object) -> None:
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "a.mid").write_bytes(b"x")
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"source": "midi", "filters": {"band": band, "min_notes": 5}}))
    plan = prepare(Asked(tmp_path / "plan.yaml", tmp_path / "out", {"output.bits": 24}, preset="babyslakh")).plan
    found = plan.filters.band if isinstance(plan.filters.band, str | list) else plan.filters.band.name
    assert found == expected
    assert (plan.filters.min_notes, plan.limit, plan.output.bits, plan.output.rate_hz) == (5, 20, 24, 16000)
