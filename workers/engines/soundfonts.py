"""Finds soundfonts, and says what they are: name, content hash, size, licence."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pydantic import Field

from schemas.base import FarmModel
from schemas.errors import AssetError
from schemas.patch import AssetRef

#: Bytes of a RIFF header with its form type (SoundFont 2.04, section 4).
_HEADER_BYTES: Final = 12
#: Endings of soundfont files: what has none of them is a name.
_SUFFIXES: Final = frozenset({".sf2", ".sf3"})


class _KnownFont(FarmModel):
    name: str
    files: list[str]
    licence: str
    author: str
    sha256: list[str]


class _Folders(FarmModel):
    search: list[str]
    packages: list[str]


class _Catalogue(FarmModel):
    """The file `presets/soundfonts.toml`."""

    fonts: list[_KnownFont] = Field(alias="soundfont")
    folders: _Folders


def default_soundfont() -> Path:
    """Return the soundfont to use when a plan names none: the best that is installed, see `presets/soundfonts.toml`.

    Raises:
        AssetError: none of them is installed.
    """
    catalogue = read_catalogue()
    for font in catalogue.fonts:
        for path in _places(catalogue, font):
            return path
    raise AssetError(
        "no soundfont was found",
        hint="Install one with `pip install pretty_midi` (no root) or `apt install fluid-soundfont-gm`, "
        "or name one in the plan (engine: soundfont) or with --soundfont",
    )


def find_soundfont(word: str) -> Path:
    """Return the soundfont that a word of a plan stands for: a path, or the name of a known one that is installed.

    Raises:
        AssetError: it is the name of none, or of one that is not installed here.
    """
    if "/" in word or Path(word).suffix.lower() in _SUFFIXES:
        return Path(word).expanduser()
    catalogue = read_catalogue()
    for font in catalogue.fonts:
        if font.name.lower() == word.lower():
            for path in _places(catalogue, font):
                return path
            raise AssetError(
                f"the soundfont {font.name} is not installed",
                hint=f"Put {font.files[0]} into one of {', '.join(catalogue.folders.search)}, or name its path",
            )
    known = ", ".join(font.name for font in catalogue.fonts)
    raise AssetError(f"no soundfont is known as {word}", hint=f"Known are {known}; or name the path of a file")


def describe(path: Path) -> AssetRef:
    """Say what the soundfont at `path` is.

    Raises:
        AssetError: there is no such file, or it is no complete soundfont.
    """
    check_soundfont(path)
    sha256 = _hash(path)
    known = _known(path, sha256)
    return AssetRef(
        name=path.stem,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        licence=known.licence if known else "unknown",
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
    for font in catalogue.fonts:
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


@functools.cache
def read_catalogue() -> _Catalogue:
    """Return what `presets/soundfonts.toml` says.

    Raises:
        AssetError: the file is missing from the installation.
    """
    import tomllib

    root = Path(__file__).resolve().parents[2]
    places = (root / "presets" / "soundfonts.toml", root / "farm" / "_presets" / "soundfonts.toml")
    for place in places:
        if place.is_file():
            return _Catalogue.model_validate(tomllib.loads(place.read_text("utf-8")))
    raise AssetError(
        "the list of known soundfonts is missing from the installation (presets/soundfonts.toml)",
        hint="Install stemfarm again",
    )


def _places(catalogue: _Catalogue, font: _KnownFont) -> Iterator[Path]:
    """Yield the places where a known soundfont is installed."""
    folders = [Path(folder).expanduser() for folder in catalogue.folders.search]
    for package in catalogue.folders.packages:
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            folders.append(Path(spec.origin).parent)
    for name in font.files:
        for folder in folders:
            if (folder / name).is_file():
                yield folder / name


def _known(path: Path, sha256: str) -> _KnownFont | None:
    fonts = read_catalogue().fonts
    by_hash = (font for font in fonts if sha256 in font.sha256)
    by_name = (font for font in fonts if path.name in font.files)
    return next(by_hash, None) or next(by_name, None)


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
