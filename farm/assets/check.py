"""Whether assets are what they were: compared with the hashes of the registry and of the day they came."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from farm.assets.shelf import Shelf, is_soundfont, tree_digest
from schemas.assets import UNKNOWN, Asset


class Finding(StrEnum):
    """What is to be said of an asset; see `PROBLEMS`."""

    GOOD = "good"
    ABSENT = "absent"  #: it is not on this machine, and never was
    UNFINISHED = "unfinished"  #: its download broke off; the same command goes on with it
    UNKNOWN_VERSION = "unknown_version"  #: it has the name, and a content that the registry does not know
    UNKNOWN_LICENCE = "unknown_licence"  #: nobody said under which licence it is
    MISSING = "missing"  #: it was here, and is gone
    CHANGED = "changed"  #: it is not what it was
    DAMAGED = "damaged"  #: it is no whole soundfont

    @property
    def is_problem(self) -> bool:
        """Whether it cannot be relied on."""
        return self in (Finding.MISSING, Finding.CHANGED, Finding.DAMAGED)


@dataclass(frozen=True, slots=True)
class Checked:
    """One asset with what was found."""

    name: str
    finding: Finding
    path: str = ""
    detail: str = ""


def check_assets(shelf: Shelf) -> list[Checked]:
    """Look at every asset of the registries; all of what is here is read."""
    return [_check(shelf, asset) for asset in shelf.registry.assets]


def _check(shelf: Shelf, asset: Asset) -> Checked:
    receipt, place = shelf.receipt(asset), shelf.place(asset)
    if place is None:
        if any((shelf.folder / "fetching").glob(f"{asset.name}*.part")):
            return Checked(asset.name, Finding.UNFINISHED, detail=f"`farm assets fetch {asset.name}` goes on with it")
        if receipt is not None or asset.path is not None:
            return Checked(asset.name, Finding.MISSING, asset.path or "", "it was here, and is gone")
        return Checked(asset.name, Finding.ABSENT)
    finding, detail = _content(asset, place, None if receipt is None else str(receipt.get("content", "")))
    if finding is Finding.GOOD and asset.licence == UNKNOWN:
        finding, detail = Finding.UNKNOWN_LICENCE, "nobody said under which licence it is"
    return Checked(asset.name, finding, str(place), detail)


def _content(asset: Asset, place: Path, expected: str | None) -> tuple[Finding, str]:
    if asset.kind == "midi":
        count, found = tree_digest(place)
        changed = expected is not None and found != expected
        return (Finding.CHANGED, f"{count} MIDI files, not those that came") if changed else (Finding.GOOD, "")
    if not is_soundfont(place):
        return Finding.DAMAGED, "it is no whole soundfont (RIFF ... sfbk)"
    with place.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found in asset.contents:
        return Finding.GOOD, ""
    if asset.path is not None or (expected is not None and found != expected):
        return Finding.CHANGED, f"its SHA-256 is {found} now"
    return (Finding.GOOD, "") if expected else (Finding.UNKNOWN_VERSION, f"SHA-256 {found}")
