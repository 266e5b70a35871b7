"""Read bands: the farm's own by name, files by path, and those that are written out in a plan."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.planning.yamlfile import read_keys
from schemas.band import Band
from schemas.errors import PlanError

_PRESETS: Final = Path(__file__).resolve().parents[1] / "_presets" / "bands"
_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def band_names() -> list[str]:
    """Return the names of the farm's own bands, sorted."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def load_band(word: str, folder: Path | None = None) -> Band:
    """Read one of the farm's bands by its name, or the band in a file.

    Args:
        word: a name, or a path that ends in .yaml or holds a slash.
        folder: what a relative path is relative to; left out, the working folder.

    Raises:
        PlanError: there is no such band, or it is none.
    """
    path = _find(word, folder)
    values = read_keys(path, "band", hint="A band has the keys `name` and `members`")
    return build_band({"name": path.stem, **values}, where=str(path))


def build_band(values: Any, *, where: str) -> Band:
    """Check the values of a band.

    Raises:
        PlanError: with the place, the key, and what is wrong there.
    """
    try:
        return Band.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "band"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "there is no such key"
        raise PlanError(
            f"{where}: `{key}`: {message}{more}",
            hint="See docs/how-to/choose-the-songs.md for the keys of a band and its members",
        ) from error


def with_band(values: Mapping[str, Any], folder: Path | None, *, where: str) -> dict[str, Any]:
    """Return the values of a plan with the contents of its band in place of the band's name or path.

    So a plan that has been read says all of what it asks for, whatever becomes of the file.

    Raises:
        PlanError: as `load_band`.
    """
    filters = values.get("filters")
    if not isinstance(filters, Mapping):
        return dict(values)
    band, place = filters.get("band"), f"{where}: `filters.band`"
    found: Band | list[str]
    if isinstance(band, str):
        found = load_band(band, folder)
    elif isinstance(band, list) and all(isinstance(item, str) for item in band):
        found = [member.inst_class or "" for member in build_band(band, where=place).members]
    elif isinstance(band, Mapping | list):
        found = build_band(band, where=place)
    else:
        return dict(values)
    return {**values, "filters": {**filters, "band": found}}


def band_of(band: list[str] | Band | str) -> Band:
    """Return the band that a plan means by `filters.band`.

    Raises:
        PlanError: there is no such band, or no such class.
    """
    if isinstance(band, Band):
        return band
    return load_band(band) if isinstance(band, str) else build_band(band, where="`filters.band`")


def _find(word: str, folder: Path | None) -> Path:
    if "/" in word or Path(word).suffix.lower() in _SUFFIXES:
        return (folder or Path.cwd()) / Path(word).expanduser()
    path = _PRESETS / f"{word}.yaml"
    if path.is_file():
        return path
    close = difflib.get_close_matches(word, band_names(), n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"The farm's own are {', '.join(band_names())}."
    raise PlanError(f"there is no band `{word}`", hint=f"{hint} A file ends in .yaml")
