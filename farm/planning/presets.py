"""Presets of plans: what a person asks for by one word, such as `babyslakh`; data in `presets/plans`, one file each.

A preset is a plan without a source. What a plan file or a flag says wins over it.
"""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.errors import PlanError

#: A symlink to the presets at the top of the project, so that they travel in the wheel.
_FOLDER: Final = Path(__file__).resolve().parent.parent / "_presets" / "plans"


@dataclass(frozen=True, slots=True)
class PlanPreset:
    """A preset: its name, what it makes in one sentence, and the keys of its plan."""

    name: str
    about: str
    values: dict[str, Any]
    text: str  #: as it is written in its file


def plan_presets() -> list[PlanPreset]:
    """Return every preset, by name."""
    return [_read(path) for path in sorted(_FOLDER.glob("*.yaml"))]


def plan_preset(name: str) -> PlanPreset:
    """Return the preset of a name.

    Raises:
        PlanError: there is none; the nearest one is named.
    """
    presets = {preset.name: preset for preset in plan_presets()}
    if name in presets:
        preset = presets[name]
        return PlanPreset(name, preset.about, copy.deepcopy(preset.values), preset.text)
    close = difflib.get_close_matches(name, presets, n=1)
    hint = f"Did you mean `{close[0]}`?" if close else f"Presets are {', '.join(presets)}; see `farm presets`"
    raise PlanError(f"there is no preset `{name}`", hint=hint)


def _read(path: Path) -> PlanPreset:
    """Read a preset; the comment that begins the file says what it makes."""
    text = path.read_text(encoding="utf-8")
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# ").strip())
    return PlanPreset(path.stem, " ".join(head), yaml.safe_load(text), text)
