"""The process of local mode that has the imports done and is forked once for each slot: see `workers.slots`.

`python -P -m workers.local` is started by `farm run` before it does anything else, and gets ready meanwhile. It then
reads one line from standard input, and from there on reports on standard output, one JSON object a line:

    -> {"ledger": URL, "slots": N, "logs": folder}
    <- {"pids": [...]}                    whenever slots were started or started again
    <- {"failed": reason, "message": m}   no slot would fare better; the process ends

It ends, and its slots with it, when its standard input is closed. Slots take work straight from the ledger, with no
broker in between. Where forking is not safe (macOS), slots are started as processes of their own.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from typing import Final

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

#: What imports make stays, and slots make many small objects of songs and labels, nearly none of them in cycles: with CPython's
#: own thresholds (700, 10, 10) the collector takes a tenth of the start and 2 % of a composed song.
_GC_THRESHOLDS: Final = (50_000, 20, 100)


def main(argv: list[str] | None = None) -> int:
    """Run as the parent of slots, or with `--slot-of` as one slot."""
    parser = argparse.ArgumentParser(prog="python -m workers.local", description=__doc__)
    parser.add_argument("--slot-of", nargs=2, metavar=("PARENT", "URL"), help="work as one slot on this ledger")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a person's Ctrl-C is the driver's to act on
    gc.set_threshold(*_GC_THRESHOLDS)
    from workers.slots import run_slot, serve

    if arguments.slot_of is not None:
        return run_slot(int(arguments.slot_of[0]), arguments.slot_of[1])
    return serve()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no time is spent on freeing what ends with the process
