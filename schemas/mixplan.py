"""What a plan asks of the mix: levels, roles, effects, a loudness, and other mixes beside the song's own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel
from schemas.effects import Effect
from schemas.roles import MixRole, OtherMixPlan


class MixPlan(FarmModel):
    """Levels of stems and mix; the defaults are Slakh's."""

    #: Integrated loudness of each stem before the common gain, LUFS (Slakh: -13).
    stem_lufs: Annotated[float, Field(ge=-60, le=0)] = -13.0
    #: Ceiling of the mix and of every stem, dB relative to full scale (Slakh: -1).
    ceiling_db: Annotated[float, Field(ge=-30, le=0)] = -1.0
    #: Stems quieter than this are brought up as if they were as loud, LUFS, so that what lies under a quiet stem is not
    #: blown up to full level; left out, every stem is matched, however quiet it is.
    gate_lufs: Annotated[float, Field(ge=-70, le=0)] | None = None
    #: `stems`: the mix is the exact sum of the published stems. `song`: it is the whole file, played by one synthesiser
    #: (Flakh2100's mix); the stems do not sum to it, and the metadata says by how much they miss it.
    made_of: Literal["stems", "song"] = "stems"
    #: Integrated loudness of the mix, LUFS: one gain for all stems brings it there, and a limiter that looks ahead keeps
    #: it under the ceiling, with one curve that multiplies all stems alike. Left out, the mix is as loud as the ceiling
    #: lets it be, and at most as loud as its stems make it.
    loudness_lufs: Annotated[float, Field(ge=-50, le=-6)] | None = None
    #: What the ceiling bounds: sample peak (dBFS) or true peak (dBTP, ITU-R BS.1770-4 annex 2).
    peak: Literal["sample", "true"] = "sample"
    #: A mix of the farm (`slakh`, `band`, `wide`, `random`) or the path of a file with keys of `mix`, relative to the plan;
    #: what the plan says itself wins. A plan that was read has what the preset says in its place.
    preset: str | None = None
    #: Rules for gain and pan: `[{match: {inst_class: Bass}, gain_db: -2, pan: {uniform: [-0.3, 0.3]}}, ...]`; the first that
    #: fits a stem counts. See the guide to mixes.
    roles: list[MixRole] = []
    #: Effects that every stem goes through after those of its role, all in the same way: a room. What is linear (reverb,
    #: equaliser, delay, chorus) sounds as if the whole mix went through it, and the stems still sum to the mix.
    room: list[Effect] = []
    #: Other mixes of every song: `[{name: wide, preset: wide}, ...]`, each with `roles` or `preset`, and `stem_lufs`,
    #: `ceiling_db` and `stems` where they are to differ. Each is published as `mixes/NAME/mix.flac`.
    others: list[OtherMixPlan] = []

    @field_validator("peak", mode="before")
    @classmethod
    def _word_true(cls, value: object) -> object:
        # YAML reads an unquoted `true` as a boolean.
        return "true" if value is True else value

    @model_validator(mode="after")
    def _read_and_distinct(self) -> MixPlan:
        if self.preset is not None or any(other.preset is not None for other in self.others):
            raise ValueError("the preset was never read: read the plan with `farm.planning.plans`")
        if any(role.effects for other in self.others for role in other.roles):
            raise ValueError(
                "effects belong to the roles of the song's own mix: other mixes are made of the same stems"
            )
        if self.made_of == "song" and self.loudness_lufs is not None:
            raise ValueError("made_of: song makes the mix of the whole file, which no limiter of the stems can reach")
        if self.made_of == "song" and self.room:
            raise ValueError("made_of: song makes the mix of the whole file, which goes through no room")
        if self.made_of == "song" and self.roles:
            raise ValueError(
                "made_of: song makes the mix of the whole file, where stems have no roles; give roles to one of `others`"
            )
        names = [other.name for other in self.others]
        again = sorted({name for name in names if names.count(name) > 1})
        if again:
            raise ValueError(f"two of the other mixes are called {', '.join(again)}")
        return self

    @property
    def every_effect(self) -> list[Effect]:
        """The effects of all roles, and of the room."""
        return [*(effect for role in self.roles for effect in role.effects), *self.room]

    @property
    def every_role(self) -> list[MixRole]:
        """The rules of all mixes."""
        return [*self.roles, *(role for other in self.others for role in other.roles)]

    def of(self, other: OtherMixPlan) -> MixPlan:
        """Return the plan of another mix, as if it were the only one."""
        return self.model_copy(
            update={
                "stem_lufs": self.stem_lufs if other.stem_lufs is None else other.stem_lufs,
                "ceiling_db": self.ceiling_db if other.ceiling_db is None else other.ceiling_db,
                "made_of": "stems",
                "loudness_lufs": None,
                "roles": other.roles,
                "others": [],
            }
        )
