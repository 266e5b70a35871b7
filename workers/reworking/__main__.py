"""`python -P -m workers.reworking`: reworks a finished dataset for the control plane, which starts it by this name.

It reads one order from standard input (`schemas.convert`) and answers on standard output, one JSON object a line. It
ends at once when standard input does: nobody waits for it any more. The exit code is that of the error that ended it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A command that is killed or interrupted ends this process at once; what it leaves is tidied up without a word.
os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.resource_tracker")

import signal
import sys
import threading
from typing import TextIO

from pydantic import TypeAdapter

from schemas.convert import ConvertOrder, ReworkAnswer, ReworkReport, ScoreFilesOrder, ScoreOrder, SubmixOrder
from schemas.errors import FarmError
from workers.reworking.recordings import score_files
from workers.reworking.run import Progress, convert_dataset
from workers.reworking.score import score_dataset
from workers.reworking.submix import submix_dataset

_Order = ConvertOrder | SubmixOrder | ScoreOrder | ScoreFilesOrder
_ORDER: TypeAdapter[_Order] = TypeAdapter(_Order)


def main() -> int:
    """Do the order of standard input."""
    answers = sys.stdout

    def tell(answer: ReworkAnswer) -> None:
        answers.write(answer.model_dump_json(exclude_none=True) + "\n")
        answers.flush()

    def progress(done: int, tracks: int) -> None:
        tell(ReworkAnswer(progress=(done, tracks)))

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's, and its end is ours
    order = _ORDER.validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    try:
        tell(ReworkAnswer(report=_do(order, progress)))
    except FarmError as error:
        tell(ReworkAnswer(error={"reason": error.reason, "message": error.message, "hint": error.hint}))
        return error.exit_code
    return 0


def _do(order: _Order, progress: Progress) -> ReworkReport:
    if isinstance(order, ScoreFilesOrder):
        return score_files(order, progress)
    if isinstance(order, ConvertOrder):
        return convert_dataset(order, progress)
    return score_dataset(order, progress) if isinstance(order, ScoreOrder) else submix_dataset(order, progress)


def _end_with(asked: TextIO) -> None:
    """End this process, without any tidying, when the one that gave the order has gone."""
    asked.read()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
