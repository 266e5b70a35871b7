"""What patch files stand for on this host: what can be played, with which binary, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Iterable
from ctypes.util import find_library
from typing import Any

from schemas.errors import FarmError, MissingDependencyError
from schemas.patch import Patch, PluginSettings
from schemas.patchfile import PatchFile
from workers.engines.lv2 import lv2_plugins
from workers.engines.patchfacts import describe_each
from workers.engines.plugins import FORMATS, Format, PluginFile, installed_plugins, locate_plugin
from workers.patches.scanning import Found, Scan, counts, host_version, known_scan, read_scans


def listed(files: Iterable[PatchFile]) -> list[dict[str, Any]]:
    """Return for each patch file whether it can be played here: {"name", "playable", "why", "patch", "scan"}."""
    return [_row(file, found) for file, found in describe_each(files)]


def _row(file: PatchFile, found: Patch | FarmError) -> dict[str, Any]:
    row = {"name": file.name, "playable": True, "why": "", "hint": "", "reason": "", "patch": None, "scan": None}
    if isinstance(found, FarmError):
        return {
            **row,
            "playable": False,
            "why": found.message.removeprefix(f"patch {file.name}: "),
            "hint": found.hint,
            "reason": found.reason,
        }
    row |= {"patch": found.model_dump(mode="json"), "load_key": found.load_key}
    scanned = _scanned(found)
    if scanned is None:
        return row
    row["scan"] = scanned
    if scanned["found"] in (Found.CRASHED, Found.HUNG):
        return {**row, "playable": False, "why": f"{scanned['found']} in the scan: {scanned['why']}", "reason": "scan"}
    return row


def _scanned(patch: Patch) -> Scan | None:
    if not isinstance(patch.settings, PluginSettings):
        return None
    return known_scan(_file_of(patch, patch.settings))


def _file_of(patch: Patch, settings: PluginSettings) -> PluginFile:
    return locate_plugin(patch.asset, settings)


def overview() -> dict[str, Any]:
    """Return what of plug-ins is there, without loading any: the host, its library, how many of each format, what works."""
    try:
        version = host_version()
    except MissingDependencyError as error:
        version, missing = "", error.hint
    else:
        missing = ""
    scans = [record for record in read_scans().values()]
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
