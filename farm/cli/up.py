"""`farm up`: the whole service on one machine, for trying it; each part is a process that ends with this one."""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from farm.cli.flower import check_port
from farm.cli.service import worker_arguments, worker_environment
from farm.config import Settings
from farm.ledger import open_ledger
from farm.ledger.database import parse_url
from farm.scheduling.broker import Broker
from farm.scheduling.classes import served_engines
from schemas.errors import ServiceError
from schemas.machine import usable_cores

_STOP_S = 15.0
#: Where Flower listens.
_HERE = "127.0.0.1"


def up_command(slots: int | None, *, with_flower: bool, port: int) -> int:
    """Start broker, scheduler, worker and Flower; returns when a signal comes.

    Raises:
        ServiceError: this farm is up already, Flower's port is taken, or a part has died.
    """
    settings = Settings()
    home = settings.home.expanduser()
    home.mkdir(parents=True, exist_ok=True)
    with alone(home):
        if with_flower:
            check_port(_HERE, port)
        return _serve(settings.ledger_url or f"sqlite:///{home / 'ledger.sqlite'}", home, slots, port, with_flower)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Keep a folder to one farm: two brokers would write one file, and two farms one set of logs.

    Raises:
        ServiceError: a farm is up there.
    """
    with open(home / "up.lock", "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError(
                f"a farm is up in {home} already",
                hint="End it with Ctrl-C in its terminal, or set FARM_HOME to a folder of its own",
            ) from None
        yield


def _serve(ledger_url: str, home: Path, slots: int | None, port: int, with_flower: bool) -> int:
    open_ledger(ledger_url)
    engines = served_engines(Settings().engines)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Broker(home / "broker") as broker:
        password = secrets.token_urlsafe(12)
        environment = {
            **os.environ,
            **worker_environment(engines),
            "FARM_LEDGER_URL": ledger_url,
            "FARM_BROKER_URL": broker.url,
            "FLOWER_BASIC_AUTH": f"farm:{password}",
        }
        parts = _commands(slots or usable_cores(), engines, with_flower, port)
        with _Parts(parts, environment, home / "logs") as running:
            _greet(without_password(ledger_url), broker.url, home, port if with_flower else None, password)
            while not stop.wait(0.5):
                running.check()
    return 0


def _commands(slots: int, engines: Sequence[str], with_flower: bool, port: int) -> dict[str, list[str]]:
    commands = {
        "scheduler": [sys.executable, "-P", "-m", "farm", "scheduler"],
        "worker": worker_arguments(slots, engines),
    }
    if with_flower:
        commands["flower"] = [sys.executable, "-P", "-m", "farm", "flower", f"--port={port}"]
    return commands


def without_password(ledger_url: str) -> str:
    """Return the address of a ledger as it may stand on a screen."""
    url = parse_url(ledger_url)
    return ledger_url if url.password is None else url.render_as_string(hide_password=True)


def _greet(ledger_url: str, broker_url: str, home: Path, port: int | None, password: str) -> None:
    console = Console()
    console.print("the farm is up; in another terminal:", highlight=False)
    addresses = f"FARM_LEDGER_URL={shlex.quote(ledger_url)} FARM_BROKER_URL={shlex.quote(broker_url)}"
    console.print(f"  export {addresses}", highlight=False, markup=False, soft_wrap=True)
    console.print("  farm submit FOLDER --out DATASET", highlight=False)
    if port is not None:
        console.print(f"Flower: http://{_HERE}:{port}  user farm, password {password}", highlight=False, soft_wrap=True)
    console.print(f"logs: {home / 'logs'}   stop with Ctrl-C", highlight=False, soft_wrap=True)


class _Parts:
    """The processes of the service, each with a log of its own and in a process group of its own."""

    def __init__(self, commands: Mapping[str, list[str]], environment: Mapping[str, str], logs: Path) -> None:
        self._commands = commands
        self._environment = dict(environment)
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> _Parts:
        self._logs.mkdir(parents=True, exist_ok=True)
        for name, command in self._commands.items():
            with open(self._logs / f"{name}.log", "ab") as log:
                self._processes[name] = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,
                )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def check(self) -> None:
        """Raise ServiceError when a part has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise ServiceError(
                    f"the {name} ended with code {process.returncode}", hint=f"See {self._logs / name}.log"
                )
