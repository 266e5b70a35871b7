"""`farm presets`: the plans that the farm brings along."""

from __future__ import annotations

import sys

from farm.cli.output import print_json
from farm.cli.screens import show, table
from farm.planning.presets import plan_preset, plan_presets


def presets_command(name: str | None, *, as_json: bool) -> int:
    """List the presets, or print one as a plan to begin with; returns 0."""
    if name is not None:
        preset = plan_preset(name)
        if as_json:
            print_json({"name": preset.name, "about": preset.about, "plan": preset.values})
        else:
            sys.stdout.write(preset.text)
        return 0
    presets = plan_presets()
    if as_json:
        print_json([{"name": preset.name, "about": preset.about, "plan": preset.values} for preset in presets])
    else:
        show(table("presets", ["name", "what it makes"], [[preset.name, preset.about] for preset in presets]))
    return 0
