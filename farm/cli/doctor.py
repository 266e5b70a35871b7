"""`farm doctor`: show the checks and how to mend what failed."""

from __future__ import annotations

import dataclasses
import json
import sys

from rich.console import Console

from farm.cli.screens import table
from farm.config import Settings
from farm.doctor import examine


def doctor_command(*, as_json: bool) -> int:
    """Print every check; the exit code is 0 when nothing that the farm needs is missing."""
    checks = examine(Settings())
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(check) for check in checks], indent=1) + "\n")
    else:
        rows: list[list[object]] = [
            ["ok" if c.ok else "MISSING", c.name, c.found, "" if c.ok else c.fix] for c in checks
        ]
        Console().print(table("", ["", "what", "found", "to mend it"], rows))
    return 0 if all(check.ok for check in checks) else 3
