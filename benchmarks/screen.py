"""Where the benchmarks print: tables as wide as the terminal, and wide enough to be read in a log."""

from __future__ import annotations

from rich.console import Console

_LOG_COLUMNS = 132


def console() -> Console:
    """Return the console that tables go to."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=_LOG_COLUMNS)
