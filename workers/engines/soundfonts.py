"""Finds soundfonts, and says what they are: name, content hash, size, licence."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.assets import UNKNOWN, Asset, Credit, Registry
from schemas.errors import AssetError
from schemas.patch import AssetRef
from schemas.registry import known_soundfont, places, read_registry
from workers.config import WorkerSettings

#: Bytes of a RIFF header with its form type (SoundFont 2.04, section 4).
_HEADER_BYTES: Final = 12
#: Endings of soundfont files: what has none of them is a name.
_SUFFIXES: Final = frozenset({".sf2", ".sf3"})


def default_soundfont() -> Path:
    """Return the soundfont to use when a plan names none: the best that is installed, see `presets/assets.toml`.

    Raises:
        AssetError: none of them is installed.
    """
    catalogue = read_catalogue()
    for font in [font for font in catalogue.soundfont if font.path is None]:  # not a person's, who would name it
        for path in _places(catalogue, font):
            return path
    raise AssetError(
        "no soundfont was found",
        hint="Install one with `pip install pretty_midi` (no root), `farm assets fetch FluidR3_GM` or "
        "`apt install fluid-soundfont-gm`, or name one in the plan (engine: soundfont) or with --soundfont",
    )


def find_soundfont(word: str) -> Path:
    """Return the soundfont that a word of a plan stands for: a path, or the name of a known one that is installed.

    Raises:
        AssetError: it is the name of none, or of one that is not installed here.
    """
    if "/" in word or Path(word).suffix.lower() in _SUFFIXES:
        return Path(word).expanduser()
    catalogue = read_catalogue()
    for font in catalogue.soundfont:
        if font.name.lower() == word.lower():
            for path in _places(catalogue, font):
                return path
            raise AssetError(
                f"the soundfont {font.name} is not installed",
                hint=f"`farm assets fetch {font.name}`, or put {font.files[0]} into one of "
                f"{', '.join(catalogue.folders.search)}, or name its path",
            )
    known = ", ".join(font.name for font in catalogue.soundfont)
    raise AssetError(f"no soundfont is known as {word}", hint=f"Known are {known}; or name the path of a file")


def describe(path: Path) -> AssetRef:
    """Say what the soundfont at `path` is.

    Raises:
        AssetError: there is no such file, or it is no complete soundfont.
    """
    check_soundfont(path)
    sha256 = _hash(path)
    known = known_soundfont(read_catalogue(), path.name, sha256)
    return AssetRef(
        name=path.stem,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        licence=known.licence if known else UNKNOWN,
        path=str(path.resolve()),
    )


def locate(asset: AssetRef) -> Path:
    """Return where this host has the asset: its own path, else any known place; the content decides, not the name.

    Raises:
        AssetError: no file here has the asset's hash.
    """
    if _is(Path(asset.path), asset):
        return Path(asset.path)
    catalogue = read_catalogue()
    for font in catalogue.soundfont:
        for path in _places(catalogue, font):
            if _is(path, asset):
                return path
    raise AssetError(
        f"this worker has no soundfont {asset.name} with SHA-256 {asset.sha256[:12]} (looked at {asset.path} first)",
        hint="Put the file there, or submit the plan again with a soundfont that every worker has",
    )


def check_soundfont(path: Path) -> None:
    """See to it that a file is a soundfont: RIFF of form `sfbk`, as long as it says.

    Raises:
        AssetError: it is not, or cannot be read.
    """
    hint = "Name a SoundFont 2 file (.sf2 or .sf3) in the plan (engine: soundfont) or with --soundfont"
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise AssetError(f"the soundfont {path} cannot be read: {error.strerror}", hint=hint) from error
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise AssetError(f"{path} is no soundfont: it does not start with RIFF and sfbk", hint=hint)
    claimed = int.from_bytes(head[4:8], "little") + 8
    if claimed > size:
        raise AssetError(
            f"the soundfont {path} is cut off: it has {size} of {claimed} bytes", hint="Fetch the file again"
        )


def read_catalogue() -> Registry:
    """Return the assets that are known here: the farm's and this host's own.

    Raises:
        AssetError: a registry is missing or cannot be read.
    """
    return read_registry(WorkerSettings().asset_folder)


def credit(asset: AssetRef) -> Credit:
    """Return what a NOTICE says of a soundfont."""
    known = known_soundfont(read_catalogue(), Path(asset.path).name, asset.sha256)
    if known is None:
        return Credit(kind="soundfont", name=asset.name, licence=asset.licence, sha256=asset.sha256)
    return known.credit(asset.sha256).model_copy(update={"name": asset.name})


def _places(catalogue: Registry, font: Asset) -> Iterator[Path]:
    return places(catalogue, font, WorkerSettings().asset_folder)


def _is(path: Path, asset: AssetRef) -> bool:
    try:
        return path.stat().st_size == asset.size_bytes and _hash(path) == asset.sha256
    except OSError:
        return False


def _hash(path: Path) -> str:
    stat = path.stat()
    return _content_hash(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _content_hash(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
