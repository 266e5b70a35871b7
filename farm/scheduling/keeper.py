"""The process that looks after a store, seen from those who give it orders; audio is read there and never here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable

from schemas.base import FarmModel
from schemas.errors import ServiceError, error_of
from schemas.tasks import STORE_KEEPER
from schemas.upkeep import Answer, CheckOrder, NamedSong, NamedStem, PurgeOrder


def ask(
    order: CheckOrder | PurgeOrder,
    named: Iterable[NamedStem | NamedSong],
    hear: Callable[[Answer], None],
) -> None:
    """Have an order done.

    Args:
        order: what is asked.
        named: the stems and songs that it is about.
        hear: told every answer, the totals last.

    Raises:
        FarmError: what ended the process, of the class that it had there.
    """
    command = [sys.executable, "-P", "-m", STORE_KEEPER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise ServiceError("the process that looks after stores has no pipe", hint="Run the same command again")
        try:
            for line in (order, *named):
                process.stdin.write(_line(line))
            process.stdin.close()
            for text in process.stdout:
                answer = Answer.model_validate_json(text)
                if answer.error is not None:
                    raise error_of(answer.error)
                hear(answer)
        except BrokenPipeError:
            pass  # it has ended; its exit code says so below
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ServiceError(
            f"the process that looks after stores ended with code {process.returncode}",
            hint="Run the same command again; `farm doctor` says what is missing",
        )


def _line(model: FarmModel) -> str:
    return model.model_dump_json() + "\n"
