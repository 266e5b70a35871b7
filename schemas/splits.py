"""Splits: their names and folders, and the file in which Slakh says which track goes where."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, RootModel, field_validator, model_validator

from schemas.base import FarmModel

#: Name and folder of what belongs to no split.
OMITTED: Final = "omitted"
#: In place of a split file: the splits of Slakh2100 as it was first published.
ORIGINAL: Final = "orig"
#: Name of a split, and of its folder.
SplitName = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,31}$")]

#: Slakh2100's own splits: the last track of each (Manilow et al., WASPAA 2019; the dataset's site).
SLAKH_LAST_TRACK: Final = {"train": 1500, "validation": 1875, "test": 2100}

_TRACK = re.compile(r"Track(\d{5,})")


class SplitsPlan(FarmModel):
    """Parts of the dataset, such as train, validation and test, each a folder; without ratios and file there are none."""

    #: Name of each split -> its share of the songs: `{train: 0.8, validation: 0.1, test: 0.1}`; shares are divided by
    #: their sum. Names are small letters, and `omitted` is taken.
    ratios: dict[SplitName, Annotated[float, Field(gt=0)]] = {}
    #: `cluster` keeps all versions of a song in one split, so that nothing leaks; `song` looks at every song alone.
    by: Literal["cluster", "song"] = "cluster"
    #: A file that names songs and their splits, in Slakh's form or as `{song: split}`, by track, SHA-256 or file name;
    #: what it omits is rejected as `omitted`. Relative to the plan.
    file: str | None = None
    #: The same, written here; `file` adds to it.
    songs: dict[str, SplitName] = {}

    @field_validator("ratios")
    @classmethod
    def _not_omitted(cls, value: dict[str, float]) -> dict[str, float]:
        if OMITTED in value:
            raise ValueError(f"a split cannot be called `{OMITTED}`: that is the folder of what is in none")
        return value


def folder_of(track: str, split: str | None) -> str:
    """Return the folder of a track in its dataset: inside that of its split, where it has one."""
    return f"{split}/{track}" if split else track


def slakh_split(track: str) -> str | None:
    """Return the split of a track of Slakh2100 as it was first published (`orig`); None of what is no track of it."""
    found = _TRACK.fullmatch(track)
    if found is None or int(found[1]) == 0:
        return None
    return next((split for split, last in SLAKH_LAST_TRACK.items() if int(found[1]) <= last), None)


class SplitEntry(FarmModel):
    """What is to be done with one track, in Slakh's words."""

    action: Literal["move", "omit"] | None
    source_split: Annotated[str, Field(pattern="^([a-z][a-z0-9_-]{0,31})?$")] | None = None  #: empty: in no split
    destination_split: Annotated[str, Field(pattern="^([a-z][a-z0-9_-]{0,31})?$")] | None = None

    @model_validator(mode="after")
    def _goes_somewhere(self) -> SplitEntry:
        if self.action == "move" and self.destination_split is None:
            raise ValueError("a move needs a destination_split")
        return self


class SplitFile(RootModel[dict[str, SplitEntry | SplitName]]):
    """A split file: track -> entry, as Slakh's `splits_v2.json` and `redux.json`; or track -> split, for short."""

    def destinations(self) -> dict[str, str | None]:
        """Return where each track is to be: a split, `omitted`, or empty where it goes into none.

        None means its original place. What counts is where a track is to be, not where it comes from: so the file can
        be applied to any state of a dataset, and twice.
        """
        on_slakh = self._stands_on_slakh()
        return {track: _destination(track, entry, on_slakh=on_slakh) for track, entry in self.root.items()}

    def _stands_on_slakh(self) -> bool:
        """Whether the tracks are those of Slakh2100: every source that the file names is the original one there."""
        sources = {
            (track, entry.source_split)
            for track, entry in self.root.items()
            if isinstance(entry, SplitEntry) and entry.source_split is not None
        }
        return bool(sources) and all(slakh_split(track) == source for track, source in sources)


def _destination(track: str, entry: SplitEntry | str, *, on_slakh: bool) -> str | None:
    if isinstance(entry, str):
        return entry
    if entry.action == "omit":
        return OMITTED
    if entry.destination_split is not None:
        return entry.destination_split
    if entry.source_split is not None:
        return entry.source_split
    return slakh_split(track) if on_slakh else None


def slakh_original() -> SplitFile:
    """Return the splits of Slakh2100 as first published (`orig`), as a split file."""
    names = (f"Track{number:05d}" for number in range(1, max(SLAKH_LAST_TRACK.values()) + 1))
    return SplitFile({name: SplitEntry(action=None, source_split=slakh_split(name)) for name in names})
