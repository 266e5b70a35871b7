"""The plan, the instrument map and the band that say what a Slakh set-up says."""

from __future__ import annotations

import json
from typing import Any, Final

from farm.planning.slakh.band import band_members
from farm.planning.slakh.classes import GM_CLASSES
from farm.planning.slakh.defs import DefsGroup
from farm.planning.slakh.numbers import family
from farm.planning.slakh.setup import Setup
from schemas.gm import DRUM_PROGRAM, program_name

PLAN_FILE: Final = "plan.yaml"
MAP_FILE: Final = "instruments.yaml"
BAND_FILE: Final = "band.yaml"
SONGS_FILE: Final = "songs.txt"

#: Slakh's tail behind the last event, seconds.
_TAIL_S: Final = 5.0
#: Bits of the files that soundfile writes for Slakh.
_BITS: Final = 16
#: Group for programs that Slakh leaves without audio, where a person wants them played.
_REST: Final = "Not in Slakh's definitions"


def shown_program(program: int) -> str:
    """Return a program as people read it: its number and name."""
    is_drum = program == DRUM_PROGRAM
    return f"{program} {program_name(0 if is_drum else program, is_drum=is_drum)}"


def stand_in_name(patch: str) -> str:
    """Return the name of what plays in place of a patch that only Kontakt or a plug-in has."""
    return f"{patch} (stand-in)"


def make_plan(setup: Setup, name: str) -> dict[str, Any]:
    """Return the plan's keys and values; files beside the plan are named as they will be written."""
    config = setup.config
    plan: dict[str, Any] = {
        "name": name,
        "source": _source(setup),
        "seed": config.random_seed,
        "limit": config.max_num_files,
        "filters": {"min_parts": 2, **({"band": BAND_FILE} if setup.band else {})},
        "instruments": {"map": MAP_FILE, "separate_drums": config.separate_drums},
    }
    if setup.options.soundfonts:
        plan["engine"] = {"soundfont": str(setup.options.soundfonts[0].expanduser().resolve())}
    return {
        **plan,
        "mix": {"stem_lufs": config.mix_normalization_factor, "ceiling_db": config.mix_target_peak},
        "output": {"format": "wav", "bits": _BITS, "rate_hz": config.renderman_sr, "channels": 1},
        "tail_max_s": _TAIL_S,
        "on_failed_stem": "drop_stem",
        "rerender_existing": config.rerender_existing,
    }


def _source(setup: Setup) -> str:
    if setup.options.source is not None:
        return str(setup.options.source.expanduser().resolve())
    if setup.songs is not None:
        return SONGS_FILE
    return str(setup.path(setup.config.lmd_base_dir or ""))


def make_band(setup: Setup, name: str) -> dict[str, Any] | None:
    """Return the band, or None where the config asks for none."""
    if setup.band is None:
        return None
    members = band_members(setup.band, setup.table, program_0_is_piano=setup.config.render_pgm0_as_piano)
    return {"name": name, "members": members, "allow_others": True, "need_patch": True}


def make_map(setup: Setup, name: str) -> dict[str, Any]:
    """Return the instrument map: Slakh's groups with 0-based programs, each program in the group that claims it best."""
    owned: dict[str, list[int]] = {group.name: [] for group in setup.defs.groups}
    for program, claims in setup.defs.claims().items():
        owned[claims[0].group.name].append(program)
    groups = []
    for group in setup.defs.groups:
        patches = [_choice(setup, patch, weight, at) for at, (patch, weight) in enumerate(group.patches().items())]
        if patches or not setup.options.play_unmapped:
            groups += _groups(setup, group, owned[group.name], patches)
    if setup.options.play_unmapped and (rest := silent_programs(setup)):
        groups += _groups(setup, DefsGroup(_REST, "", (), ()), rest, [{"name": "General MIDI"}])
    about = f"From {setup.defs.path.name} of a Slakh set-up; its patches are played by stand-ins from a soundfont."
    return {"name": name, "description": about, "groups": groups}


def silent_programs(setup: Setup) -> list[int]:
    """Return the programs that no group claims, or only a group without patches: Slakh makes no audio of them."""
    claims = setup.defs.claims()
    return [p for p in range(DRUM_PROGRAM + 1) if p not in claims or not claims[p][0].group.defs]


def _choice(setup: Setup, patch: str, weight: int, at: int) -> dict[str, Any]:
    """Return a stand-in: the part's own program, of the soundfonts in turn."""
    fonts = setup.options.soundfonts
    choice: dict[str, Any] = {"name": stand_in_name(patch)}
    if weight > 1:
        choice["weight"] = float(weight)
    if len(fonts) > 1 and at % len(fonts):
        choice["soundfont"] = str(fonts[at % len(fonts)].expanduser().resolve())
    return choice


def _groups(setup: Setup, group: DefsGroup, programs: list[int], patches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a group of the map; several where its programs differ in class or in MIDI rules."""
    kinds: dict[str, tuple[dict[str, Any], list[int]]] = {}
    for program in programs:
        kind = _kind(setup, program)
        kinds.setdefault(json.dumps(kind, sort_keys=True), (kind, []))[1].append(program)
    several = len(kinds) > 1
    return [
        {"name": f"{group.name} {at}" if several else group.name, **kind, "programs": found, "patches": patches}
        for at, (kind, found) in enumerate(kinds.values(), start=1)
    ]


def _kind(setup: Setup, program: int) -> dict[str, Any]:
    """Return the class of a program, where the table's is not General MIDI's, and its rules, where there are any."""
    inst_class = setup.table.classes.get(program, GM_CLASSES[program])
    kind: dict[str, Any] = {}
    if family(inst_class) != family(GM_CLASSES[program]):
        kind["inst_class"] = inst_class
    rules = setup.class_rules.get(inst_class)
    if rules is not None:
        kind["rules"] = {**rules, "enabled": setup.options.keep_rules}
    return kind
