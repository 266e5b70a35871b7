"""What a worker refuses: messages that no farm has sent, and a Flower that everybody could look into.

Whoever can write to the broker can put messages there. They carry an id or the name of an engine class and nothing
else, so anything else is forged or broken; it is refused, and what it held is never repeated in a log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.errors import ServiceError
from schemas.patch import ENGINES

#: Largest id of a ledger's row (SQLite and PostgreSQL: signed 64 bits).
_LARGEST_ID: Final = 2**63 - 1
_ENVIRONMENT: Final = ("FLOWER_BASIC_AUTH", "FLOWER_AUTH")
_OPTIONS: Final = ("--auth=",)
_OPEN_OPTIONS: Final = ("--basic-auth", "--basic_auth")


class Refused(ValueError):
    """A message that is not carried out; the text says why, without what was in it."""


def engine_of_ticket(args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    """Return the engine class that a ticket names.

    Raises:
        Refused: it does not name one and nothing else.
    """
    engine = _only(args, kwargs)
    if not isinstance(engine, str):
        raise Refused(f"its argument is a {type(engine).__name__}, and a ticket names an engine class")
    if engine not in ENGINES:
        raise Refused("it names an unknown engine class")
    return engine


def id_of_task(args: Sequence[object], kwargs: Mapping[str, object]) -> int:
    """Return the id of the ledger's task that a message names.

    Raises:
        Refused: it does not name one and nothing else.
    """
    task_id = _only(args, kwargs)
    if isinstance(task_id, bool) or not isinstance(task_id, int):
        raise Refused(f"its argument is a {type(task_id).__name__}, and a song task names an id")
    if not 1 <= task_id <= _LARGEST_ID:
        raise Refused("its number is no id")
    return task_id


def _only(args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    if len(args) != 1 or kwargs:
        raise Refused(f"it has {len(args)} arguments and {len(kwargs)} named ones, and one is right")
    return args[0]


def check_flower(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """See to it that Flower, if that is what this process becomes, asks for a password.

    Args:
        arguments: of the process.   environment: of the process.

    Raises:
        ServiceError: it would be open to everybody, or its password is on the command line, where everybody reads it.
    """
    if "flower" not in arguments:
        return
    if any(argument.startswith(_OPEN_OPTIONS) for argument in arguments):
        raise ServiceError(
            "Flower's password is on the command line, where every user of this machine can read it",
            hint="Set FLOWER_BASIC_AUTH=user:password in the environment instead",
        )
    asks = any(environment.get(name) for name in _ENVIRONMENT)
    if not asks and not any(argument.startswith(_OPTIONS) for argument in arguments):
        raise ServiceError(
            "Flower would be open to everybody",
            hint="Set FLOWER_BASIC_AUTH=user:password in the environment, or start it with `farm flower`",
        )
