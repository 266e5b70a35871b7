"""The scripts of deploy/ as modules and commands, and servers with a password, for tests of the deployment."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis

from farm.scheduling.broker import find_server

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def load(name: str) -> types.ModuleType:
    """Import a script of deploy/ as a module."""
    if str(DEPLOY) not in sys.path:
        sys.path.insert(0, str(DEPLOY))
    return importlib.import_module(name)


def shell(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script of deploy/ with nothing in its environment but a PATH and what is given."""
    return subprocess.run(
        ["/bin/sh", str(DEPLOY / script), *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], **environment},
    )


def fake_program(folder: Path, name: str, body: str) -> None:
    """Put a program into a folder that stands in front of the PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker_with_password(folder: Path, password: str) -> Iterator[str]:
    """Start the broker as the containers do, by deploy/redis/start, on a port of this machine; gives its URL."""
    port = free_port()
    text = (DEPLOY / "redis" / "redis.conf").read_text(encoding="utf-8")
    text = text.replace("port 6379", f"port {port}").replace("dir /data", f"dir {folder}")
    config = folder / "redis.conf"
    config.write_text(text.replace("bind * -::*", "bind 127.0.0.1"), encoding="utf-8")
    with open(folder / "broker.log", "ab") as log:
        server = subprocess.Popen(
            ["/bin/sh", str(DEPLOY / "redis" / "start"), str(config), str(find_server())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "REDIS_PASSWORD": password},
        )
    try:
        _await(port, password)
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(60)


def _await(port: int, password: str) -> None:
    deadline = time.monotonic() + 15
    with redis.Redis(port=port, password=password) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def write_settings(path: Path, settings: Mapping[str, object]) -> Path:
    """Write an environment file as a host of the farm has it."""
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    path.chmod(0o600)
    return path
