"""The render of a whole song, which a plan may make the mix of (Flakh2100's mix)."""

from __future__ import annotations

from collections.abc import Sequence

from farm.ledger.drawn import DrawnStem
from farm.planning.draw import expected_s
from schemas.job import RenderJob
from schemas.patch import EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.song import SplitResult, whole_song


def with_whole(
    stems: Sequence[DrawnStem], plan: DatasetPlan, facts: EngineFacts, split: SplitResult, song_hash: str
) -> list[DrawnStem]:
    """Return the stems of a song, and behind them the whole song in one render where the plan's mix is made of it."""
    if plan.mix.made_of != "song" or not stems:
        return list(stems)
    part = whole_song(song_hash, split)
    patch = Patch(
        engine=facts.engine,
        engine_version=facts.version,
        asset=facts.soundfont,
        bank=0,
        program=0,
        settings=plan.engine.settings,
        whole=True,
    )
    job = RenderJob(
        midi_sha256=part.midi_sha256,
        patch=patch,
        rate_hz=plan.output.rate_hz,
        channels=plan.output.channels,
        tail_max_s=plan.tail_max_s,
    )
    return [*stems, DrawnStem(part, job, expected_s(part, plan.output.rate_hz), song_hash=song_hash)]
