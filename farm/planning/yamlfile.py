"""Read a file of keys that a person wrote: every mistake names the file and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from schemas.errors import PlanError


def read_keys(path: Path, what: str, *, hint: str) -> dict[str, Any]:
    """Return the keys of a YAML (or JSON) file.

    Args:
        what: what it is in a person's words, such as `plan`.
        hint: what such a file holds.

    Raises:
        PlanError: unreadable, not YAML, or no keys in it.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"cannot read the {what} {path}: {error}", hint="Check the path and its permissions") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise PlanError(f"{path} is not YAML: {problem}", hint="Mend the line it names") from error
    if not isinstance(values, dict):
        raise PlanError(f"the {what} {path} holds no keys", hint=hint)
    return values
