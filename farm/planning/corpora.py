"""The corpus that a plan's source lies in: what is to be said of its music."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farm.config import Settings
from schemas.registry import corpus_of, read_registry


def with_corpus(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a plan with the corpus that its source lies in, unless the plan says one itself.

    Raises:
        AssetError: a registry of assets cannot be read.
    """
    source = values.get("source")
    if values.get("corpus") is not None or not isinstance(source, str) or not source:
        return dict(values)
    folder = Settings().asset_folder
    found = corpus_of(read_registry(folder), folder, Path(source))
    return dict(values) if found is None else {**values, "corpus": found.credit()}
