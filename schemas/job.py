"""A render job: every constant of one stem's audio. The job alone reproduces the bytes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import FarmModel, content_hash
from schemas.patch import Patch
from schemas.rules import MidiRules

#: Version of the render recipe; raised when a change of the farm itself changes the audio of a job.
RENDER_RECIPE = 1


class RenderJob(FarmModel):
    """What an engine must do for one stem."""

    midi_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    patch: Patch
    rate_hz: Annotated[int, Field(ge=8000, le=96000)] = 44100
    channels: Annotated[int, Field(ge=1, le=2)] = 2
    #: Longest time after the last note during which sound may still decay, seconds.
    tail_max_s: Annotated[float, Field(ge=0, le=120)] = 30.0

    @property
    def rules(self) -> MidiRules | None:
        """What is done to the notes before they are played; None where they are played as they stand."""
        return self.patch.rules

    @property
    def spec_hash(self) -> str:
        """Identity of the stem's audio: MIDI, rules, patch, engine version and render settings (64 hex digits)."""
        spec = self.model_dump(mode="json", exclude={"patch"})
        return content_hash({**spec, "patch": self.patch.identity, "recipe": RENDER_RECIPE})
