"""The log of a host: lines that parse, from many processes at once, without secrets, and never in the way of work."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.logs import LogLine, log_file, log_files, parse_line
from workers.logs import HostLog, drop_log, keep_log

_log = logging.getLogger("workers.test")


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[HostLog]:
    handler = keep_log(tmp_path / "logs", "render 2")
    yield handler
    drop_log(handler)


def lines(path: Path) -> list[LogLine]:
    parsed = [parse_line(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert None not in parsed
    return [line for line in parsed if line is not None]


def test_a_line_says_who_what_and_about_what(handler: HostLog, tmp_path: Path) -> None:
    _log.warning("stem failed", extra={"song": "Track00001", "tries": 2, "rtf": 0.5, "cold": True, "reason": None})
    (line,) = lines(log_file(tmp_path / "logs", "render 2"))
    assert (line.host, line.pid, line.level, line.logger) == ("render 2", os.getpid(), "warning", "workers.test")
    assert line.message == "stem failed"
    assert line.fields == {"song": "Track00001", "tries": 2, "rtf": 0.5, "cold": True, "reason": None}


def test_the_name_of_a_host_never_leaves_the_folder(tmp_path: Path) -> None:
    assert log_file(tmp_path, "../../etc/passwd").parent == tmp_path
    assert log_file(tmp_path, "render-2.lan").name == "render-2.lan.jsonl"


def test_no_password_of_an_address_is_kept(handler: HostLog, tmp_path: Path) -> None:
    _log.error(
        "cannot reach redis://:hunter2@broker:6379/0", extra={"url": "postgresql+psycopg://farm:hunter2@db/farm"}
    )
    text = log_file(tmp_path / "logs", "render 2").read_text()
    assert "hunter2" not in text
    assert "farm:***@db/farm" in text


def test_long_texts_strange_values_and_line_breaks_stay_one_line(handler: HostLog, tmp_path: Path) -> None:
    _log.warning("x" * 100_000 + "\nnext", extra={"nan": float("nan"), "path": Path("a"), "text": "a\nb"})
    (line,) = lines(log_file(tmp_path / "logs", "render 2"))
    assert len(line.message) == 1500
    assert line.fields == {"nan": "nan", "path": "a", "text": "a\nb"}


def test_an_exception_is_named(handler: HostLog, tmp_path: Path) -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        _log.exception("it broke")
    (line,) = lines(log_file(tmp_path / "logs", "render 2"))
    assert line.fields["error"] == "ValueError('boom')"


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    handler = keep_log(tmp_path / "file" / "logs", "here")
    _log.warning("nobody will read this")
    drop_log(handler)


def test_a_full_log_is_put_aside_and_one_old_one_is_kept(tmp_path: Path) -> None:
    path = log_file(tmp_path, "here")
    handler = HostLog(path, "here", full_bytes=2000)
    for number in range(100):
        handler.emit(logging.makeLogRecord({"msg": f"line {number}", "levelname": "INFO", "levelno": logging.INFO}))
    handler.close()
    old, new = log_files(tmp_path, "here")
    assert (old.name, new) == ("here.jsonl.1", path)
    assert path.stat().st_size <= 2000
    assert old.stat().st_size <= 2000
    kept = [line.message for line in [*lines(old), *lines(new)]]
    assert kept == [f"line {number}" for number in range(100 - len(kept), 100)]
    assert log_files(tmp_path) == [old, new]
    assert log_files(tmp_path, "elsewhere") == []


def test_slots_of_one_host_share_a_log_and_lose_no_line(tmp_path: Path) -> None:
    code = (
        "import logging, sys; from pathlib import Path; from workers.logs import HostLog\n"
        "handler = HostLog(Path(sys.argv[1]), 'here', full_bytes=100_000)\n"
        "for number in range(200):\n"
        "    handler.emit(logging.makeLogRecord({'msg': f'{sys.argv[2]} {number} ' + 'x' * 100}))"
    )
    path = log_file(tmp_path, "here")
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abc"]
    assert [writer.wait(240) for writer in writers] == [0, 0, 0]
    seen = [line.message.split() for old in log_files(tmp_path) for line in lines(old)]
    for name in "abc":
        numbers = [int(words[1]) for words in seen if words[0] == name]
        assert numbers == list(range(200))


def test_a_line_that_was_cut_short_is_none() -> None:
    assert parse_line('{"at": 1.0, "host": "here"') is None
    assert parse_line("") is None
