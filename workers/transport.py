"""Takes messages from the broker, and drops those that no farm has sent before anything looks into them.

Celery refuses most of what is forged, but some messages end the whole worker: one that is no JSON, or whose body is of a
type that needs no decoding. What does not have the exact form of a ticket or of a song task stops here.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from queue import Empty
from typing import Any, Final

import kombu.transport
from kombu.transport import redis

from schemas.tasks import SONG_TASKS, TICKET_TASK, QueueName
from workers.refusals import Refused

_log = logging.getLogger(__name__)

_TASKS: Final = frozenset({TICKET_TASK, *SONG_TASKS.values()})
_TASK_ID: Final = re.compile(r"[0-9a-f-]{36}")
#: A ticket or a song task is far smaller; what is larger is not even read.
_LONGEST_BODY: Final = 4096
_SCHEMES: Final = ("redis", "rediss", "redis+socket")


def check_message(message: object, queue: str) -> None:
    """See to it that a message has the form that the farm gives to its own.

    Args:
        message: as it was in the queue, read from its JSON.
        queue: where it was.

    Raises:
        Refused: it has not.
    """
    if not isinstance(message, dict) or not isinstance(message.get("properties"), dict):
        raise Refused("it is no message")
    if not isinstance(message["properties"].get("delivery_tag"), str):
        raise Refused("it cannot be acknowledged")
    if queue == QueueName.SONGS or queue.startswith(f"{QueueName.TICKETS}."):
        _check_headers(message.get("headers"))
        if (message.get("content-type"), message.get("content-encoding")) != ("application/json", "utf-8"):
            raise Refused("its content is no JSON")
        _check_body(message.get("body"), message["properties"].get("body_encoding"))


def _check_headers(headers: object) -> None:
    if not isinstance(headers, dict):
        raise Refused("it has no headers")
    task, number = headers.get("task"), headers.get("id")
    if not isinstance(task, str) or task not in _TASKS:
        raise Refused("it names no task of the farm")
    if not isinstance(number, str) or _TASK_ID.fullmatch(number) is None:
        raise Refused("it has no id")
    asked = [name for name in ("eta", "expires", "group", "compression", "chord") if headers.get(name) is not None]
    if asked or headers.get("timelimit", [None, None]) != [None, None]:
        raise Refused("it asks for what the farm never asks")


def _check_body(body: object, encoding: object) -> None:
    if not isinstance(body, str) or encoding != "base64" or len(body) > _LONGEST_BODY:
        raise Refused("its body is none")
    try:
        content = json.loads(base64.b64decode(body, validate=True))
    except (ValueError, RecursionError):
        raise Refused("its body is no JSON") from None
    match content:
        case [list(), dict(), dict() as orders] if not any(orders.values()):
            return
    raise Refused("its body is no call of a task, or calls others")


class Channel(redis.Channel):  # type: ignore[misc]  # kombu has no types
    """A channel that survives what it cannot read."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except ValueError:
            _log.warning("refused a message: it is no JSON")
            raise Empty from None


class Transport(redis.Transport):  # type: ignore[misc]  # kombu has no types
    """Redis and Valkey, with a look at every message."""

    Channel = Channel

    def _deliver(self, message: object, queue: str) -> None:
        try:
            check_message(message, queue)
        except Refused as refusal:
            _log.warning("refused a message in the queue %s: %s", queue, refusal)
        else:
            super()._deliver(message, queue)


def install() -> None:
    """Make every connection of this process that is opened from now on use this transport."""
    for scheme in _SCHEMES:
        kombu.transport.TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
