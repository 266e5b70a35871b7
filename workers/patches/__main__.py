"""`python -m workers.patches WORD`: does what `farm patches` asks for, one request for each process.

The request is a JSON object on standard input, if any. Answers are JSON objects on standard output, one a line:

    {"event": "said", "text": words}                                 again and again
    {"event": "done", "result": what was asked for}
    {"event": "failed", "reason": code, "message": text, "hint": text}
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import FarmError
from schemas.patchfile import PatchFile

Ask = Mapping[str, Any]
Tell = Callable[[str], object]


def _scan(asked: Ask, tell: Tell) -> object:
    from workers.patches.scanning import scan

    return scan(asked["words"], formats=asked["formats"], again=asked["again"], timeout_s=asked["timeout_s"], tell=tell)


def _list(asked: Ask, tell: Tell) -> object:
    from workers.patches.listing import listed

    tell("looking for what the patch files name")
    return listed([PatchFile.model_validate(file) for file in asked["files"]])


def _overview(_asked: Ask, tell: Tell) -> object:
    from workers.patches.listing import overview

    tell("counting plug-ins")
    return overview()


def _audition(asked: Ask, tell: Tell) -> object:
    from workers.patches.auditioning import audition
    from workers.patches.wanted import wanted_patch

    return audition(wanted_patch(asked), Path(asked["out"]), tell)


def _check(asked: Ask, tell: Tell) -> object:
    from workers.patches.checking import check
    from workers.patches.wanted import wanted_patch

    return check(wanted_patch(asked), tell)


def _measure(asked: Ask, tell: Tell) -> object:
    from workers.patches.measuring import measure
    from workers.patches.wanted import wanted_plugin

    return measure(wanted_plugin(asked), tell)


_WORDS: Final[dict[str, Callable[[Ask, Tell], object]]] = {
    "scan": _scan,
    "list": _list,
    "overview": _overview,
    "audition": _audition,
    "check": _check,
    "measure": _measure,
}


def main(arguments: list[str] | None = None) -> int:
    """Answer one request; exit code 0 where it was done, else that of the error."""
    parser = argparse.ArgumentParser(prog="python -m workers.patches", description=__doc__)
    parser.add_argument("word", choices=sorted(_WORDS))
    options = parser.parse_args(arguments)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native code prints is no answer

    def send(**message: object) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        result = _WORDS[options.word](json.loads(sys.stdin.read() or "{}"), lambda text: send(event="said", text=text))
    except FarmError as error:
        send(event="failed", reason=error.reason, message=error.message, hint=error.hint)
        return error.exit_code
    send(event="done", result=result)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no time is spent on freeing what ends with the process
