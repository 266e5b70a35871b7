"""`farm assets`: soundfonts and MIDI corpora, listed, fetched, added and checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from farm.assets.check import Finding, check_assets
from farm.assets.download import Progress
from farm.assets.shelf import Shelf
from farm.cli.output import answer, counted, duration, print_json, size
from farm.cli.screens import show, table
from farm.config import Settings
from schemas.assets import UNKNOWN, Asset

#: Exit code of a check that found something that cannot be relied on.
_UNUSABLE = 1


def shelf() -> Shelf:
    """Return the assets of this machine."""
    return Shelf(Settings().asset_folder)


def list_command(*, as_json: bool) -> int:
    """List the assets that are known, and where they are."""
    mine = shelf()
    records = [_record(mine, asset) for asset in mine.registry.assets]
    if as_json:
        print_json(records)
        return 0
    rows: list[list[object]] = [
        [item["name"], item["kind"], size(item["size_bytes"]), item["licence"], " ".join(item["layers"]) or "all",
         " ".join(item["tags"]), item["path"] or "–"]
        for item in records
    ]  # fmt: skip
    show(table("assets", ["name", "kind", "download", "licence", "layers", "tags", "here"], rows))
    return 0


def _record(mine: Shelf, asset: Asset) -> dict[str, Any]:
    place = mine.place(asset)
    return {**asset.model_dump(mode="json"), "path": None if place is None else str(place)}


def fetch_command(name: str, *, unverified: bool, force: bool, as_json: bool) -> int:
    """Fetch one asset."""
    terminal = sys.stderr.isatty()
    found = shelf().fetch(name, unverified=unverified, force=force, say=_say if terminal else None)
    if terminal and not found.was_here:
        sys.stderr.write("\n")
    record = {
        "name": found.asset.name, "path": str(found.path), "sha256": found.sha256, "verified": found.verified,
        "was_here": found.was_here, "licence": found.asset.licence, "attribution": found.asset.attribution,
    }  # fmt: skip
    return answer(record, "\n".join(_words(found.asset, found.path, record)), as_json=as_json)


def _words(asset: Asset, path: Path, record: dict[str, Any]) -> list[str]:
    state = "is here already" if record["was_here"] else "fetched"
    proof = "verified" if record["verified"] else f"nothing proves what came; its SHA-256 is {record['sha256']}"
    lines = [f"{asset.name} {state} ({proof}), licence {asset.licence}: {path}"]
    if asset.attribution:
        lines.append(f"to be named wherever it is heard: {asset.attribution}")
    use = (
        f"farm run {path} --out DIR"
        if asset.kind == "midi"
        else f"engine: {{soundfont: {path}}}, or {asset.name} in a pool"
    )
    return [*lines, f"use it: {use}"]


def _say(progress: Progress) -> None:
    total = "" if progress.total is None else f" of {size(progress.total)}"
    left = "" if progress.left_s is None else f", {duration(progress.left_s)} left"
    sys.stderr.write(f"\r{size(progress.done)}{total}, {size(progress.rate)}/s{left}\033[K")
    sys.stderr.flush()


def add_command(path: Path, said: dict[str, Any], *, as_json: bool) -> int:
    """Put one's own soundfont or corpus into the registry."""
    asset = shelf().add(path, said)
    text = f"{asset.name} added ({asset.kind}, licence {asset.licence}): {asset.path}"
    if asset.licence == UNKNOWN:
        text += "\nnobody knows its licence: say it with --licence, or plans with `licences` may refuse it"
    return answer(asset.model_dump(mode="json"), text, as_json=as_json)


def check_command(*, as_json: bool) -> int:
    """Check the assets that are here; returns 1 where one cannot be relied on."""
    checked = check_assets(shelf())
    bad = [item for item in checked if item.finding.is_problem]
    if as_json:
        print_json({"ok": not bad, "assets": checked})
        return _UNUSABLE if bad else 0
    here = [item for item in checked if item.finding is not Finding.ABSENT]
    show(table("assets", ["name", "finding", "where", "detail"], [[i.name, i.finding, i.path, i.detail] for i in here]))
    verdict = f"{counted(len(bad), 'asset')} cannot be relied on" if bad else "all of what is here is what it should be"
    sys.stdout.write(f"{counted(len(here), 'asset')} here, {len(checked) - len(here)} known and not here: {verdict}\n")
    return _UNUSABLE if bad else 0
