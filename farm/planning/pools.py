"""Pools of soundfonts: read from the words of a plan, and drawn from so that a change of one changes no more than it must."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.config import Settings
from schemas.assets import Asset, Registry
from schemas.base import draw
from schemas.errors import AssetError, PlanError
from schemas.genre import Genre
from schemas.licences import LicencePlan
from schemas.pools import EVERY_LAYER, SoundfontChoice
from schemas.registry import known_soundfont, places, read_registry

_SUFFIXES: Final = frozenset({".sf2", ".sf3"})
_KEY: Final = "compose.soundfonts"


def drawn_from(
    pool: Sequence[SoundfontChoice], seed: int, song_hash: str, key: Iterable[object]
) -> SoundfontChoice | None:
    """Draw one soundfont of a pool by weight.

    Each has a number of its own for a song and layer, made of its name alone, and the highest wins (weighted rendezvous
    hashing: Efraimidis and Spirakis 2006). So a soundfont more takes only what it wins, and one less gives away only what
    it had.
    """
    words = ":".join(str(part) for part in key)

    def number(choice: SoundfontChoice) -> tuple[float, str]:
        return math.log(1.0 - draw(seed, song_hash, words, choice.name, "soundfont")) / choice.weight, choice.name

    return max(pool, key=number, default=None)


def with_pools(values: Mapping[str, Any], folder: Path | None, *, where: str) -> dict[str, Any]:
    """Return the values of a plan with what its pools of soundfonts stand for in place of names, tags and paths.

    A tag stands for the soundfonts that have it and are installed here, without those whose licence the plan forbids. So
    a plan that has been read names every soundfont.

    Args:
        values: of the plan, its genres read.
        folder: that paths are relative to; left out, the working folder.
        where: for messages.

    Raises:
        PlanError: no soundfont, tag or layer has the name, or a patch has a key that it cannot have.
        AssetError: no soundfont with the tag is installed.
    """
    asked = values.get("compose")
    pools = asked.get("soundfonts") if isinstance(asked, Mapping) else None
    if not isinstance(asked, Mapping) or not isinstance(pools, Mapping) or not pools:
        return dict(values)
    _check_layers(list(pools), asked.get("genres") or [], where)
    reader = _Reader(folder or Path.cwd(), where, _licences(values))
    read = {layer: reader.pool(layer, pool) for layer, pool in pools.items()}
    return {**values, "compose": {**asked, "soundfonts": read}}


def _licences(values: Mapping[str, Any]) -> LicencePlan:
    try:
        return LicencePlan.model_validate(values.get("licences") or {})
    except ValidationError:
        return LicencePlan()  # the plan's own check says what is wrong


def _check_layers(layers: Sequence[str], genres: Sequence[Any], where: str) -> None:
    known = sorted({layer for genre in genres if isinstance(genre, Genre) for layer in genre.layers})
    for layer in layers:
        if layer == EVERY_LAYER or not known or layer in known:
            continue
        close = difflib.get_close_matches(str(layer), known, n=1)
        hint = f"Did you mean `{close[0]}`?" if close else f"The layers are {', '.join(known)}; `*` is every other one"
        raise PlanError(f"{where}: `{_KEY}`: no genre of the plan has a layer {layer}", hint=hint)


class _Reader:
    """Reads pools word by word."""

    def __init__(self, folder: Path, where: str, licences: LicencePlan) -> None:
        self._folder = folder
        self._where = where
        self._licences = licences
        self._assets = Settings().asset_folder
        self._registry: Registry = read_registry(self._assets)

    def pool(self, layer: str, words: Any) -> Any:
        """Return the choices of one pool; a soundfont that several words mean is there once."""
        if not isinstance(words, list):
            return words  # the plan's own check says what is wrong
        found: dict[str, SoundfontChoice] = {}
        for number, word in enumerate(words):
            for choice in self._choices(word, f"{self._where}: `{_KEY}.{layer}.{number}`"):
                found.setdefault(choice.name, choice)
        return list(found.values())

    def _choices(self, word: Any, where: str) -> list[SoundfontChoice]:
        if isinstance(word, SoundfontChoice):
            return [word]
        if isinstance(word, Mapping):
            return [self._written_out(word, where)]
        if not isinstance(word, str):
            raise PlanError(f"{where} is {word!r}", hint="Write the name of a soundfont, a tag, a path or a patch")
        if "/" in word or Path(word).suffix.lower() in _SUFFIXES:
            return [self._of_path(word)]
        known = self._registry.named(word)
        if known is not None and known.kind == "soundfont":
            return [_choice(known)]
        return self._tagged(word, where)

    def _written_out(self, values: Mapping[str, Any], where: str) -> SoundfontChoice:
        try:
            choice = SoundfontChoice.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            said = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
            raise PlanError(f"{where}: `{key}`: {said}", hint="A patch has at least `name` and `soundfont`") from error
        if "/" in choice.soundfont or Path(choice.soundfont).suffix.lower() in _SUFFIXES:
            return choice.model_copy(update={"soundfont": self._path(choice.soundfont)})
        return choice

    def _of_path(self, word: str) -> SoundfontChoice:
        path = self._path(word)
        known = known_soundfont(self._registry, Path(path).name)
        if known is not None:
            return _choice(known).model_copy(update={"soundfont": path})
        return SoundfontChoice(name=Path(path).stem, soundfont=path)

    def _path(self, word: str) -> str:
        return str((self._folder / Path(word).expanduser()).resolve())

    def _tagged(self, tag: str, where: str) -> list[SoundfontChoice]:
        tagged = [asset for asset in self._registry.soundfont if tag.lower() in map(str.lower, asset.tags)]
        if not tagged:
            raise PlanError(f"{where}: there is no soundfont and no tag {tag}", hint=self._suggest(tag))
        allowed = [asset for asset in tagged if self._licences.allows(asset.licence)]
        if not allowed:
            said = ", ".join(f"{asset.name} ({asset.licence})" for asset in tagged)
            raise PlanError(
                f"{where}: `licences` forbids every soundfont with the tag {tag}: {said}", hint="Name others"
            )
        here = [asset for asset in allowed if next(places(self._registry, asset, self._assets), None) is not None]
        if not here:
            names = ", ".join(asset.name for asset in allowed)
            raise AssetError(
                f"{where}: no soundfont with the tag {tag} is installed here; known are {names}",
                hint=f"`farm assets fetch {allowed[0].name}`",
            )
        return [_choice(asset) for asset in here]

    def _suggest(self, word: str) -> str:
        names = [asset.name for asset in self._registry.soundfont]
        tags = sorted({tag for asset in self._registry.soundfont for tag in asset.tags})
        close = difflib.get_close_matches(word, [*names, *tags], n=1, cutoff=0.5)
        return f"Did you mean `{close[0]}`?" if close else f"Soundfonts are {', '.join(names)}, tags {', '.join(tags)}"


def _choice(asset: Asset) -> SoundfontChoice:
    """Return the choice that stands for a known soundfont: by its name, so that every host finds its own copy."""
    return SoundfontChoice(
        name=asset.name,
        soundfont=asset.name,
        bank=asset.bank,
        program=asset.program,
        tags=asset.tags,
        layers=asset.layers,
    )
