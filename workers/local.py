"""A slot of local mode, started as a process: it takes work straight from the ledger, with no broker in between."""

from __future__ import annotations

import argparse
import os
import signal
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from farm.ledger import open_ledger
from schemas.errors import FarmError
from workers.config import WorkerSettings
from workers.slot import Slot

#: How long an idle slot waits before it looks again; a look costs under a millisecond.
IDLE_S = 0.03


def main(argv: list[str] | None = None) -> int:
    """Work on what the ledger holds until SIGTERM comes; the exit code is 0, or that of the error."""
    parser = argparse.ArgumentParser(prog="python -m workers.local")
    parser.add_argument("--ledger", required=True, help="URL of the ledger")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _work(arguments.ledger)
    except FarmError as error:
        sys.stderr.write(f"{error.reason}: {error}\n")
        return error.exit_code
    return 0


def _work(ledger_url: str) -> None:
    with Slot(open_ledger(ledger_url), WorkerSettings()) as slot:
        signal.signal(signal.SIGTERM, lambda *_: slot.stop())
        while not slot.stopping:
            if not slot.run_task() and not slot.render_batch():
                slot.wait(IDLE_S)


if __name__ == "__main__":
    sys.exit(main())
