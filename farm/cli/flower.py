"""`farm flower`: Celery's own pages, never without a password."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from typing import Final, NoReturn

from farm.config import Settings
from schemas.broker import checked_broker_url
from schemas.errors import ServiceError
from schemas.tasks import CELERY_APP

#: Who may look: `user:password`, several with commas between them; Flower reads it from the environment itself.
_PASSWORD: Final = "FLOWER_BASIC_AUTH"  # noqa: S105 - the name of the variable
#: Flower only shows: workers and tasks are steered through the ledger. Workers that are gone leave the list.
_DEFAULTS: Final = {"FLOWER_READ_ONLY": "true", "FLOWER_PURGE_OFFLINE_WORKERS": "300"}


def flower_command(address: str, port: int) -> NoReturn:
    """Become Flower.

    Raises:
        ServiceError: no broker or no password is set, or the port is taken.
    """
    broker_url = Settings().broker_url
    if broker_url is None:
        raise ServiceError("FARM_BROKER_URL is not set", hint="Set it to your Redis or Valkey, or use `farm up`")
    checked_broker_url(broker_url)
    environment = {**_DEFAULTS, **os.environ}
    check_password(environment)
    check_port(address, port)
    command = [
        *(sys.executable, "-P", "-m", "celery", "--app", CELERY_APP, "--workdir", tempfile.gettempdir()),
        *("flower", f"--address={address}", f"--port={port}"),
    ]
    os.execve(command[0], command, environment)


def check_password(environment: Mapping[str, str]) -> None:
    """Refuse to open Flower to everybody: every user must have a password, unless Flower asks another service.

    Raises:
        ServiceError: there is no password, or an empty one.
    """
    if environment.get("FLOWER_AUTH_PROVIDER") and environment.get("FLOWER_AUTH"):
        return
    users = [user.strip() for user in environment.get(_PASSWORD, "").split(",")]
    if not all(name and password for name, _, password in (user.partition(":") for user in users)):
        raise ServiceError(
            f"{_PASSWORD} names no password: Flower would be open to everybody",
            hint=f"Set {_PASSWORD}=user:password in the environment, never on the command line",
        )


def check_port(address: str, port: int) -> None:
    """Say that Flower's port is taken, before anything is started.

    Raises:
        ServiceError: nobody can listen there.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(where)
            door.listen(1)
    except OSError as error:
        raise ServiceError(
            f"Flower cannot listen on {address}:{port}: {error.strerror or error}",
            hint="Name another port with --port; is another Flower running?",
        ) from error
