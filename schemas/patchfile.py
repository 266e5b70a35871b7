"""Patch files: an instrument that is no preset of a soundfont, written down so that every host finds and plays the same."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel
from schemas.patch import FaustSettings, PluginSettings
from schemas.rules import Key, KeyRange


class InstanceLimit(FarmModel):
    """How many slots, or hosts, may have a plug-in loaded at once: what its licence allows."""

    max: Annotated[int, Field(ge=1, le=10_000)]
    #: `host`: so many hosts, with any number of slots each; `slot`: so many slots in all.
    per: Literal["host", "slot"] = "slot"


class PatchFile(FarmModel):
    """One instrument: a YAML file in the farm's own `presets/patches`, or anywhere a person keeps it."""

    #: What maps call it, and labels: small letters, digits and hyphens.
    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$", max_length=100)]
    #: What it sounds like, for people.
    description: str = ""
    #: Engine that plays it.
    engine: Literal["dawdreamer", "faust"]
    #: What the engine loads, and what is known of how it plays.
    settings: PluginSettings | FaustSettings
    #: Programs of General MIDI for which it is meant, from 0; 128 is drums.
    programs: list[Annotated[int, Field(ge=0, le=128)]] = []
    #: Lowest and highest key that it plays.
    key_range: KeyRange | None = None
    #: Octaves by which it sounds above the key that is played (below: negative).
    octave_offset: Annotated[int, Field(ge=-10, le=10)] = 0
    #: Licence of the plug-in or source, as an SPDX expression where there is one.
    licence: str = "unknown"
    #: SHA-256 of the plug-in's binary or of the source; where a host has another, the patch is refused there.
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    #: Instances that its licence allows.
    instances: InstanceLimit | None = None
    #: Where its preset or source lies: the folder of its file, filled in when that is read; none for the farm's own.
    folder: str | None = None

    @field_validator("key_range")
    @classmethod
    def _ordered(cls, value: tuple[Key, Key] | None) -> tuple[Key, Key] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("the lowest key must not be above the highest")
        return value

    @model_validator(mode="after")
    def _of_its_engine(self) -> PatchFile:
        wanted = PluginSettings if self.engine == "dawdreamer" else FaustSettings
        if not isinstance(self.settings, wanted):
            needed = "plugin and format" if self.engine == "dawdreamer" else "source"
            raise ValueError(f"the engine {self.engine} needs settings with {needed}")  # noqa: TRY004 (pydantic takes it)
        return self

    @property
    def known_licence(self) -> str | None:
        """The licence that it names; None where it names none."""
        return None if self.licence == "unknown" else self.licence

    def portable(self) -> PatchFile:
        """Return it with file names in place of the paths of this machine."""
        settings = self.settings.portable() if isinstance(self.settings, PluginSettings) else self.settings
        return self.model_copy(update={"settings": settings, "folder": None})

    @property
    def needs(self) -> str:
        """Name of the extra that its engine comes with."""
        return "plugins"
