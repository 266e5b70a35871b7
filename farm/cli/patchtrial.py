"""`farm patches audition`, `check` and `new`: patches as one hears them, as they keep their word, and written down."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from farm.cli.output import duration, print_json
from farm.cli.patchlist import as_yaml
from farm.cli.patchworker import ask
from farm.cli.screens import show, table
from farm.planning.patchfiles import load_patch
from schemas.errors import OutputError, PlanError
from schemas.patchfile import PatchFile

#: A preset of a soundfont, as patches are called: SOUNDFONT:bank:program.
_PRESET: Final = re.compile(r"(?P<font>.+):(?P<bank>\d{1,5}):(?P<program>\d{1,3})")
_BROKEN: Final = 1
#: How long a note may sound on before that is measured, seconds.
_FIRST_TAIL_S: Final = 5.0
_HIGHEST_PROGRAM: Final = 127


def request_of(word: str) -> dict[str, Any]:
    """Return what the data plane is asked about a patch: a patch file, or a preset of a soundfont.

    Raises:
        PlanError: there is no such patch file, or it is wrong.
    """
    preset = _PRESET.fullmatch(word)
    if preset is None:
        return {"file": load_patch(word).model_dump(mode="json")}
    if int(preset["program"]) > _HIGHEST_PROGRAM:
        raise PlanError(f"{word}: there is no program {preset['program']}", hint="Programs are 0 to 127")
    return {"soundfont": preset["font"], "bank": int(preset["bank"]), "program": int(preset["program"])}


def audition_command(word: str, out: Path | None, *, as_json: bool) -> int:
    """Play a patch and say what was measured."""
    request = request_of(word)
    folder = (out or Path("audition") / _folder_name(word)).expanduser()
    found = ask("audition", {**request, "out": str(folder.resolve())}, quiet=as_json)
    if as_json:
        print_json(found)
        return 0
    cells = [_piece_cells(piece) for piece in found["pieces"]]
    show(table(f"{found['patch']} ({found['engine']})", ["piece", "long", "peak", "rms", "loudness", "remarks"], cells))
    sys.stdout.write("".join(f"{line}\n" for line in _facts(found)))
    sys.stdout.write(f"written to {_shown(folder.resolve())}\n")
    return 0


def _folder_name(word: str) -> str:
    return Path(word).stem if "/" in word else word.replace(":", "-")


def _piece_cells(piece: Mapping[str, Any]) -> list[object]:
    loudness = piece["loudness_lufs"]
    return [
        piece["name"], f"{piece['seconds']:.2f} s", f"{piece['peak_dbfs']:.1f} dBFS", f"{piece['rms_dbfs']:.1f} dBFS",
        "–" if loudness is None else f"{loudness:.1f} LUFS", ", ".join(piece["findings"]),
    ]  # fmt: skip


def _facts(found: Mapping[str, Any]) -> list[str]:
    latency = found["latency_frames"]
    late = f"; latency of {latency} frames, made up for" if latency else ""
    lines = [
        f"keys      {spans(found['keys']) or 'none sounds'}",
        f"onset     {1000 * found['onset_s']:.2f} ms after the note{late}",
        f"load      {duration(found['load_s'])}, {found['memory_mb']:.0f} MB",
    ]
    if found["speed"] is not None:
        lines.append(f"speed     {found['speed']:,.0f} × real time")
    if found["turned_down_db"]:
        lines.append(f"level     the files are turned down by {-found['turned_down_db']:.1f} dB, so that nothing clips")
    return [*lines, *(f"note      {note}" for note in found["notes"])]


def spans(keys: list[int]) -> str:
    """Return keys as spans: `35-49, 51`."""
    starts = [at for at, key in enumerate(keys) if at == 0 or keys[at - 1] != key - 1]
    ends = [*(start - 1 for start in starts[1:]), len(keys) - 1]
    pairs = [(keys[start], keys[end]) for start, end in zip(starts, ends, strict=False)] if keys else []
    return ", ".join(f"{low}-{high}" if high > low else str(low) for low, high in pairs)


def check_command(word: str, *, as_json: bool) -> int:
    """Try the contract on a patch; returns 1 where it does not keep it."""
    found = ask("check", request_of(word), quiet=as_json)
    if as_json:
        print_json(found)
    else:
        cells: list[list[object]] = [
            ["yes" if one["ok"] else "NO", one["law"], one["found"], one["limit"]] for one in found["findings"]
        ]
        show(table(found["patch"], ["ok", "law", "found", "wanted"], cells))
        broken = sum(not one["ok"] for one in found["findings"])
        sys.stdout.write("it keeps to all of it\n" if not broken else f"it breaks {broken} of {len(cells)}\n")
    return 0 if found["ok"] else _BROKEN


class Asked(NamedTuple):
    """What a person asks of a new patch file."""

    name: str
    plugin: str
    preset: Path | None = None
    program: int | None = None
    values: tuple[str, ...] = ()
    programs: tuple[int, ...] = ()
    description: str = ""
    drums: bool = False
    out: Path | None = None


def new_command(asked: Asked, *, as_json: bool) -> int:
    """Measure a plug-in and write its patch file."""
    path = (asked.out or Path(f"{asked.name}.yaml")).expanduser()
    _check_name(asked.name)
    if path.exists():
        raise OutputError(f"{path} is there already", hint="Name another file with --out, or remove it")
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise OutputError(f"{path} does not end in .yaml", hint="Patch files do: name one with --out")
    found = ask("measure", _request(asked), quiet=as_json)
    file = dict(found["file"])
    if asked.preset is not None:
        preset = asked.preset.expanduser().resolve()
        file["settings"] = {**file["settings"], "preset": os.path.relpath(preset, path.resolve().parent)}
    _write(path, as_yaml(file))
    made = load_patch(str(path.resolve()))
    if as_json:
        print_json({**found, "path": str(path), "file": made.model_dump(mode="json")})
        return 0
    sys.stdout.write(path.read_text(encoding="utf-8") + "\n")
    sys.stdout.write("".join(f"note: {note}\n" for note in found["notes"]))
    sys.stdout.write(f"written to {_shown(path.resolve())}; `farm patches check {path}` tries it\n")
    return 0


def _check_name(name: str) -> None:
    if not re.fullmatch(str(_pattern("name")), name):
        raise PlanError(f"`{name}` is no name of a patch", hint="Use small letters, digits and hyphens: warm-pad")


def _pattern(field: str) -> str:
    """Return the pattern that the schema has for a field of patch files."""
    return next(str(rule.pattern) for rule in PatchFile.model_fields[field].metadata if getattr(rule, "pattern", None))


def _request(asked: Asked) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if asked.preset is not None:
        preset = asked.preset.expanduser().resolve()
        if not preset.is_file():
            raise PlanError(f"there is no preset {preset}", hint="Name a file that the plug-in's format has")
        settings["preset"] = str(preset)
    if asked.program is not None:
        settings["program"] = asked.program
    if asked.drums:
        settings["drums"] = True
    settings["parameters"] = dict(_value(word) for word in asked.values)
    word = asked.plugin
    plugin = (
        str(Path(word).expanduser().resolve()) if "/" in word and "://" not in word and Path(word).exists() else word
    )
    return {
        "name": asked.name, "plugin": plugin, "settings": settings, "tail_s": _FIRST_TAIL_S,
        "description": asked.description, "programs": list(asked.programs) or ([128] if asked.drums else []),
    }  # fmt: skip


def _value(word: str) -> tuple[str, float]:
    name, equals, text = word.rpartition("=")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not equals or not 0.0 <= value <= 1.0:
        raise PlanError(f"--set {word}: not PARAM=VALUE with a value from 0 to 1", hint='As in --set "Cutoff=0.4"')
    return name.strip(), value


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}", hint="Name another with --out") from error


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
