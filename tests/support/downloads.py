"""A web server on this machine that can misbehave as real ones do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server has, and how it behaves.

    Args:
        files: by path, such as `/a.bin`.
        breaks: bytes of the body after which each of the next answers breaks off; None sends all.
        refusals: statuses that the next answers have.
        ranges: whether it answers requests for a part of a file.
        tag: of every file, its version.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: list[int | None] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    ranges: bool = True
    tag: str | None = '"1"'
    asked: list[tuple[str, str | None]] = field(default_factory=list)  #: path and range of every request
    sent: int = 0  #: bytes of all bodies
    port: int = 0

    def url(self, path: str) -> str:
        """Return the address of a file."""
        return f"http://127.0.0.1:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those who hang up."""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve the files until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(site, self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the base has it
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(site: Site, handler: BaseHTTPRequestHandler) -> None:
    wanted = handler.headers.get("Range")
    site.asked.append((handler.path, wanted))
    if site.refusals:
        _say(handler, site.refusals.pop(0), b"", {})
        return
    data = site.files.get(handler.path)
    if data is None:
        _say(handler, 404, b"", {})
        return
    fresh = handler.headers.get("If-Range") in (None, site.tag)
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges and fresh else None
    headers = {} if site.tag is None else {"ETag": site.tag}
    if start is not None and start >= len(data):
        _say(handler, 416, b"", {"Content-Range": f"bytes */{len(data)}"})
        return
    if start is not None:
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    body = data[start or 0 :]
    cut = site.breaks.pop(0) if site.breaks else None
    site.sent += len(body[:cut])
    _say(handler, 200 if start is None else 206, body, headers, cut)


def _say(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], cut: int | None = None
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:cut])
    if cut is not None and cut < len(body):
        handler.wfile.flush()
        handler.close_connection = True
