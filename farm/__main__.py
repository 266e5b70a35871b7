"""The `farm` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; errors of the farm become one line on standard error and their exit code."""
    from farm.cli.app import run_app

    sys.exit(run_app())


if __name__ == "__main__":
    main()
