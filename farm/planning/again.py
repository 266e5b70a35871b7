"""The plan of a finished dataset, ready to be made once more on this machine: paths that it has lost are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from farm.config import Settings
from farm.planning.instruments import is_path
from schemas.instruments import InstrumentMap
from schemas.plan import DatasetPlan, StorePlan
from schemas.pools import Pools, SoundfontChoice
from schemas.registry import known_soundfont, places, read_registry


def plan_again(plan: DatasetPlan, *, hashes: Mapping[str, str]) -> DatasetPlan:
    """Return the plan with the soundfonts where they lie here, for a folder and a store of its own.

    A soundfont whose path leads nowhere is looked for by its content, then by its file's name; where there is none the path
    stays, and the probe says what is missing.

    Args:
        plan: of the dataset, with its own paths where they are known, else with the names of files.
        hashes: SHA-256 of its soundfonts, by name.
    """
    words = [word for word in [plan.engine.soundfont or "", *plan.soundfont_words] if is_path(word)]
    found = {word: _place(word, hashes.get(Path(word).stem, "")) for word in words}
    engine = plan.engine.model_copy(update={"soundfont": _renamed(plan.engine.soundfont, found)})
    instruments = plan.instruments
    if isinstance(instruments.map, InstrumentMap):
        made = instruments.map.with_soundfonts({font: found.get(font, font) for font in instruments.map.soundfonts})
        instruments = instruments.model_copy(update={"map": made})
    compose = plan.compose
    if compose is not None:
        compose = compose.model_copy(update={"soundfonts": _pools(compose.soundfonts, found)})
    changes = {
        "engine": engine, "instruments": instruments, "compose": compose, "store": StorePlan(), "keep_store": False,
        "rerender_existing": False,
    }  # fmt: skip
    return plan.model_copy(update=changes)


def missing_files(plan: DatasetPlan) -> list[str]:
    """Return the soundfonts and recordings that a plan names by path and that are not there."""
    words = [word for word in [plan.engine.soundfont or "", *plan.soundfont_words] if is_path(word)]
    library = None if plan.compose is None else plan.compose.sample_library
    recordings = [] if library is None else [str(Path(library.folder) / sample.file) for sample in library.samples]
    return [path for path in [*words, *recordings] if not Path(path).is_file()]


def _place(word: str, sha256: str) -> str:
    if Path(word).is_file():
        return str(Path(word).resolve())
    folder = Settings().asset_folder
    registry = read_registry(folder)
    asset = known_soundfont(registry, Path(word).name, sha256)
    place = None if asset is None else next(places(registry, asset, folder), None)
    return word if place is None else str(place)


def _renamed(word: str | None, found: Mapping[str, str]) -> str | None:
    return None if word is None else found.get(word, word)


def _pools(pools: Pools, found: Mapping[str, str]) -> Pools:
    return {
        layer: [
            choice.model_copy(update={"soundfont": _renamed(choice.soundfont, found)})
            if isinstance(choice, SoundfontChoice)
            else choice
            for choice in pool
        ]
        for layer, pool in pools.items()
    }
