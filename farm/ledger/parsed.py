"""Texts of the ledger as models; what never changes is parsed once, since models are frozen and can be shared."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from schemas.job import RenderJob
from schemas.patch import EngineFacts, Patch
from schemas.plan import DatasetPlan


@lru_cache(maxsize=64)
def plan_of(text: str) -> DatasetPlan:
    """Parse a plan."""
    return DatasetPlan.model_validate_json(text)


@lru_cache(maxsize=64)
def engine_facts_of(text: str) -> EngineFacts:
    """Parse what a probe found."""
    return EngineFacts.model_validate_json(text)


@lru_cache(maxsize=4096)
def patch_of(text: str) -> Patch:
    """Parse a patch."""
    return Patch.model_validate_json(text)


def job_of(row: Any) -> RenderJob:
    """Put a render job together from a row with a stem's columns and its patch's `body`."""
    return RenderJob(
        midi_sha256=row.midi_sha256,
        patch=patch_of(row.body),
        rate_hz=row.rate_hz,
        channels=row.channels,
        tail_max_s=row.tail_max_s,
    )
