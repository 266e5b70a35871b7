"""The base model and the canonical JSON from which every hash of the project is made."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class FarmModel(BaseModel):
    """A frozen model that refuses unknown keys, so that a misspelt key is an error and never a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def canonical_json(value: Any) -> str:
    """Write `value` as JSON with sorted keys and no spaces: the same text on every machine."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def content_hash(value: Any) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def draw(*key: object) -> float:
    """Return a number in [0, 1) that depends on `key` alone: every random choice of the farm is made with it.

    The key is (seed, song id, stem id, purpose) or a part of it; worker, order and machine never enter.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
