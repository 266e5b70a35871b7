"""Effects in plans: sources are put in for names and paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from farm.planning.effects import effect_names
from farm.planning.plans import build_plan, load_plan
from schemas.errors import PlanError


def built(mix: dict[str, Any], folder: Path | None = None) -> Any:
    return build_plan({"source": "midi", "mix": mix}, folder=folder).mix


def test_the_farms_own_are_known_by_name() -> None:
    assert effect_names() == [
        "chorus", "compressor", "delay", "equaliser", "gain", "ladder_filter", "phaser", "reverb", "saturation",
    ]  # fmt: skip
    mix = built({"room": ["reverb"], "roles": [{"effects": [{"effect": "delay", "probability": 0.5}]}]})
    assert "zita" in mix.room[0].source
    assert (mix.roles[0].effects[0].effect, mix.roles[0].effects[0].probability) == ("delay", 0.5)
    assert "delay" in mix.roles[0].effects[0].source


def test_a_source_of_ones_own_is_found_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "own.dsp").write_text("process = _, _;")
    (tmp_path / "plan.yaml").write_text("source: midi\nmix:\n  room: [own.dsp]\n")
    effect = load_plan(tmp_path / "plan.yaml").mix.room[0]
    assert (effect.effect, effect.source) == ("own", "process = _, _;")


def test_a_plug_in_needs_no_source() -> None:
    effect = built({"room": [{"effect": "hall", "plugin": "urn:hall", "format": "lv2"}]}).room[0]
    assert (effect.plugin, effect.source) == ("urn:hall", None)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("revreb", "there is no effect `revreb`", "Did you mean `reverb`"),
        ("gone.dsp", "cannot be read", "Name a Faust"),
    ],
)
def test_what_is_not_there_is_an_error(tmp_path: Path, word: str, message: str, hint: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        built({"room": [word]}, tmp_path)
    assert hint in caught.value.hint
