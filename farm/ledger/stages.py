"""What each stage of a submission has done and cost, read from counters that the end of every try adds to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: The stages of a submission's work, in order.
STAGES: Final = ("scan", "split", "render", "mix", "annotate", "publish")
#: What a stage does one at a time, where that is no song.
_UNITS: Final = {"scan": "file", "render": "stem"}


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage has done so far, what was done again included, and what that cost all slots together."""

    stage: str  #: one of `STAGES`
    unit: str  #: what it does: file, song or stem
    done: int
    failed: int  #: tries of tasks that failed or were lost; those of stems are counted by reason elsewhere
    wall_s: float  #: time in which slots were at it; a render's load included
    cpu_s: float  #: processor time of slots and engines


def stages_of(counted: Mapping[str, float]) -> list[StageCost]:
    """Return the stages that have begun, from the counters of `Subject.STAGE`: `mix.done`, `mix.wall_s` ..."""

    def amount(stage: str, name: str) -> float:
        return max(0.0, counted.get(f"{stage}.{name}", 0.0))

    costs = [
        StageCost(
            stage=stage,
            unit=_UNITS.get(stage, "song"),
            done=int(amount(stage, "done")),
            failed=int(amount(stage, "failed")),
            wall_s=round(amount(stage, "wall_s"), 6),
            cpu_s=round(amount(stage, "cpu_s"), 6),
        )
        for stage in STAGES
    ]
    return [cost for cost in costs if cost.done or cost.failed]
