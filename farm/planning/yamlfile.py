"""Read a file of keys that a person wrote: every mistake names the file and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from schemas.errors import PlanError

_MERGE: Final = "tag:yaml.org,2002:merge"


class _TwiceError(yaml.YAMLError):
    """A key stands twice in one mapping; YAML forbids it, and PyYAML would drop the first in silence."""


class _Loader(yaml.SafeLoader):
    """Reads plain values, and every key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise _TwiceError(f"the key `{key.value}` stands twice, in lines {lines[name]} and {line}")
            lines[name] = line
        return super().construct_mapping(node, deep=deep)


def read_keys(path: Path, what: str, *, hint: str) -> dict[str, Any]:
    """Return the keys of a YAML (or JSON) file.

    Args:
        what: what it is in a person's words, such as `plan`.
        hint: what such a file holds.

    Raises:
        PlanError: unreadable, not YAML, a key that stands twice, or no keys in it.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe one)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise PlanError(f"cannot read the {what} {path}: {why}", hint="Check the path and its permissions") from error
    except _TwiceError as error:
        raise PlanError(f"the {what} {path}: {error}", hint="Take one of them out") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise PlanError(f"{path} is not YAML: {problem}", hint="Mend the line it names") from error
    if not isinstance(values, dict):
        raise PlanError(f"the {what} {path} holds no keys", hint=hint)
    return values
