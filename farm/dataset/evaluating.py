"""The process that tries the audio score, seen from the command that starts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from schemas.errors import ServiceError, error_of
from schemas.evaluation import EvalAnswer, EvalOrder
from schemas.tasks import EVALUATOR


def evaluate(order: EvalOrder, progress: Callable[[int, int], None]) -> EvalAnswer:
    """Have a trial made and return the answer that holds its report.

    Args:
        order: what is asked.
        progress: told (songs done, songs).

    Raises:
        FarmError: what ended the process, of the class that it had there.
    """
    command = [sys.executable, "-P", "-m", EVALUATOR]
    last = EvalAnswer()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdin is not None and process.stdout is not None:
                process.stdin.write(order.model_dump_json() + "\n")
                process.stdin.close()
                for line in process.stdout:
                    last = EvalAnswer.model_validate_json(line)
                    if last.progress is not None:
                        progress(*last.progress)
        except BaseException:
            process.kill()
            raise
    if last.error is not None:
        raise error_of(last.error)
    if last.validity is None and last.reliability is None:
        raise ServiceError(
            f"the process that tries scores ended with code {process.returncode}",
            hint="Give the same command again; `farm doctor` says what is missing",
        )
    return last
