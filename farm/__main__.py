"""The `farm` command."""

from __future__ import annotations

import contextlib
import gc
import os
import sys

import schemas

#: What imports make stays. With CPython's own thresholds (700, 10, 10) the collector looks through it again and again,
#: which is a tenth of the time that a command takes to start.
_GC_THRESHOLDS = (50_000, 20, 100)


def main() -> None:
    """Run the command line; errors of the farm become one line on standard error and their exit code."""
    if getattr(schemas, "DISTRIBUTION", None) != "stemfarm":
        sys.exit(f"farm: another package has taken the name `schemas`: {schemas.__file__}. Install stemfarm by itself")
    gc.set_threshold(*_GC_THRESHOLDS)
    from farm.scheduling.slothost import start_ahead

    start_ahead(sys.argv[1:])
    from farm.cli.app import run_app

    code = run_app()
    with contextlib.suppress(BrokenPipeError):  # whoever read it has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # freeing what ends with the process would take 0.15 s


if __name__ == "__main__":
    main()
