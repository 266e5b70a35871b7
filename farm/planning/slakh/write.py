"""Imports a Slakh set-up: reads it, writes plan, instrument map, band and list, and proves that they are a plan."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from farm.planning.plans import load_plan
from farm.planning.slakh.fates import key_fates
from farm.planning.slakh.mapping import BAND_FILE, MAP_FILE, PLAN_FILE, SONGS_FILE, make_band, make_map, make_plan
from farm.planning.slakh.notes import file_facts, notes
from farm.planning.slakh.report import ImportReport
from farm.planning.slakh.setup import Options, Setup, read_setup
from schemas.errors import AssetError, OutputError, PlanError

_HEAD: Final = "# Written by `farm import slakh`; change it as you like.\n"


def import_slakh(config: Path, out: Path, options: Options) -> ImportReport:
    """Read a Slakh set-up and write a plan of it.

    Args:
        config: the `config.json`.
        out: folder of the plan and its files; made if it is not there.
        options: what a person adds to the config.

    Raises:
        PlanError: a file of the set-up that is missing or not in Slakh's form.
        AssetError: a soundfont that is not there.
        OutputError: `out` holds files of these names with other contents, or cannot be written.
    """
    for font in options.soundfonts:
        if not font.expanduser().is_file():
            raise AssetError(f"there is no soundfont at {font}", hint="Name an SF2 or SF3 file with --soundfont")
    setup = read_setup(config, options)
    out = out.expanduser()
    files = _contents(setup, out.resolve().name)
    _prove(files, config)
    _write(out, files)
    command = f"farm run {shlex.quote(str(out / PLAN_FILE))} --out {shlex.quote(_target(setup, out))}"
    return ImportReport(
        config=str(config),
        keys=key_fates(setup),
        files=file_facts(setup),
        notes=notes(setup),
        written=[str(out / name) for name in files],
        command=command,
    )


def _target(setup: Setup, out: Path) -> str:
    """Return the dataset's folder as a person types it here; relative ones count from the root, as all paths."""
    named = setup.config.output_dir
    if not named:
        return f"out/{out.resolve().name}"
    return named if setup.root == Path.cwd() else str(setup.path(named))


def _contents(setup: Setup, name: str) -> dict[str, str]:
    """Return the files to write, the plan first."""
    files = {PLAN_FILE: _yaml(make_plan(setup, name)), MAP_FILE: _yaml(make_map(setup, name))}
    band = make_band(setup, name)
    if band is not None:
        files[BAND_FILE] = _yaml(band)
    if setup.songs is not None:
        files[SONGS_FILE] = "".join(f"{path}\n" for path in setup.songs.files)
    return files


def _yaml(value: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
    return _HEAD + text


def _prove(files: dict[str, str], config: Path) -> None:
    """Read the plan as `farm run` will, before anything is written where it stays."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            load_plan(Path(folder) / PLAN_FILE)
        except PlanError as error:
            message = error.message.replace(f"{Path(folder).resolve()}/", "").replace(f"{folder}/", "")
            raise PlanError(f"{config} makes no plan: {message}", hint="Mend it in the file of the set-up") from error


def _write(out: Path, files: dict[str, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            _refuse_other(out / name, text)
        for name, text in files.items():
            part = out / f".{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(out / name)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}", hint="Name another folder with --out") from error


def _refuse_other(path: Path, text: str) -> None:
    """Keep what a person may have changed."""
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
        raise OutputError(f"{path} is there already and differs", hint="Remove it, or name another folder with --out")
