"""Instrument maps: which patches may play which programs, and what is done to the notes before they play them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from schemas.band import class_name
from schemas.base import FarmModel
from schemas.errors import PlanError
from schemas.gm import DRUM_PROGRAM
from schemas.patchfile import PatchFile
from schemas.rules import KeyRange, MidiRules

Program = Annotated[int, Field(ge=0, le=DRUM_PROGRAM)]

#: Programs of an instrument map: General MIDI's, counted from 0, and 128 for drum kits.
PROGRAMS: Final = range(DRUM_PROGRAM + 1)


class PatchChoice(FarmModel):
    """One patch that may play the programs of its group."""

    #: What people call it; unique in its group. The annotation of a stem names it.
    name: Annotated[str, Field(min_length=1, max_length=100)]
    #: An instrument that is no preset of a soundfont: the name of one of the farm's patch files (`farm patches list`), the
    #: path of one, relative to the map, or one written out. It says its own key range, octave offset and licence where they
    #: are left out here, and leaves no room for `soundfont`, `bank` and `program`.
    patch: PatchFile | str | None = None
    #: Name of a known soundfont or path of a soundfont; left out, the plan's.
    soundfont: Annotated[str, Field(min_length=1)] | None = None
    #: Bank of the preset; left out, the part's own, or 0 (128 for drums) where `program` is given.
    bank: Annotated[int, Field(ge=0, le=16383)] | None = None
    #: Program of the preset, counted from 0; left out, the part's own (of drums: the part's own kit).
    program: Annotated[int, Field(ge=0, le=127)] | None = None
    #: How often it is drawn, in proportion to the others of its group.
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    #: Lowest and highest key that it can play, after the rules; a part with others does not draw it.
    key_range: KeyRange | None = None
    #: Octaves by which it sounds above the key that is played (below: negative); labels have what sounds. Left out, 0, or
    #: what the patch file says.
    octave_offset: Annotated[int, Field(ge=-10, le=10)] = 0
    #: Its own rules, in place of its group's.
    rules: MidiRules | None = None
    #: Licence of the patch; left out, that of its soundfont.
    licence: str | None = None

    @field_validator("key_range")
    @classmethod
    def _ordered(cls, value: KeyRange | None) -> KeyRange | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("the lowest key must not be above the highest")
        return value

    @model_validator(mode="after")
    def _one_sound(self) -> PatchChoice:
        if self.patch is not None and (self.soundfont, self.bank, self.program) != (None, None, None):
            raise ValueError(
                "a choice with `patch` has no `soundfont`, `bank` or `program`: leave out one or the other"
            )
        return self

    @property
    def file(self) -> PatchFile | None:
        """Its patch file; None for a preset of a soundfont.

        Raises:
            PlanError: only its name is there, since the map was not read as maps are.
        """
        if isinstance(self.patch, str):
            raise PlanError(
                f"the patch file {self.patch} was never read", hint="Read the map with `farm.planning.instruments`"
            )
        return self.patch

    def fits(self, keys: Iterable[int], rules: MidiRules | None = None) -> bool:
        """Whether the patch can play all the written `keys` once the rules have been applied."""
        if self.key_range is None:
            return True
        low, high = self.key_range
        return all(low <= (key if rules is None else rules.key(key)) <= high for key in keys)


class InstrumentGroup(FarmModel):
    """Programs that share their patches."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    #: Instrument class of its stems in annotation and metadata; left out, the class of General MIDI.
    inst_class: Annotated[str, Field(min_length=1)] | None = None
    #: Programs, counted from 0; 128 is drums.
    programs: list[Program] = []
    #: Patches to draw from; none where the group's parts are to have no audio.
    patches: list[PatchChoice] = []
    #: Rules for all its patches that have none of their own.
    rules: MidiRules | None = None

    @field_validator("inst_class")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return None if value is None else class_name(value)

    @model_validator(mode="after")
    def _distinct(self) -> InstrumentGroup:
        for what, values in (("programs", self.programs), ("patches", [patch.name for patch in self.patches])):
            again = sorted({str(value) for value in values if values.count(value) > 1})  # type: ignore[arg-type]
            if again:
                raise ValueError(f"the group {self.name} has {', '.join(again)} twice among its {what}")
        return self

    def rules_of(self, patch: PatchChoice) -> MidiRules | None:
        """Return the rules for a part that `patch` plays; None where nothing is changed."""
        rules = self.rules if patch.rules is None else patch.rules
        return rules if rules is not None and rules.changes else None


def double_claims(groups: Sequence[InstrumentGroup]) -> dict[int, list[str]]:
    """Return the programs that more than one group claims, with the names of those groups."""
    claims = {program: [group.name for group in groups if program in group.programs] for program in PROGRAMS}
    return {program: names for program, names in claims.items() if len(names) > 1}


def unmapped_programs(groups: Sequence[InstrumentGroup]) -> list[int]:
    """Return the programs that no group claims, or only a group without a patch: their parts get no audio."""
    mapped = {program for group in groups if group.patches for program in group.programs}
    return [program for program in PROGRAMS if program not in mapped]


class InstrumentMap(FarmModel):
    """Groups of programs with the patches that may play them; no program is in two groups."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    #: What it is for, for people.
    description: str = ""
    groups: list[InstrumentGroup]

    @model_validator(mode="after")
    def _unambiguous(self) -> InstrumentMap:
        names = [group.name for group in self.groups]
        again = sorted({name for name in names if names.count(name) > 1})
        if again:
            raise ValueError(f"two groups are called {', '.join(again)}")
        claims = [f"{program} by {' and '.join(of)}" for program, of in double_claims(self.groups).items()]
        if claims:
            raise ValueError(f"a program belongs to one group, and these are claimed twice: {', '.join(claims)}")
        return self

    @property
    def unmapped(self) -> list[int]:
        """Programs whose parts get no audio."""
        return unmapped_programs(self.groups)

    @property
    def soundfonts(self) -> list[str]:
        """Soundfonts that it names, sorted."""
        return sorted({patch.soundfont for _, patch in self._patches() if patch.soundfont is not None})

    @property
    def patch_files(self) -> dict[str, PatchFile]:
        """Patch files that it names, by their names, sorted; see `PatchChoice.file`."""
        files = [file for _, patch in self._patches() if (file := patch.file) is not None]
        return {file.name: file for file in sorted(files, key=lambda file: file.name)}

    def group_of(self, program: int) -> InstrumentGroup | None:
        """Return the group of a program (128: drums), or None."""
        return next((group for group in self.groups if program in group.programs), None)

    def with_soundfonts(self, names: Mapping[str, str]) -> InstrumentMap:
        """Return the map with other names or paths of its soundfonts."""
        return self.with_choices(lambda patch: _renamed(patch, names))

    def with_choices(self, change: Callable[[PatchChoice], PatchChoice]) -> InstrumentMap:
        """Return the map with every patch of every group as `change` makes it."""
        groups = [
            group.model_copy(update={"patches": [change(patch) for patch in group.patches]}) for group in self.groups
        ]
        return self.model_copy(update={"groups": groups})

    def portable(self) -> InstrumentMap:
        """Return the map with file names in place of the paths of this machine."""
        fonts = self.with_soundfonts({font: PurePath(font).name for font in self.soundfonts})
        return fonts.with_choices(_portable)

    @property
    def hashed(self) -> dict[str, Any]:
        """What of it is part of a plan's identity: maps of an older farm, which knew no patch files, keep theirs."""
        values = self.portable().model_dump(mode="json")
        for choice in (choice for group in values["groups"] for choice in group["patches"]):
            if choice["patch"] is None:
                del choice["patch"]
        return values

    def _patches(self) -> Iterable[tuple[InstrumentGroup, PatchChoice]]:
        return ((group, patch) for group in self.groups for patch in group.patches)


def _renamed(patch: PatchChoice, names: Mapping[str, str]) -> PatchChoice:
    if patch.soundfont is None or patch.soundfont not in names:
        return patch
    return patch.model_copy(update={"soundfont": names[patch.soundfont]})


def _portable(patch: PatchChoice) -> PatchChoice:
    file = patch.file
    return patch if file is None else patch.model_copy(update={"patch": file.portable()})


class InstrumentPlan(FarmModel):
    """Which patch plays which part."""

    #: An instrument map: the name of one of the farm's, such as `gm-strict` or, with patches of several engines, `mixed`
    #: (`farm instruments` lists them); the path of a file, relative to the plan; or a map written out. Left out, every part
    #: plays its own bank and program of the soundfont.
    map: InstrumentMap | str | None = None
    #: Parts of one program in one song are played by one patch; drum parts, by one where their kit is the same.
    same_program_same_patch: bool = True
    #: Parts of different programs in one song are played by different patches, as long as their group has others.
    distinct_patches: bool = False
    #: Take songs with several drum parts, each a stem of its own; false rejects them as `several_drums` (Slakh's default).
    separate_drums: bool = True
    #: Apply the MIDI rules of the map.
    rules: bool = True
    #: Spread the patches of every group evenly over the songs, in the order of tracks: each comes in turn, in proportion
    #: to its weight, and is never far from its share; left out, each draw is one for itself. It needs a map.
    balance: bool = False
    #: With `on_failed_stem: other_patch`: how many other patches of its group a stem is given at most.
    tries: Annotated[int, Field(ge=1, le=16)] = 2

    @model_validator(mode="after")
    def _patches_to_balance(self) -> InstrumentPlan:
        if self.balance and self.map is None:
            raise ValueError("balance needs an instrument map: without one, every part plays its own program")
        return self

    @property
    def loaded(self) -> InstrumentMap | None:
        """The map; None where there is none.

        Raises:
            PlanError: the plan has only the map's name, since it was not read as plans are.
        """
        if isinstance(self.map, str):
            raise PlanError(
                f"the instrument map {self.map} was never read", hint="Read the plan with `farm.planning.plans`"
            )
        return self.map

    def rules_of(self, group: InstrumentGroup, patch: PatchChoice) -> MidiRules | None:
        """Return the rules that are played, with the switch of the plan heeded."""
        return group.rules_of(patch) if self.rules else None

    def choices(self, program: int, keys: Collection[int] = ()) -> list[PatchChoice]:
        """Return the patches that may play a part of a program (128: drums) with these written keys; see `loaded`.

        Without a map there are none: nothing is drawn.
        """
        group = None if self.loaded is None else self.loaded.group_of(program)
        if group is None:
            return []
        return [patch for patch in group.patches if patch.fits(keys, self.rules_of(group, patch))]
