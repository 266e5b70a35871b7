"""Ring for work through Celery: tickets for slots, messages for song tasks. The broker holds no truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from schemas.broker import checked_broker_url
from schemas.errors import ServiceError
from schemas.patch import ENGINES
from schemas.states import TaskKind
from schemas.tasks import SONG_TASKS, TICKET_TASK, QueueName, celery_settings, ticket_queue


def tickets_wanted(ready: int, live_slots: int, queued: int) -> int:
    """Return how many tickets to add so that every slot that could work has one waiting, and none is piled up.

    Args:
        ready: stems that wait for a slot.
        live_slots: slots with a fresh heartbeat that serve the class; 0 counts as 1, so that the first slot to come finds a ticket.
        queued: tickets already in the queue.
    """
    return max(0, min(2 * max(1, live_slots), ready) - queued)


class Doorbell:
    """Sends messages by name; it never imports the code that runs them.

    Args:
        broker_url: Redis or Valkey.

    Raises:
        ServiceError: it is no address of one.
    """

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("stemfarm-scheduler", broker=checked_broker_url(broker_url))
        self._app.conf.update(celery_settings())

    def check(self) -> None:
        """Raise ServiceError when the broker does not answer."""
        with _answering(), self._app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)

    def announce(self, tasks: Iterable[tuple[int, TaskKind]]) -> int:
        """Send one message per song task; returns how many were sent."""
        sent = 0
        with _answering(), self._app.producer_or_acquire() as producer:
            for task_id, kind in tasks:
                self._app.send_task(SONG_TASKS[kind], args=[task_id], queue=QueueName.SONGS.value, producer=producer)
                sent += 1
        return sent

    def top_up(self, engine: str, *, ready: int, live_slots: int) -> int:
        """Bring the tickets of an engine class up to what is wanted; returns how many were added."""
        wanted = tickets_wanted(ready, live_slots, self._queued(ticket_queue(engine)))
        with _answering(), self._app.producer_or_acquire() as producer:
            for _ in range(wanted):
                self._app.send_task(TICKET_TASK, args=[engine], queue=ticket_queue(engine), producer=producer)
        return wanted

    def depths(self) -> dict[str, int]:
        """Return how many messages wait in each queue."""
        return {queue: self._queued(queue) for queue in (QueueName.SONGS.value, *map(ticket_queue, ENGINES))}

    def _queued(self, queue: str) -> int:
        with _answering(), self._app.connection_for_read() as connection, connection.channel() as channel:
            return int(channel.client.llen(queue))


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the many errors of a broker that is away into one."""
    try:
        yield
    except (OperationalError, RedisError, OSError) as error:
        raise ServiceError(
            f"the broker does not answer: {error}", hint="Start Redis or Valkey, or check FARM_BROKER_URL"
        ) from error
