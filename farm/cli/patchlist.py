"""`farm patches list`, `scan` and `show`: which instruments there are, and which of them this host can play."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

import yaml

from farm.cli.output import counted, print_json, size
from farm.cli.patchworker import ask
from farm.cli.screens import show, table
from farm.planning.patchfiles import load_patch, patch_names
from schemas.errors import FarmError, PlanError
from schemas.patch import PluginSettings
from schemas.patchfile import PatchFile

FORMATS: Final = get_args(PluginSettings.model_fields["format"].annotation)
_SUFFIXES: Final = (".yaml", ".yml", ".json")
#: Characters of a reason that a table shows; --json and `show` have it whole.
_SHORT: Final = 70
_DRUMS: Final = 128
#: Keys of a patch file in the order in which a person reads them.
_ORDER: Final = (
    "name", "description", "engine", "programs", "licence", "key_range", "octave_offset", "instances", "sha256", "settings",
)  # fmt: skip
#: Values of parameters that `show` prints.
_VALUES: Final = 24


def list_command(folder: Path | None, *, as_json: bool) -> int:
    """List patch files and whether they can be played here."""
    files, broken = _files_of(folder)
    found = ask("list", {"files": [file.model_dump(mode="json") for file in files]}, quiet=as_json) if files else []
    rows = [{**_said(file), **row} for file, row in zip(files, found, strict=True)]
    if as_json:
        print_json([*rows, *broken])
        return 0
    cells = [_cells(row) for row in rows]
    show(table("patch files", ["name", "engine", "plays", "keys", "licence", "here", "why not"], cells))
    for row in broken:
        sys.stdout.write(f"{row['why']}\n")
    playable = sum(bool(row["playable"]) for row in rows)
    here = f"{counted(len(rows), 'patch file')}, {playable} can be played here"
    sys.stdout.write(here + (f"; {len(broken)} cannot be read" if broken else "") + "\n")
    return 0


def _files_of(folder: Path | None) -> tuple[list[PatchFile], list[dict[str, Any]]]:
    """Return the patch files of a folder, or the farm's own, and why others there are none."""
    if folder is None:
        return [load_patch(name) for name in patch_names()], []
    folder = folder.expanduser()
    if not folder.is_dir():
        raise PlanError(f"{folder} is no folder", hint="Name a folder with patch files, or leave it out")
    files, broken = [], []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES):
        try:
            files.append(load_patch(str(path.resolve())))
        except FarmError as error:
            record = {"name": path.stem, "playable": False, "why": error.message, "hint": error.hint}
            broken.append({**record, "reason": error.reason})
    return files, broken


def _said(file: PatchFile) -> dict[str, Any]:
    return {
        "description": file.description,
        "engine": file.engine,
        "programs": file.programs,
        "key_range": file.key_range,
        "licence": file.licence,
    }


def _cells(row: Mapping[str, Any]) -> list[object]:
    licence = row["licence"] if row["patch"] is None else row["patch"]["asset"]["licence"]
    keys = "" if row["key_range"] is None else "-".join(map(str, row["key_range"]))
    why = str(row["why"])
    return [
        row["name"], row["engine"], _programs(row["programs"]), keys, licence, "yes" if row["playable"] else "no",
        why if len(why) <= _SHORT else why[: _SHORT - 1] + "…",
    ]  # fmt: skip


def _programs(programs: Sequence[int]) -> str:
    return ", ".join("drums" if program == _DRUMS else str(program) for program in programs)


def scan_command(words: Sequence[str], formats: Sequence[str], *, again: bool, timeout_s: float, as_json: bool) -> int:
    """Load the plug-ins of this host and list them."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise PlanError(f"--format {unknown[0]}: there is no such format", hint=f"It is one of {', '.join(FORMATS)}")
    request = {"words": list(words), "formats": list(formats or FORMATS), "again": again, "timeout_s": timeout_s}
    found = ask("scan", request, quiet=as_json)
    if as_json:
        print_json(found)
        return 0
    if not found:
        sys.stdout.write("no plug-ins: `sudo sh deploy/install-plugins` installs those of the farm's own patch files\n")
        return 0
    columns = ["format", "name", "vendor", "in", "out", "params", "latency", "load", "found", "why"]
    show(table("plug-ins", columns, [_scan_cells(record) for record in found]))
    counts: dict[str, int] = {}
    for record in found:
        counts[record["found"]] = counts.get(record["found"], 0) + 1
    parts = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in counts.items())
    sys.stdout.write(f"{counted(len(found), 'plug-in')}: {parts}\n")
    return 0


#: What became of plug-ins, in words.
_WORDS: Final = {
    "works": "play",
    "effect": "are effects",
    "silent": "stay silent",
    "refused": "cannot be loaded",
    "crashed": "crash",
    "hung": "hang",
    "wrong_machine": "are for another machine",
}


def _scan_cells(record: Mapping[str, Any]) -> list[object]:
    facts = record["facts"]
    numbers = [facts.get(key, "") for key in ("inputs", "outputs", "parameters", "latency_frames")]
    load = f"{facts['load_s']:.2f} s" if facts else ""
    why = str(record["why"])
    short = why if len(why) <= _SHORT else why[: _SHORT - 1] + "…"
    return [record["format"], record["name"], record["vendor"], *numbers, load, record["found"], short]


def show_command(word: str, *, as_json: bool) -> int:
    """Show one patch file, and what it stands for here."""
    file = load_patch(word)
    (found,) = ask("list", {"files": [file.model_dump(mode="json")]}, quiet=as_json)
    if as_json:
        print_json({"file": file.model_dump(mode="json"), **found})
        return 0
    text = file.model_dump(mode="json", exclude_defaults=True, exclude={"folder"})
    sys.stdout.write(as_yaml(text) + "\n" + "\n".join(_here(found)) + "\n")
    return 0


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return the values of a patch file as a person would write them."""
    ordered = {key: values[key] for key in _ORDER if key in values}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)


def _here(found: Mapping[str, Any]) -> list[str]:
    if not found["playable"]:
        return [f"cannot be played here: {found['why']}", f"{found['hint']}"]
    patch = found["patch"]
    asset = patch["asset"]
    lines = [
        f"engine    {patch['engine']} {patch['engine_version']}",
        f"loads     {asset['name']}, {size(asset['size_bytes'])}, licence {asset['licence']}: {asset['path']}",
        f"sha256    {asset['sha256']}",
        f"load key  {found['load_key']}",
    ]
    return [*lines, *_scanned(found["scan"], patch["settings"])]


def _scanned(scan: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> list[str]:
    if "plugin" not in settings:
        return []
    if scan is None:
        return ["scan      never loaded here by `farm patches scan`"]
    facts = scan["facts"]
    if not facts:
        return [f"scan      {scan['found']}: {scan['why']}"]
    values = list(facts["values"].items())
    named = ", ".join(f"{name}={value:.3g}" for name, value in values[:_VALUES])
    more = f" and {facts['parameters'] - _VALUES} more" if facts["parameters"] > _VALUES else ""
    loaded = f"loaded in {facts['load_s']:.2f} s, {facts['memory_mb']:.0f} MB"
    return [
        f"scan      {scan['found']}, {facts['outputs']} channels, latency {facts['latency_frames']} frames, {loaded}",
        f"set       {named or 'it has no parameters'}{more}",
    ]
