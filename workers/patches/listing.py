"""What patch files stand for on this host: what can be played, with which binary, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ctypes.util import find_library
from typing import Any

from schemas.errors import FarmError, MissingDependencyError
from schemas.patch import Patch, PluginSettings
from schemas.patchfile import PatchFile
from workers.engines.lv2 import lv2_plugins
from workers.engines.patchfacts import describe_each
from workers.engines.plugins import FORMATS, Format, installed_plugins, locate_plugin
from workers.patches.scanning import Found, Scan, counts, host_version, known_scan, read_scans


def listed(files: Iterable[PatchFile]) -> list[dict[str, Any]]:
    """Return for each patch file whether it can be played here.

    Its keys are "name", "playable", "why", "hint", "reason", and what is None where it is not known: "patch", "load_key"
    and "scan".
    """
    scans = read_scans()
    return [_row(file, found, scans) for file, found in describe_each(files)]


def _row(file: PatchFile, found: Patch | FarmError, scans: Mapping[str, Scan]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": file.name, "playable": True, "why": "", "hint": "", "reason": ""}
    row |= {"patch": None, "load_key": None, "scan": None}
    if isinstance(found, FarmError):
        why = found.message.removeprefix(f"patch {file.name}: ")
        return {**row, "playable": False, "why": why, "hint": found.hint, "reason": found.reason}
    row |= {"patch": found.model_dump(mode="json"), "load_key": found.load_key}
    row["scan"] = scanned = _scanned(found, scans)
    if scanned is None or scanned["found"] not in (Found.CRASHED, Found.HUNG):
        return row
    hint = "`farm patches scan --again` loads it once more"
    return {
        **row,
        "playable": False,
        "why": f"when scanned, {scanned['why']}",
        "hint": hint,
        "reason": scanned["found"],
    }


def _scanned(patch: Patch, scans: Mapping[str, Scan]) -> Scan | None:
    if not scans or not isinstance(patch.settings, PluginSettings):
        return None
    return known_scan(locate_plugin(patch.asset, patch.settings), scans)


def overview() -> dict[str, Any]:
    """Return what of plug-ins is there, without loading any: the host, its library, how many of each format, what works."""
    try:
        version = host_version()
    except MissingDependencyError as error:
        version, missing = "", error.hint
    else:
        missing = ""
    scans = list(read_scans().values())
    return {
        "dawdreamer": version,
        "hint": missing,
        "libgl": find_library("GL") or "",
        "formats": {format_: _count(format_) for format_ in FORMATS} if version else {},
        "scanned": len(scans),
        "found": dict(counts(scans)),
    }


def _count(format_: Format) -> int:
    return sum(1 for _ in (lv2_plugins() if format_ == "lv2" else installed_plugins(format_)))
