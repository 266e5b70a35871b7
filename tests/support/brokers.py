"""A broker as it stands on a network: on a port, with one user for each part of the farm, and encrypted if wanted.

The server is that of the embedded broker. Where it was built without TLS, and the system has no other that was, a
process of our own stands before it and ends the encryption, as stunnel does; clients see no difference.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

import redis

from farm.scheduling.broker import find_server

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy" / "redis"
ROLES: Final = ("scheduler", "worker", "flower")
_START_S: Final = 60.0
#: What servers without TLS say when they are asked for it (Redis 6; Redis 7 and Valkey).
_NO_TLS: Final = ("Bad directive", "Missing implement of connection type tls", "Failed finding TLS")


class SecureBroker:
    """A private server whose users and certificates are made by the scripts of `deploy/redis`."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self._folder = folder
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        self._terminator: Terminator | None = None
        self.passwords = {role: secrets.token_urlsafe(18) for role in (*ROLES, "admin")}
        self.port = free_port()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        self._write_users()
        options, server = ["--port", str(self.port)], find_server()
        if self._tls:
            subprocess.run(["sh", str(DEPLOY / "new-certificates"), str(self._folder), "127.0.0.1"], check=True)
            native = next((found for found in _servers() if _has_tls(found)), None)
            if native is not None:
                server = native
                options = [
                    *("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"),
                    *("--tls-cert-file", str(self._folder / "server.pem")),
                    *("--tls-key-file", str(self._folder / "server.key"), "--tls-ca-cert-file", str(self.ca)),
                ]
            else:
                inner = free_port()
                options = ["--port", str(inner)]
                self._terminator = Terminator(self.port, inner, self._folder)
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(server), *options, "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""),
                    *("--aclfile", str(self._folder / "users.acl"), "--acllog-max-len", "1000"),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._await()
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminator is not None:
            self._terminator.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def ca(self) -> Path:
        """The authority that its clients trust."""
        return self._folder / "ca.pem"

    def url(self, role: str, password: str | None = None) -> str:
        """Return the address with the name and the password of a role."""
        user = f"{role}:{password or self.passwords[role]}"
        if not self._tls:
            return f"redis://{user}@127.0.0.1:{self.port}/0"
        return f"rediss://{user}@127.0.0.1:{self.port}/0?ssl_cert_reqs=required&ssl_ca_certs={self.ca}"

    def client(self, role: str = "admin") -> redis.Redis:
        """Return a client with the rights of a role."""
        options: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(self.ca)} if self._tls else {}
        return redis.Redis(host="127.0.0.1", port=self.port, username=role, password=self.passwords[role], **options)

    def refusals(self) -> list[str]:
        """Return what the server has refused for lack of rights, such as `worker: command flushall`."""
        with self.client() as client:
            entries = client.acl_log(1000)
        return sorted({f"{entry['username']}: {entry['reason']} {entry['object']}" for entry in entries})

    def _write_users(self) -> None:
        named = {f"{role.upper()}_PASSWORD": self.passwords[role] for role in ROLES}
        users = subprocess.run(
            ["sh", str(DEPLOY / "new-users")], check=True, capture_output=True, text=True, env={**os.environ, **named}
        ).stdout
        admin = f"user admin on >{self.passwords['admin']} ~* &* +@all\n"
        (self._folder / "users.acl").write_text(users + admin)

    def _await(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except (redis.ConnectionError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class Terminator:
    """Takes encrypted connections and passes what they carry to a port of this machine."""

    def __init__(self, port: int, inner: int, folder: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._inner = inner
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that are open end with the server behind."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(plain,), daemon=True).start()

    def _join(self, plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, ssl.SSLError),
            plain,
            self._context.wrap_socket(plain, server_side=True) as outer,
            socket.create_connection(("127.0.0.1", self._inner)) as inner,
        ):
            back = threading.Thread(target=_pass_on, args=(inner, outer), daemon=True)
            back.start()
            _pass_on(outer, inner)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """Return a port of the loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _servers() -> list[Path]:
    named = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    return [find_server(), *(Path(found) for found in named if found)]


def _has_tls(server: Path) -> bool:
    """Ask a server for encryption without a certificate: one that knows of it misses the certificate."""
    done = subprocess.run(
        [str(server), "--port", "0", "--tls-port", str(free_port())],
        capture_output=True, text=True, check=False, timeout=_START_S,
    )  # fmt: skip
    return not any(words in done.stdout + done.stderr for words in _NO_TLS)
