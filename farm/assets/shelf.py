"""The assets of this machine: what is here and where, fetching, adding one's own, and checking all of it."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from farm.assets.archives import is_archive, unpack, unpack_one
from farm.assets.download import Download, Progress
from schemas.assets import Asset, AssetKind, Registry
from schemas.errors import AssetError
from schemas.registry import REGISTRY, fetched_place, places, read_registry

SOUNDFONTS: Final = frozenset({".sf2", ".sf3"})
MIDI: Final = frozenset({".mid", ".midi", ".smf"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought."""

    asset: Asset
    path: Path
    sha256: str  #: of what the address gave
    verified: bool  #: against a hash that was known before
    was_here: bool = False  #: nothing had to be fetched


class Shelf:
    """A folder of assets, with the registries.

    Args:
        folder: of fetched assets, receipts and the person's registry; made when something is put into it.
        wait: sleeps some seconds between the tries of a download.
    """

    def __init__(self, folder: Path, wait: Callable[[float], None] = time.sleep) -> None:
        self.folder = folder
        self._wait = wait

    @property
    def registry(self) -> Registry:
        """The farm's registry and the person's."""
        return read_registry(self.folder)

    def named(self, name: str) -> Asset:
        """Return the asset of a name.

        Raises:
            AssetError: there is none.
        """
        registry = self.registry
        found = registry.named(name)
        if found is not None:
            return found
        names = [asset.name for asset in registry.assets]
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        raise AssetError(
            f"there is no asset {name}",
            hint=f"Did you mean `{close[0]}`?" if close else f"`farm assets` lists them: {', '.join(names)}",
        )

    def place(self, asset: Asset) -> Path | None:
        """Return where an asset is on this machine; None where it is not."""
        return next(places(self.registry, asset, self.folder), None)

    def fetch(
        self, name: str, *, unverified: bool = False, force: bool = False, say: Callable[[Progress], None] | None = None
    ) -> Fetched:
        """Fetch an asset and put it into its place.

        Args:
            name: in the registry.
            unverified: also where no hash is known that could prove what came; it is written down, and holds from then on.
            force: also where it is here already.
            say: is told how far it is.

        Raises:
            AssetError: it is not known, has no address, cannot be fetched, or is not what it should be.
            DiskFullError: there is no room.
        """
        asset = self.named(name)
        receipt = self.receipt(asset)
        target = fetched_place(self.folder, asset)
        if receipt is not None and target.exists() and not force:
            return Fetched(asset, target, receipt["sha256"], bool(receipt["verified"]), was_here=True)
        known = asset.sha256 or (None if receipt is None else str(receipt["sha256"]))
        url = self._address(asset, verified=known is not None or unverified)
        download = self.folder / "fetching" / f"{asset.name}{_ending(url)}"
        sha256 = Download(url, download, known, asset.size_bytes, say or (lambda _: None), self._wait).fetch()
        content = self._put(asset, download, target)
        verified = asset.sha256 is not None
        self._receive(asset, {"url": url, "sha256": sha256, "verified": verified, **content})
        download.unlink(missing_ok=True)
        return Fetched(asset, target, sha256, verified)

    def _address(self, asset: Asset, *, verified: bool) -> str:
        if asset.url is None:
            raise AssetError(
                f"no address is known for {asset.name}",
                hint=f"Get it from {asset.homepage or 'where you have it from'}, then `farm assets add` it",
            )
        if not verified:
            raise AssetError(
                f"no SHA-256 of {asset.name} is known, so that nothing would prove what comes from {asset.url}",
                hint="If you trust it, add --unverified: the hash of what comes is written down, and holds from then on",
            )
        return asset.url

    def _put(self, asset: Asset, download: Path, target: Path) -> dict[str, Any]:
        """Put what was fetched into its place; returns what the receipt says of it."""
        beside = target.with_name(f".{target.name}.part")
        _remove(beside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if asset.kind == "soundfont":
            return self._put_soundfont(asset, download, beside, target)
        files = unpack(download, beside)
        content = _tree(beside)
        if not content["midi"]:
            _remove(beside)
            raise AssetError(f"{asset.name} holds {files} files, and none of them is MIDI", hint="Look at its address")
        _remove(target)
        beside.rename(target)
        return content

    def _put_soundfont(self, asset: Asset, download: Path, beside: Path, target: Path) -> dict[str, Any]:
        if is_archive(download):
            unpack_one(download, asset.member or asset.files[0], beside)
        else:
            shutil.copyfile(download, beside)
        content = _hash(beside)
        wrong = None if is_soundfont(beside) else "is no soundfont: it does not begin as one (RIFF ... sfbk)"
        if wrong is None and asset.contents and content not in asset.contents:
            wrong = f"has the SHA-256 {content}, and the registry knows {', '.join(asset.contents)}"
        if wrong is not None:
            beside.unlink()
            raise AssetError(f"what came as {asset.name} {wrong}", hint="Mend the registry; nothing was kept")
        beside.replace(target)
        return {"content": content}

    def add(self, path: Path, said: dict[str, Any]) -> Asset:
        """Put a soundfont or a folder of MIDI into the person's registry; it stays where it lies.

        Args:
            path: of a soundfont, of a folder of MIDI or of one MIDI file.
            said: of it, by the keys of the registry; those that are None or empty are left out.

        Raises:
            AssetError: it is neither, or it is known already, or something that is said cannot be.
        """
        path = path.expanduser().resolve()
        kind = _kind(path)
        values = {key: value for key, value in said.items() if value not in (None, [], "")}
        values.setdefault("name", re.sub(r"[^A-Za-z0-9_.+-]+", "_", path.stem).strip("_.+-") or "mine")
        if kind == "soundfont":
            values |= {"files": [path.name], "contents": [_hash(path)]}
        try:
            asset = Asset.model_validate({**values, "kind": kind, "path": str(path)})
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise AssetError(
                f"`{key}` is {first['input']!r}: {first['msg'].removeprefix('Value error, ')}",
                hint="See `farm assets add --help`",
            ) from error
        if self.registry.named(asset.name) is not None:
            raise AssetError(f"there is an asset {asset.name} already", hint="Name yours with --name")
        self._append(asset)
        if kind == "midi":
            self._receive(asset, _tree(path))
        return asset

    def _append(self, asset: Asset) -> None:
        """Add a table to the person's registry; what a person wrote there stays as it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / REGISTRY
        before = (
            place.read_text("utf-8") if place.exists() else "# Assets of one's own; `farm assets add` adds to them.\n"
        )
        values = asset.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())  # a JSON text is TOML, too
        beside = place.with_name(f".{place.name}.part")
        beside.write_text(f"{before.rstrip()}\n\n[[{asset.kind}]]\n{lines}", encoding="utf-8")
        beside.replace(place)

    def receipt(self, asset: Asset) -> dict[str, Any] | None:
        """Return what was written down when an asset was fetched or added; None where nothing was."""
        try:
            read = json.loads((self.folder / "receipts" / f"{asset.name}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return read if isinstance(read, dict) else None

    def _receive(self, asset: Asset, values: dict[str, Any]) -> None:
        place = self.folder / "receipts" / f"{asset.name}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}.part")
        beside.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        beside.replace(place)


def is_soundfont(path: Path) -> bool:
    """Whether a file begins as a soundfont and has the length that it says (SoundFont 2.04, section 4)."""
    with open(path, "rb") as file:
        head = file.read(12)
    whole = path.stat().st_size >= int.from_bytes(head[4:8], "little") + 8
    return head[:4] == b"RIFF" and head[8:] == b"sfbk" and whole


def midi_files(folder: Path) -> Iterator[Path]:
    """Yield the MIDI files of a folder of any depth, sorted, or a single file."""
    if folder.is_file():
        yield folder
        return
    yield from (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in MIDI and path.is_file())


def _kind(path: Path) -> AssetKind:
    hint = "Name a soundfont (.sf2, .sf3), a folder with MIDI files, or a MIDI file"
    if not path.exists():
        raise AssetError(f"there is nothing at {path}", hint=hint)
    if path.is_file() and path.suffix.lower() in SOUNDFONTS:
        if not is_soundfont(path):
            raise AssetError(f"{path} is no whole soundfont (RIFF ... sfbk)", hint="Get the file again")
        return "soundfont"
    if (path.is_dir() or path.suffix.lower() in MIDI) and next(midi_files(path), None) is not None:
        return "midi"
    raise AssetError(f"{path} is neither a soundfont nor MIDI", hint=hint)


def tree_digest(folder: Path) -> tuple[int, str]:
    """Return how many MIDI files there are in a folder, and a hash of their paths and contents."""
    whole, count = hashlib.sha256(), 0
    for path in midi_files(folder):
        name = path.name if path == folder else path.relative_to(folder).as_posix()
        whole.update(f"{_hash(path)}  {name}\n".encode("utf-8", "surrogateescape"))
        count += 1
    return count, whole.hexdigest()


def _tree(folder: Path) -> dict[str, Any]:
    count, digest = tree_digest(folder)
    return {"midi": count, "content": digest}


def _ending(url: str) -> str:
    return "".join(Path(urlsplit(url).path).suffixes[-2:])


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
