"""Reads JSON files of a Slakh set-up; every mistake names the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import PlanError

_FROM: Final = "Relative paths count from the config's folder; --root names another"


def read_object(path: Path, role: str, *, hint: str = _FROM) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        path: the file.
        role: what the file is to the set-up, for messages.
        hint: what to do where it cannot be read.

    Raises:
        PlanError: it cannot be read, is no JSON, is no object, or has a key twice.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=lambda pairs: _once(pairs, path, role))
    except OSError as error:
        raise PlanError(
            f"cannot read {role} {path}: {error.strerror}",
            hint=hint,
        ) from error
    except ValueError as error:
        raise PlanError(f"{role} {path} is not JSON: {error}", hint="Mend the line it names") from error
    if not isinstance(value, Mapping):
        raise bad(path, role, "it holds no object", "It must begin with {")
    return dict(value)


def _once(pairs: list[tuple[str, Any]], path: Path, role: str) -> dict[str, Any]:
    """Return an object; of a key that stands twice Python, and Slakh with it, would drop the first in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise bad(path, role, f"the key {twice!r} stands twice", "Slakh takes the last one; take the others out")
    return found


def bad(path: Path, role: str, what: str, hint: str) -> PlanError:
    """Return the error that a file of the set-up is not in Slakh's form."""
    return PlanError(f"{role} {path}: {what}", hint=hint)
