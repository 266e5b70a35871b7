"""The registries of assets: the farm's own, a person's beside it, and where what they name lies on this machine."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.assets import Asset, Registry
from schemas.errors import AssetError

#: Name of the farm's registry among the presets, and of a person's in the folder of assets.
REGISTRY: Final = "assets.toml"
_ROOT: Final = Path(__file__).resolve().parents[1]


def own_registry() -> Registry:
    """Return the registry that comes with the farm.

    Raises:
        AssetError: the file is missing from the installation.
    """
    for place in (_ROOT / "presets" / REGISTRY, _ROOT / "farm" / "_presets" / REGISTRY):
        if place.is_file():
            return _read(place, place.stat().st_mtime_ns)
    raise AssetError(
        f"the list of known assets is missing from the installation (presets/{REGISTRY})", hint="Install stemfarm again"
    )


def read_registry(folder: Path) -> Registry:
    """Return the farm's registry together with the person's in the folder of assets; the person's soundfonts come last.

    Raises:
        AssetError: a registry cannot be read, or both have one name.
    """
    ours = own_registry()
    place = folder / REGISTRY
    try:
        mine = _read(place, place.stat().st_mtime_ns)
    except OSError:
        return ours
    again = next((asset.name for asset in mine.assets if ours.named(asset.name)), None)
    if again is not None:
        raise AssetError(f"{place}: the farm has an asset {again} of its own", hint="Give yours another name there")
    return Registry(
        soundfont=[*ours.soundfont, *mine.soundfont],
        midi=[*ours.midi, *mine.midi],
        folders=ours.folders.model_copy(update={"search": [*ours.folders.search, *mine.folders.search]}),
    )


@functools.lru_cache(maxsize=8)
def _read(place: Path, _mtime_ns: int) -> Registry:
    try:
        return Registry.model_validate(tomllib.loads(place.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssetError(f"{place} is no TOML: {error}", hint="Mend it, or take it away") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise AssetError(f"{place}: `{key}`: {message}" if key else f"{place}: {message}", hint="Mend it") from error


def fetched_place(folder: Path, asset: Asset) -> Path:
    """Return where the folder of assets keeps a fetched asset: a soundfont's file, a corpus's folder."""
    return folder / "soundfonts" / asset.files[0] if asset.kind == "soundfont" else folder / "midi" / asset.name


def places(registry: Registry, asset: Asset, folder: Path) -> Iterator[Path]:
    """Yield where an asset is installed here: where a person named it, fetched, in the system's folders, in a package.

    Args:
        registry: with the folders to look in.
        asset: of the registry.
        folder: of fetched assets.
    """
    named = [] if asset.path is None else [Path(asset.path)]
    for place in [*named, fetched_place(folder, asset)]:
        if place.exists():
            yield place
    if asset.kind == "soundfont":
        folders = [Path(item).expanduser() for item in registry.folders.search]
        for package in registry.folders.packages:
            spec = find_spec(package)
            if spec is not None and spec.origin is not None:
                folders.append(Path(spec.origin).parent)
        yield from (item / name for name in asset.files for item in folders if (item / name).is_file())


def corpus_of(registry: Registry, folder: Path, source: Path) -> Asset | None:
    """Return the corpus that a source lies in: a folder of MIDI, one of its folders or files; None of no known corpus."""
    asked = source.expanduser().resolve()
    for asset in registry.midi:
        for place in places(registry, asset, folder):
            if asked.is_relative_to(place.resolve()):
                return asset
    return None


def known_soundfont(registry: Registry, name: str, sha256: str = "") -> Asset | None:
    """Return the soundfont of a content, else of a file's name."""
    by_content = (asset for asset in registry.soundfont if sha256 in asset.contents)
    by_name = (asset for asset in registry.soundfont if name in asset.files)
    return next(by_content, None) or next(by_name, None)
