"""A Slakh set-up written after the description of slakh-generation's files: config, definitions, tables, band, rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.gm import PROGRAM_NAMES, program_class

#: Slakh's class of the programs where its table spells it otherwise than the farm.
_SPELT = {**dict.fromkeys(range(96, 104), "Sound Effects"), **dict.fromkeys(range(119, 128), "Sound effects")}

Groups = dict[str, dict[str, Any]]


def slakh_class(program: int) -> str:
    """Return the class of a melodic program as Slakh's table spells it."""
    return _SPELT.get(program, program_class(program, is_drum=False))


def class_table(first: int) -> dict[str, dict[str, str]]:
    """Return a class table that counts from `first`; Slakh's `_0` has drums as 128, its `_1` a second piano as 0."""
    table = {
        str(program + first): {"class": slakh_class(program), "name": PROGRAM_NAMES[program]} for program in range(128)
    }
    extra = {"0": {"class": "Piano", "name": "Acoustic Grand Piano"}} if first else {}
    return table | (extra or {"128": {"class": "Drums", "name": "Drums"}})


def group(inst_class: str, numbers: list[int], *defs: str) -> dict[str, Any]:
    return {"class": inst_class, "program_numbers": numbers, "defs": list(defs)}


#: Counts from 0, but for the drums, as Slakh's lax files do; every family but two has patches.
LAX: Groups = {
    "Piano": group("Piano", list(range(8)), "old_piano.nkm", "clav.nkm"),
    "Chromatic Percussion": group("Chromatic Percussion", list(range(8, 16)), "vibes.nkm"),
    "Organ": group("Organ", list(range(16, 24)), "smoky_organ.nkm"),
    "Guitar": group("Guitar", list(range(24, 32)), "loud_guitar.nkm", "/Library/Components/AGX.component", "loud_guitar.nkm"),
    "Bass": group("Bass", list(range(32, 40)), "round_bass.nkm"),
    "Strings": group("Strings", list(range(40, 48)), "quartet.nkm"),
    "Strings (continued)": group("Strings (continued)", list(range(48, 56)), "hall_strings.nkm"),
    "Brass": group("Brass", list(range(56, 64)), "soft_brass.nkm"),
    "Reed": group("Reed", list(range(64, 72)), "dry_reed.nkm"),
    "Pipe": group("Pipe", list(range(72, 80)), "wood_pipe.nkm"),
    "Synth Lead": group("Synth Lead", list(range(80, 88)), "saw_lead.nkm"),
    "Synth Pad": group("Synth Pad", list(range(88, 96))),
    "Ethnic": group("Ethnic", []),
    "Drums": group("Drums", [129], "room_kit.nkm", "club_kit.nkm"),
}  # fmt: skip

#: Counts from 1, has a 0 in two groups, a misspelt class, and leaves synth basses out, as Slakh's strict file does.
STRICT: Groups = {
    "Electric Piano": group("Piano", [0, 3, 5, 6, 8], "tines.nkm"),
    "Acoustic Piano": group("Piano", [0, 1, 2, 4, 7], "old_piano.nkm", "upright.nkm"),
    "Chromatic Percussion": group("Chromatic Percussion", list(range(9, 17)), "vibes.nkm"),
    "Organ": group("Organ", list(range(17, 25)), "smoky_organ.nkm"),
    "Guitar": group("Guitar", list(range(25, 33)), "loud_guitar.nkm"),
    "Bass": group("Bass", list(range(33, 39)), "round_bass.nkm"),
    "Bassoon": group("Reeds", [71], "bassoon.nkm"),
    "Orchestral Hit": group("Strings", [56]),
    "Drums": group("Drums", [129], "room_kit.nkm"),
}

RULES: dict[str, list[dict[str, Any]]] = {
    "Bass": [
        {"rule_name": "min_max_octave", "enabled": False, "min": 35, "max": 79},
        {"rule_name": "shift_all_notes", "enabled": True, "shift": 12},
    ],
    "Drums": [{"rule_name": "move_note", "enabled": True, "note_rules": [{"old": 35, "new": 36}]}],
}

BAND: dict[str, Any] = {"key": "class", "band_def": ["Piano", "Guitar", "Bass", "Drums"]}


def config(**changes: Any) -> dict[str, Any]:
    """Return a config with all 22 keys and Slakh's example values, with `changes`; ... takes a key away."""
    values = {
        "lmd_base_dir": "midi",
        "kontakt_path": "/Library/Audio/Plug-Ins/Components/Kontakt.component",
        "kontakt_defs_dir": "~/Library/Application Support/Native Instruments/Kontakt/default",
        "user_nkms_dir": "kontakt_nkms/factory",
        "instrument_classes_file": "classes_0.json",
        "defs_metadata_file": "defs.json",
        "output_dir": "made",
        "renderman_sr": 44100,
        "renderman_buf": 512,
        "renderman_sleep": 20.0,
        "renderman_restart_lim": 20,
        "random_seed": 425,
        "max_num_files": 2100,
        "separate_drums": False,
        "mix_normalization_factor": -13.0,
        "mix_target_peak": -1.0,
        "render_pgm0_as_piano": True,
        "rerender_existing": False,
        "band_definition_file": "rock_band.json",
        "midi_file_list": None,
        "zero_based_midi": False,
        "logfile_basename": "slakh_output",
        **changes,
    }
    return {key: value for key, value in values.items() if value is not ...}


def write_setup(
    root: Path,
    *,
    defs: Groups | None = None,
    band: dict[str, Any] | None = None,
    rules: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write a whole set-up below `root` and return its config; `changes` are those of `config`."""
    (root / "midi").mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {
        "config.json": config(**changes),
        "classes_0.json": class_table(0),
        "classes_1.json": class_table(1),
        "defs.json": LAX if defs is None else defs,
        "rock_band.json": BAND if band is None else band,
        "midi_rules/pitch.json": RULES if rules is None else rules,
    }
    for name, value in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(json.dumps(value, indent=1), encoding="utf-8")
    return root / "config.json"
