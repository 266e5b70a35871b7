"""The `farm` command."""

from __future__ import annotations

import contextlib
import os
import sys

import schemas


def main() -> None:
    """Run the command line; errors of the farm become one line on standard error and their exit code."""
    if getattr(schemas, "DISTRIBUTION", None) != "stemfarm":
        sys.exit(f"farm: another package has taken the name `schemas`: {schemas.__file__}. Install stemfarm by itself")
    from farm.cli.app import run_app

    code = run_app()
    with contextlib.suppress(BrokenPipeError):  # whoever read it has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # freeing what ends with the process would take 0.15 s


if __name__ == "__main__":
    main()
