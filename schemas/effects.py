"""Effects of a mix: the farm's own in Faust, a person's own, or plug-ins; each with parameters that may be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from schemas.base import FarmModel, content_hash, draw
from schemas.drawn import Drawn, number_of

#: Loudness to which a stem is brought before its effects, so that thresholds mean the same for all, LUFS.
LINE_LUFS: Final = -18.0


class Effect(FarmModel):
    """One effect of a chain."""

    #: Of the farm's own: `reverb`, `compressor`, `equaliser`, `delay`, `chorus`, `saturation`; or any name beside `source`
    #: or `plugin`. The path of a Faust source (.dsp), relative to the plan, is read when the plan is.
    effect: Annotated[str, Field(min_length=1, max_length=200)]
    #: Faust source, stereo in and out; put in where `effect` names one.
    source: str | None = None
    #: A plug-in in its place: URI of an LV2 plug-in, or file or bundle of another.
    plugin: Annotated[str, Field(min_length=1)] | None = None
    format: Literal["lv2", "vst2", "vst3", "au"] | None = None
    #: SHA-256 of the plug-in's binary; where a host has another, the mix is refused there.
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    #: How often it is in the chain.
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    #: In composed songs the probability is multiplied by the factor that the song's genre has for this effect, if any
    #: (`effects`).
    by_genre: bool = False
    #: By name; of Faust in the unit of the parameter, of plug-ins 0 to 1. Others keep their defaults.
    parameters: dict[str, Drawn] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> Effect:
        if (self.plugin is None) != (self.format is None):
            raise ValueError("`plugin` needs `format` (lv2, vst2, vst3 or au), and `format` needs `plugin`")
        if self.plugin is not None and self.source is not None:
            raise ValueError("an effect is a Faust source or a plug-in, not both")
        return self

    @model_serializer(mode="wrap")
    def _without_genre(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.by_genre:
            del values["by_genre"]
        return values

    @property
    def sha(self) -> str:
        """Hash of the Faust source, or of what is known of the plug-in."""
        return self.sha256 or content_hash([self.source, self.plugin])


class AppliedEffect(FarmModel):
    """An effect as a stem went through it."""

    effect: str
    sha256: str  #: of its Faust source, or of the plug-in's binary where the plan names it
    parameters: dict[str, float]
    #: What computed it, such as `DawDreamer 0.9.0 (libfaust 2.85.9)`; empty before that, and in datasets of earlier versions.
    processor: str = ""


class ChosenEffect(NamedTuple):
    """An effect of a chain, and what was drawn for it."""

    effect: Effect
    applied: AppliedEffect


def drawn_chain(
    effects: Sequence[Effect], *key: object, factors: Mapping[str, float] | None = None
) -> list[ChosenEffect]:
    """Return the effects that are in a chain, each with its parameters; drawn by `key`.

    `factors` are of the probabilities of effects `by_genre`, by the effect's name; others are as likely as they say.
    """
    chain = []
    for place, effect in enumerate(effects):
        own = (*key, "effect", place, effect.effect)
        factor = (factors or {}).get(effect.effect, 1.0) if effect.by_genre else 1.0
        if draw(*own, "probability") < effect.probability * factor:
            values = {name: number_of(value, *own, name) for name, value in sorted(effect.parameters.items())}
            applied = AppliedEffect(effect=effect.effect, sha256=effect.sha, parameters=values)
            chain.append(ChosenEffect(effect, applied))
    return chain
