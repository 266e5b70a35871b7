"""Reads JSON files of a Slakh set-up; every mistake names the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import PlanError


def read_object(path: Path, role: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        path: the file.
        role: what the file is to the set-up, for messages.

    Raises:
        PlanError: it cannot be read, is no JSON, or is no object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(
            f"cannot read {role} {path}: {error.strerror}",
            hint="Relative paths count from the config's folder; --root names another",
        ) from error
    except ValueError as error:
        raise PlanError(f"{role} {path} is not JSON: {error}", hint="Mend the line it names") from error
    if not isinstance(value, Mapping):
        raise bad(path, role, "it holds no object", "It must begin with {")
    return dict(value)


def bad(path: Path, role: str, what: str, hint: str) -> PlanError:
    """Return the error that a file of the set-up is not in Slakh's form."""
    return PlanError(f"{role} {path}: {what}", hint=hint)
