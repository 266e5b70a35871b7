"""`farm instruments`: which patches play which programs, and what is wrong with a map."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from farm.cli.output import counted, print_json
from farm.cli.screens import show, table
from farm.planning.instruments import MapCheck, check_map, load_map, map_names, program_words
from schemas.errors import PlanError
from schemas.instruments import PROGRAMS, InstrumentGroup, InstrumentMap, PatchChoice
from schemas.plan import EnginePlan
from schemas.rules import MidiRules

#: What stands for the soundfont of the plan, and its licence.
_PLANS_OWN = "the plan's"
#: Exit code of --check where the map cannot be used.
_UNUSABLE = 1
#: Programs without a patch that are listed with their names.
_NAMED = 8


def instruments_command(name: str | None, check: Path | None, *, as_json: bool) -> int:
    """List the farm's maps, show one, or check a file."""
    if check is not None:
        if name is not None:
            raise PlanError(
                f"--check reads a file, and {name} is asked for too",
                hint="Give one of them; a map's name needs no --check",
            )
        return _check(check, as_json=as_json)
    if name is None:
        return _list([load_map(known) for known in map_names()], as_json=as_json)
    made = load_map(name)
    if as_json:
        print_json({**made.model_dump(mode="json"), "unmapped": made.unmapped})
        return 0
    sys.stdout.write(f"{made.description}\n\n" if made.description else "")
    show(table(made.name, _COLUMNS, [row for group in made.groups for row in _rows(group)]))
    sys.stdout.write(_unmapped(made.unmapped))
    return 0


def _list(maps: list[InstrumentMap], *, as_json: bool) -> int:
    records = [_summary(made) for made in maps]
    if as_json:
        print_json(records)
        return 0
    columns = ["name", "groups", "programs", "patches", "engines", "soundfonts", "licences"]
    rows = [[_words(record[column]) for column in columns] for record in records]
    show(table("instrument maps", columns, [list(row) for row in rows]))
    return 0


def _summary(made: InstrumentMap) -> dict[str, Any]:
    patches = [patch for group in made.groups for patch in group.patches]
    return {
        "name": made.name,
        "description": made.description,
        "groups": len(made.groups),
        "programs": len(PROGRAMS) - len(made.unmapped),
        "unmapped": made.unmapped,
        "patches": len(patches),
        "engines": sorted({_engine(patch) for patch in patches}),
        "soundfonts": sorted({patch.soundfont or _PLANS_OWN for patch in patches if patch.file is None}),
        "licences": sorted({_licence(patch) for patch in patches}),
    }


def _check(path: Path, *, as_json: bool) -> int:
    found = check_map(path)
    if as_json:
        print_json({**asdict(found), "ok": found.ok})
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _findings(found)) + _unmapped(found.unmapped))
        parts = f"{counted(found.groups, 'group')}, {counted(found.patches, 'patch', 'patches')}"
        verdict = "it can be used" if found.ok else "it cannot be used as it stands"
        sys.stdout.write(f"{found.name}: {parts}, {verdict}\n")
    return 0 if found.ok else _UNUSABLE


def _findings(found: MapCheck) -> Iterable[str]:
    yield from found.errors
    for program, groups in found.double.items():
        yield f"{program_words(program)} is claimed by {len(groups)} groups: {', '.join(groups)}"


def _unmapped(programs: list[int]) -> str:
    if not programs:
        return ""
    few = len(programs) <= _NAMED
    listed = ", ".join(program_words(program) for program in programs) if few else _runs(programs)
    return f"no patch plays {counted(len(programs), 'program')}, and their parts get no audio: {listed}\n"


_COLUMNS = [
    "group",
    "programs",
    "patch",
    "plays",
    "soundfont or engine",
    "share",
    "keys",
    "octaves",
    "rules",
    "licence",
]


def _rows(group: InstrumentGroup) -> list[list[object]]:
    total = sum(patch.weight for patch in group.patches)
    rows: list[list[object]] = [
        [
            "", "", patch.name, _preset(patch), _soundfont(patch), f"{patch.weight / total:.0%}",
            "" if patch.key_range is None else _span(*patch.key_range), patch.octave_offset or "",
            _rules(group.rules_of(patch)), _licence(patch),
        ]
        for patch in group.patches
    ]  # fmt: skip
    rows = rows or [["", "", "none", *[""] * (len(_COLUMNS) - 3)]]
    rows[0][:2] = [group.name, _runs(group.programs)]
    return rows


def _engine(patch: PatchChoice) -> str:
    return EnginePlan().name if patch.file is None else patch.file.engine


def _preset(patch: PatchChoice) -> str:
    if patch.file is not None:
        return patch.file.name
    program = "its own program" if patch.program is None else f"program {patch.program}"
    return program if patch.bank is None else f"bank {patch.bank}, {program}"


def _soundfont(patch: PatchChoice) -> str:
    if patch.file is not None:
        return patch.file.engine
    return _PLANS_OWN if patch.soundfont is None else Path(patch.soundfont).name


def _licence(patch: PatchChoice) -> str:
    return patch.licence or ("its soundfont's" if patch.file is None else "its plug-in's")


def _rules(rules: MidiRules | None) -> str:
    if rules is None:
        return ""
    words = [] if rules.fold is None else [f"fold into {_span(*rules.fold)}"]
    words += [f"{rules.shift:+d}"] if rules.shift else []
    words += [f"{old} to {new}" for old, new in sorted(rules.moves.items())]
    return ", ".join(words)


def _runs(programs: list[int]) -> str:
    """Return numbers with runs drawn together: `0-7, 16`."""
    runs: list[list[int]] = []
    for program in sorted(programs):
        if runs and program == runs[-1][-1] + 1:
            runs[-1].append(program)
        else:
            runs.append([program])
    return ", ".join(_span(run[0], run[-1]) for run in runs)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _words(value: object) -> object:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else value
