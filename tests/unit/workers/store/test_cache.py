"""Local copies: found, bounded, the longest unused first, and gone when nobody is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import OutputError
from workers.store.cache import GRACE_S, SMALL_BYTES, STALE_PART_S, Cache

SIZE = SMALL_BYTES


def put(cache: Cache, number: int, size: int = SIZE, age_s: float = 0.0) -> str:
    part = cache.part(f"{number}.part")
    part.write_bytes(b"\0" * size)
    key = f"stems/{number:02}/{number}.stem"
    path = cache.take(part, key)
    os.utime(path, (time.time() - age_s,) * 2)
    return key


def held(cache: Cache) -> list[str]:
    return sorted(path.relative_to(cache.root).as_posix() for path in cache.root.rglob("*.*") if path.is_file())


def test_a_copy_is_found_under_its_key_until_it_is_dropped(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10 * SIZE)
    key = put(cache, 1)
    assert cache.find(key) == tmp_path / key
    cache.drop(key)
    cache.drop(key)
    assert cache.find(key) is None
    cache.close()


def test_it_stays_within_its_bound_and_gives_up_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 4 * SIZE)
    keys = [put(cache, number, age_s=1000 - number) for number in range(4)]
    assert cache.find(keys[0]) is not None  # used just now
    newest = put(cache, 9)
    assert held(cache) == sorted([keys[0], keys[2], keys[3], newest])
    cache.close()


def test_a_copy_larger_than_the_bound_stays_until_the_next_one_comes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 2 * SIZE)
    put(cache, 1, age_s=10)
    large = put(cache, 2, 3 * SIZE, age_s=5)
    assert held(cache) == [large]
    small = put(cache, 3)
    assert held(cache) == [small]
    cache.close()


def test_a_small_copy_that_was_just_handed_out_is_not_taken_away(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    fresh, old = put(cache, 1, 60), put(cache, 2, 60, age_s=2 * GRACE_S)
    put(cache, 3, 60)
    assert cache.find(fresh) is not None
    assert cache.find(old) is None
    cache.close()


def test_a_file_under_way_that_nobody_writes_to_any_more_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path, SIZE)
    stale, live = cache.part("stale.part"), cache.part("live.part")
    for path in (stale, live):
        path.write_bytes(b"x")
    os.utime(stale, (time.time() - 2 * STALE_PART_S,) * 2)
    cache.shrink(0)
    assert held(cache) == ["tmp/live.part"]
    cache.close()


def test_the_last_one_to_leave_empties_it(tmp_path: Path) -> None:
    first, second = Cache(tmp_path, 10 * SIZE), Cache(tmp_path, 10 * SIZE)
    key = put(first, 1)
    first.close()
    first.close()
    assert second.find(key) is not None
    second.close()
    assert held(second) == []


def test_what_killed_processes_left_is_removed_by_the_next_and_by_nobody_while_one_lives(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from workers.store.cache import Cache\n"
        f"cache = Cache(Path({str(tmp_path)!r}), 10**9); cache.part('x.part').write_bytes(b'x')\n"
        "print('up', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    neighbour = Cache(tmp_path, 10**9)
    assert held(neighbour) == ["tmp/x.part"]
    neighbour.close()
    assert held(neighbour) == ["tmp/x.part"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    heir = Cache(tmp_path, 10**9)
    assert held(heir) == []
    heir.close()


def test_what_somebody_else_keeps_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    cache = Cache(tmp_path, 1)
    put(cache, 1)
    put(cache, 2)
    cache.shrink(0)
    cache.close()
    assert held(cache) == ["thesis/chapter.txt"]


def test_only_this_user_sees_the_copies(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new", 1)
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    cache.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        Cache(tmp_path / "file" / "cache", 1)
