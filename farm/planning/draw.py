"""Draw the patches of a split song: a pure function of plan, engine facts and split."""

from __future__ import annotations

from typing import Final

from farm.ledger.records import DrawnStem
from schemas.job import RenderJob
from schemas.patch import DRUM_BANK, EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.song import Part, SplitResult

#: Rate for which the expected times below hold.
_REFERENCE_RATE_HZ: Final = 44100
#: Seconds that FluidSynth takes for a second of audio without a sounding voice, and for a note: rough means over real
#: songs on one core (a stem of 240 s with 400 notes takes about half a second). Only their proportion matters: the
#: ledger corrects them by what it measures.
_SECOND_S: Final = 1 / 4000
_NOTE_S: Final = 1e-3


def draw_stems(plan: DatasetPlan, facts: EngineFacts, split: SplitResult) -> list[DrawnStem]:
    """Give every part of a song its patch and render job, in the order of parts.

    The patch is the plan's engine and soundfont at the part's own bank and program.
    """
    return [DrawnStem(part, _job(plan, facts, part), expected_s(part, plan.output.rate_hz)) for part in split.parts]


def _job(plan: DatasetPlan, facts: EngineFacts, part: Part) -> RenderJob:
    patch = Patch(
        engine=facts.engine,
        engine_version=facts.version,
        asset=facts.soundfont,
        bank=DRUM_BANK if part.is_drum else part.bank,
        program=part.program,
        settings=plan.engine.settings,
    )
    return RenderJob(
        midi_sha256=part.midi_sha256,
        patch=patch,
        rate_hz=plan.output.rate_hz,
        channels=plan.output.channels,
        tail_max_s=plan.tail_max_s,
    )


def expected_s(part: Part, rate_hz: int) -> float:
    """Return the seconds that a part's render is expected to take on one core."""
    return (part.end_s * _SECOND_S + part.notes * _NOTE_S) * rate_hz / _REFERENCE_RATE_HZ
