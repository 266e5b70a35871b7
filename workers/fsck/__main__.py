"""`python -P -m workers.fsck`: looks after one store for the control plane, which starts it by this name.

It reads an order from standard input (`schemas.upkeep`), behind it the stems and songs that the order is about, and
answers on standard output, one JSON object a line. The exit code is that of the error that ended it, else 0.
"""

from __future__ import annotations

import json
import sys
from typing import TextIO

from pydantic import TypeAdapter

from schemas.errors import FarmError
from schemas.upkeep import Answer, CheckOrder, NamedSong, NamedStem, PurgeOrder
from workers.fsck.check import Check
from workers.fsck.purge import Purge
from workers.store import close_stores, open_store

_ORDER: TypeAdapter[CheckOrder | PurgeOrder] = TypeAdapter(CheckOrder | PurgeOrder)


def serve(asked: TextIO, answers: TextIO) -> None:
    """Read an order and do it.

    Raises:
        FarmError: the store cannot be reached, read or written.
    """

    def tell(**what: object) -> None:
        answers.write(json.dumps(Answer.model_validate(what).model_dump(mode="json", exclude_none=True)) + "\n")
        answers.flush()

    order = _ORDER.validate_json(asked.readline())
    named = [json.loads(line) for line in asked]
    stems = [NamedStem.model_validate(item) for item in named if "spec" in item]
    songs = [NamedSong.model_validate(item) for item in named if "spec" not in item]
    store = open_store(order.store)
    if isinstance(order, PurgeOrder):
        tell(purged=Purge(store, order, stems, songs).run())
        return
    check = Check(
        store, order, stems, songs, find=lambda found: tell(finding=found), progress=lambda seen: tell(progress=seen)
    )
    tell(checked=check.run())


def main() -> int:
    """Do one order of standard input."""
    try:
        serve(sys.stdin, sys.stdout)
    except FarmError as error:
        said = Answer(error={"reason": error.reason, "message": error.message, "hint": error.hint})
        sys.stdout.write(said.model_dump_json(exclude_none=True) + "\n")
        return error.exit_code
    finally:
        close_stores()
    return 0


if __name__ == "__main__":
    sys.exit(main())
