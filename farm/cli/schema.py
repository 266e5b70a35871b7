"""`farm schema`: the published JSON Schemas."""

from __future__ import annotations

import json
import sys

from pydantic import BaseModel

from schemas.annotation import SongAnnotation
from schemas.band import Band
from schemas.dataset import DatasetRecord, TrackRecord
from schemas.errors import PlanError
from schemas.plan import DatasetPlan

SCHEMAS: dict[str, type[BaseModel]] = {
    "annotation": SongAnnotation,
    "manifest": TrackRecord,
    "dataset": DatasetRecord,
    "plan": DatasetPlan,
    "band": Band,
}


def schema_command(what: str) -> int:
    """Print the JSON Schema (draft 2020-12) of one of the farm's documents."""
    model = SCHEMAS.get(what)
    if model is None:
        raise PlanError(f"there is no schema of {what!r}", hint=f"One of: {', '.join(SCHEMAS)}")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    sys.stdout.write(json.dumps(schema, indent=1) + "\n")
    return 0
