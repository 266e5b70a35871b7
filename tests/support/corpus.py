"""Real songs and damaged files that lie beside the checkout, for tests that use them when they are there."""

from __future__ import annotations

from pathlib import Path

import pytest

_CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def songs() -> list[Path]:
    """Return the real songs, sorted; the calling test is skipped where the corpus is absent."""
    return _files("songs")


def damaged() -> list[Path]:
    """Return the damaged files, sorted; the calling test is skipped where the corpus is absent."""
    return _files("damaged")


def _files(folder: str) -> list[Path]:
    found = sorted((_CORPUS / folder).glob("*.mid"))
    if not found:
        pytest.skip(f"no corpus of real MIDI beside the checkout ({folder})")
    return found
