"""Roles in a mix: how loud a stem of some kind is beside the others, and where it stands; written down or drawn.

Draws depend on (seed, song, stem, name of the mix, purpose) alone, so that any worker, and whoever checks, finds the same.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import Field, field_validator

from schemas.band import class_name
from schemas.base import FarmModel
from schemas.drawn import Drawn, Normal, Range, bounds_of, number_of
from schemas.effects import ChosenEffect, Effect, drawn_chain
from schemas.gm import DRUM_PROGRAM

#: Name of a song's own mix among its mixes.
OWN_MIX: Final = "mix"
#: Folder of a song's other mixes in its own.
MIXES: Final = "mixes"
#: Widest gain of a role, dB.
_MOST_DB: Final = 60.0
Program = Annotated[int, Field(ge=0, le=DRUM_PROGRAM)]


class RoleMatch(FarmModel):
    """Which stems a rule is for: those of which all holds that is said here; without a word, every stem."""

    #: Instrument classes, such as `[Bass, Guitar]`.
    inst_class: list[str] = []
    #: Groups of the plan's instrument map.
    groups: list[str] = []
    #: Programs, counted from 0; 128 is drums.
    programs: list[Program] = []
    #: Whether it plays drums.
    drums: bool | None = None

    @field_validator("inst_class", "groups", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("programs", mode="before")
    @classmethod
    def _one_or_more_programs(cls, value: object) -> object:
        return [value] if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("inst_class")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        return [class_name(name) for name in value]

    def fits(self, stem: StemKind) -> bool:
        """Whether a stem is meant."""
        program = DRUM_PROGRAM if stem.is_drum else stem.program
        return (
            (not self.inst_class or stem.inst_class in self.inst_class)
            and (not self.groups or stem.group in self.groups)
            and (not self.programs or program in self.programs)
            and (self.drums is None or self.drums is stem.is_drum)
        )


class MixRole(FarmModel):
    """One rule: which stems, how loud, and where."""

    #: Which stems; left out, all.
    match: RoleMatch = RoleMatch()
    #: Gain on top of the loudness match, dB.
    gain_db: Drawn = 0.0
    #: Place between left (-1) and right (1), 0 leaves the stem as it is.
    pan: Drawn = 0.0
    #: Effects that the stem goes through before it is matched in loudness and placed, in order.
    effects: list[Effect] = []

    @field_validator("gain_db")
    @classmethod
    def _sane(cls, value: Drawn) -> Drawn:
        low, high = bounds_of(value)
        if any(math.isfinite(end) and abs(end) > _MOST_DB for end in (low, high)):
            raise ValueError(f"gains lie between -{_MOST_DB:g} and {_MOST_DB:g} dB")
        return value

    @field_validator("pan")
    @classmethod
    def _between_left_and_right(cls, value: Drawn) -> Drawn:
        if isinstance(value, Normal) and value.within is None:
            return Normal(normal=value.normal, within=(-1.0, 1.0))
        low, high = bounds_of(value)
        if low < -1.0 or high > 1.0:
            raise ValueError("pans lie between -1 (left) and 1 (right)")
        return value

    @property
    def pans(self) -> bool:
        """Whether a stem may come to stand anywhere but where it was played."""
        return bounds_of(self.pan) != (0.0, 0.0)


class OtherMixPlan(FarmModel):
    """Another mix of every song, of the same raw stems."""

    #: Name of the mix and of its folder below `mixes`: small letters, digits, `-` and `_`.
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    #: Its rules come from a preset, as `mix.preset`.
    preset: str | None = None
    #: Its rules; left out, every stem is matched in loudness and stays where it was played.
    roles: list[MixRole] = []
    #: As `mix.stem_lufs`; left out, that.
    stem_lufs: Annotated[float, Field(ge=-60, le=0)] | None = None
    #: As `mix.ceiling_db`; left out, that.
    ceiling_db: Annotated[float, Field(ge=-30, le=0)] | None = None
    #: Also publish every stem as it is in this mix.
    stems: bool = False

    @field_validator("name")
    @classmethod
    def _another(cls, value: str) -> str:
        if value == OWN_MIX:
            raise ValueError(f"`{OWN_MIX}` is the song's own mix; choose another name")
        return value


class StemKind(NamedTuple):
    """What a rule goes by."""

    inst_class: str
    group: str  #: of the instrument map; empty without
    program: int  #: 0-127
    is_drum: bool


class Stand(NamedTuple):
    """What a mix does to a stem: gain on top of the loudness match, dB, and pan."""

    gain_db: float = 0.0
    pan: float = 0.0


def stand_of(
    roles: Sequence[MixRole], kind: StemKind, *, seed: int, song_hash: str, stem: str, mix: str = OWN_MIX
) -> Stand:
    """Return gain and pan of a stem in a mix: those of the first rule that fits, drawn where they are to be drawn."""
    role = _role(roles, kind)
    if role is None:
        return Stand()
    key = (seed, song_hash, stem, mix)
    return Stand(number_of(role.gain_db, *key, "gain"), number_of(role.pan, *key, "pan"))


def effects_of(
    roles: Sequence[MixRole], room: Sequence[Effect], kind: StemKind, *, seed: int, song_hash: str, stem: str
) -> list[ChosenEffect]:
    """Return what a stem goes through: the effects of its role, drawn for it, then the room, drawn for the song."""
    role = _role(roles, kind)
    own = [] if role is None else drawn_chain(role.effects, seed, song_hash, stem, OWN_MIX)
    return [*own, *drawn_chain(room, seed, song_hash, OWN_MIX, "room")]


def _role(roles: Sequence[MixRole], kind: StemKind) -> MixRole | None:
    return next((role for role in roles if role.match.fits(kind)), None)


def pan_law(pan: float) -> Range:
    """Return what a pan multiplies left and right with, of a stem that is alike on both sides: the squares sum to 2."""
    angle = (pan + 1.0) * math.pi / 4.0
    return math.sqrt(2.0) * max(0.0, math.cos(angle)), math.sqrt(2.0) * max(0.0, math.sin(angle))


def check_roles(roles: Sequence[MixRole], *, channels: int, groups: Sequence[str] | None) -> None:
    """See to it that rules can be followed.

    Args:
        roles: of all mixes of a plan.
        channels: of the published audio.
        groups: names of the groups of the plan's instrument map; None without a map.

    Raises:
        ValueError: mono cannot be panned, or a rule is for a group that is not in the map.
    """
    if channels == 1 and any(role.pans for role in roles):
        raise ValueError("mono has no left and right: take the pans out of the roles, or set output.channels: 2")
    for name in (name for role in roles for name in role.match.groups):
        if groups is None:
            raise ValueError(f"a role is for the group {name!r} of the instrument map, and the plan has no map")
        if name not in groups:
            close = difflib.get_close_matches(name, groups, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"they are {', '.join(groups)}"
            raise ValueError(f"a role is for the group {name!r}, which the instrument map does not have; {hint}")


class MixedStem(FarmModel):
    """A stem in one of the song's other mixes."""

    name: str
    audio: str | None  #: of the stem as this mix has it; None where only the mix is published
    gain_db: float  #: what was applied to the raw stem: loudness match, gain of its role, common gain
    role_gain_db: float
    pan: float
    #: What left and right were multiplied with for the pan, beside the gain; None where there was none.
    balance: tuple[float, float] | None = None
    #: Factor of each channel from the published stem of the song's own mix to this; None where that has nothing left.
    relative: list[float | None]
    #: Of the stem in this mix; None where it is silent, or was converted and is not published.
    loudness_lufs: float | None
    peak_dbfs: float | None


class OtherMix(FarmModel):
    """Another mix of the song: other gains and places of the same raw stems, exactly summed."""

    name: str
    audio: str
    stem_lufs: float
    ceiling_db: float
    common_gain_db: float
    peak_dbfs: float | None
    true_peak_dbtp: float | None
    loudness_lufs: float | None
    stems: list[MixedStem]


def other_mix_audio(name: str, file_format: str) -> str:
    """Return the path of another mix in the track's folder."""
    return f"{MIXES}/{name}/mix.{file_format}"


def other_stem_audio(name: str, stem: str, file_format: str) -> str:
    """Return the path of a stem of another mix in the track's folder."""
    return f"{MIXES}/{name}/stems/{stem}.{file_format}"
