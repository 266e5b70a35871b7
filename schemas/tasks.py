"""The wire contract: names of Celery tasks and queues, and of the processes that the control plane starts by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from schemas.states import TaskKind


class QueueName(StrEnum):
    SONGS = "songs"  #: probe, scan, split, mix, annotate, publish
    TICKETS = "tickets"  #: prefix; one queue per engine class, see `ticket_queue`


#: A ticket asks a slot to lease a batch of stems of one engine class; its only argument is the class.
TICKET_TASK: Final = "stemfarm.ticket"

#: One Celery task per kind of song task; the only argument is the id of the ledger's task row.
SONG_TASKS: Final[dict[TaskKind, str]] = {kind: f"stemfarm.{kind.value}" for kind in TaskKind}

#: Modules that the control plane starts as processes, by name, since it never imports the data plane.
CELERY_APP: Final = "workers.app"
LOCAL_SLOTS: Final = "workers.local"
VERIFIER: Final = "workers.verifying"
PROBER: Final = "workers.probing"
PATCH_TOOLS: Final = "workers.patches"
ENGINE_TRIER: Final = "workers.engines.here"
STORE_KEEPER: Final = "workers.fsck"
SPECIMENS: Final = "workers.specimens"
REWORKER: Final = "workers.reworking"


def ticket_queue(engine: str) -> str:
    """Return the queue that holds the tickets of an engine class, such as `tickets.fluidsynth`."""
    return f"{QueueName.TICKETS}.{engine}"


def celery_settings() -> dict[str, object]:
    """Return the Celery configuration that senders and workers share.

    JSON only; early acknowledgement and no prefetch, since a message is only a doorbell and the ledger's lease is the
    truth; restore knobs set so that a lost worker's message would come back in seconds and not in minutes.
    """
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": False,
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        "task_time_limit": 4 * 3600,
        "worker_proc_alive_timeout": 60,
        "worker_pool_start_method": "spawn",
        "worker_soft_shutdown_timeout": 30,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "queue_order_strategy": "priority",
            "visibility_timeout": 6 * 3600,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
        },
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "task_default_queue": QueueName.SONGS.value,
    }
