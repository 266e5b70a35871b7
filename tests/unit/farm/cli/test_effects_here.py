"""A run whose mix needs what is not installed ends before a stem is rendered, and says what to install."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest

from farm.cli.run import check_effects
from farm.planning.plans import build_plan
from schemas.errors import MissingDependencyError

REVERB = {"room": [{"effect": "reverb"}]}


@pytest.fixture
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("_without")
@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"source": "songs", "mix": REVERB}, r"stemfarm\[plugins\]'`$"),
        ({"compose": {"genres": ["jazz"]}}, "composed-dry"),
    ],
)
def test_effects_without_their_engine_are_refused(values: dict[str, Any], hint: str) -> None:
    with pytest.raises(MissingDependencyError, match="DawDreamer") as caught:
        check_effects(build_plan(values))
    assert re.search(hint, caught.value.hint)


@pytest.mark.usefixtures("_without")
@pytest.mark.parametrize(
    "values",
    [
        {"source": "songs"},
        {"compose": {"genres": ["jazz"]}, "mix": {"preset": "composed-dry"}},
        {"compose": {"genres": ["jazz"]}, "output": {"parts": "midi"}},
    ],
)
def test_what_needs_no_effects_needs_no_engine_of_them(values: dict[str, Any]) -> None:
    check_effects(build_plan(values))
