"""The process that reworks a finished dataset, seen from the command that starts it; audio is read there and never here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from schemas.convert import ConvertOrder, ReworkAnswer, ReworkReport, ScoreFilesOrder, ScoreOrder, SubmixOrder
from schemas.errors import ServiceError, error_of
from schemas.tasks import REWORKER

Order = ConvertOrder | SubmixOrder | ScoreOrder | ScoreFilesOrder
Progress = Callable[[int, int], None]


def rework(order: Order, progress: Progress) -> ReworkReport:
    """Have an order done and return what became of it.

    The process ends when this one does: its input is kept open as long as somebody waits for it.

    Args:
        order: what is asked.
        progress: told (tracks done, tracks).

    Raises:
        FarmError: what ended the process, of the class that it had there.
    """
    command = [sys.executable, "-P", "-m", REWORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            report = _listen(process, order, progress)
        except BaseException:
            process.kill()
            raise
        if process.stdin is not None:
            process.stdin.close()
    if report is None:
        raise ServiceError(
            f"the process that reworks datasets ended with code {process.returncode}",
            hint="Give the same command again; `farm doctor` says what is missing",
        )
    return report


def _listen(process: subprocess.Popen[str], order: Order, progress: Progress) -> ReworkReport | None:
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(order.model_dump_json() + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return None
    for line in process.stdout:
        answer = ReworkAnswer.model_validate_json(line)
        if answer.error is not None:
            raise error_of(answer.error)
        if answer.progress is not None:
            progress(*answer.progress)
        if answer.report is not None:
            return answer.report
    return None
