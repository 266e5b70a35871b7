"""The logs of the hosts are read from their ends, merged by time, and followed through their change of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.cli import hostlogs
from farm.cli.hostlogs import Tail, lines_backwards, newest
from schemas.logs import OLD, LogLine, log_file


def line(at: float, message: str, host: str = "a", **fields: int) -> LogLine:
    return LogLine(at=at, host=host, pid=1, level="info", logger="workers.slot", message=message, fields={**fields})


def write(folder: Path, *lines: LogLine, old: bool = False) -> Path:
    path = log_file(folder, lines[0].host)
    path = path.with_name(path.name + OLD) if old else path
    with open(path, "ab") as handle:
        handle.write(b"".join(item.model_dump_json().encode() + b"\n" for item in lines))
    return path


def everything(_: LogLine) -> bool:
    return True


@pytest.mark.parametrize("block", [1, 3, 7, 1 << 16])
@pytest.mark.parametrize("text", ["", "\n", "one", "one\n", "one\ntwo", "one\n\ntwo\n", "ä" * 9 + "\nö\n"])
def test_lines_come_backwards_whatever_the_blocks(
    text: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostlogs, "_BLOCK_BYTES", block)
    path = tmp_path / "log"
    path.write_text(text, encoding="utf-8")
    assert list(lines_backwards(path)) == [found for found in reversed(text.split("\n")) if found]


def test_the_newest_lines_of_all_hosts_come_in_the_order_of_time(tmp_path: Path) -> None:
    write(tmp_path, line(1, "a1"), line(4, "a4"), old=True)
    write(tmp_path, line(6, "a6"))
    write(tmp_path, line(2, "b2", "b"), line(5, "b5", "b"), line(7, "b7", "b"))
    assert [found.message for found in newest(tmp_path, None, everything, 4)] == ["a4", "b5", "a6", "b7"]
    assert [found.message for found in newest(tmp_path, "b", everything, 2)] == ["b5", "b7"]
    assert newest(tmp_path, "c", everything, 2) == []


def test_what_is_not_wanted_or_no_line_at_all_does_not_count(tmp_path: Path) -> None:
    path = write(tmp_path, *(line(at, f"a{at}", submission=at % 2) for at in range(10)))
    with open(path, "ab") as handle:
        handle.write(b'{"at": 11, "ho')
    found = newest(tmp_path, None, lambda item: item.fields["submission"] == 1, 3)
    assert [item.message for item in found] == ["a5", "a7", "a9"]


def test_a_tail_gets_what_is_added_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, line(1, "before"))
    tail = Tail(tmp_path, None)
    assert tail.more() == []
    write(tmp_path, line(3, "a3"))
    write(tmp_path, line(2, "b2", "b"))
    with open(path, "ab") as handle:
        handle.write(line(4, "a4").model_dump_json().encode())
    assert [item.message for item in tail.more()] == ["b2", "a3"], "a line is read when it is whole"
    with open(path, "ab") as handle:
        handle.write(b"\n")
    assert [item.message for item in tail.more()] == ["a4"]
    assert tail.more() == []


def test_a_tail_misses_nothing_when_a_log_is_put_aside(tmp_path: Path) -> None:
    path = write(tmp_path, line(1, "a1"))
    tail = Tail(tmp_path, "a")
    write(tmp_path, line(2, "a2"))
    path.rename(path.with_name(path.name + OLD))
    write(tmp_path, line(3, "a3"))
    assert [item.message for item in tail.more()] == ["a2", "a3"]
