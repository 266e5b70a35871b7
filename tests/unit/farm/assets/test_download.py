"""Downloads go on where they broke off, and nothing but what was promised gets into its place."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.assets.download import TRIES, Download, Progress
from schemas.errors import AssetError, DiskFullError
from tests.support.downloads import Site, serving

DATA = bytes(itertools.islice(itertools.cycle(range(251)), 700_000))
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(files={"/a.bin": DATA})) as served:
        yield served


def order(site: Site, folder: Path, **asked: object) -> Download:
    values: dict[str, object] = {"sha256": SHA256, "size_bytes": len(DATA), "wait": lambda _: None, **asked}
    return Download(site.url("/a.bin"), folder / "a.bin", **values)  # type: ignore[arg-type]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_file_is_put_into_its_place(site: Site, tmp_path: Path) -> None:
    seen: list[Progress] = []
    assert order(site, tmp_path, say=seen.append).fetch() == SHA256
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert left(tmp_path) == ["a.bin"]
    assert (seen[-1].done, seen[-1].total, seen[-1].left_s) == (len(DATA), len(DATA), 0)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


def test_what_breaks_off_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    site.breaks = [100_000, 250_000, None]
    order(site, tmp_path).fetch()
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert [wanted for _, wanted in site.asked] == [None, "bytes=100000-", "bytes=350000-"]
    assert site.sent == len(DATA), "no byte comes twice"


def test_another_command_goes_on_with_what_is_left_behind(site: Site, tmp_path: Path) -> None:
    site.breaks = [300_000, *[0] * TRIES]
    with pytest.raises(AssetError, match=f"300,000 bytes are here after {TRIES} tries") as caught:
        order(site, tmp_path).fetch()
    assert "goes on from there" in caught.value.hint
    assert left(tmp_path) == ["a.bin.part", "a.bin.part.json"]
    site.breaks.clear()
    assert order(site, tmp_path).fetch() == SHA256
    assert site.asked[-1] == ("/a.bin", "bytes=300000-")
    assert left(tmp_path) == ["a.bin"]


def test_a_part_of_another_version_is_not_gone_on_with(site: Site, tmp_path: Path) -> None:
    site.breaks = [400_000]
    old, site.files["/a.bin"] = DATA, bytes(len(DATA))
    waits: list[float] = []

    def changed(seconds: float) -> None:
        waits.append(seconds)
        site.files["/a.bin"], site.tag = old, '"2"'

    assert order(site, tmp_path, wait=changed).fetch() == SHA256
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert len(waits) == 1


@pytest.mark.parametrize(("ranges", "tag"), [(False, '"1"'), (True, None), (True, 'W/"1"')])
def test_servers_that_cannot_go_on_send_it_again(site: Site, tmp_path: Path, ranges: bool, tag: str | None) -> None:
    site.ranges, site.tag, site.breaks = ranges, tag, [100_000]
    assert order(site, tmp_path).fetch() == SHA256
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_part_that_is_whole_already_is_only_verified(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(DATA)
    (tmp_path / "a.bin.part.json").write_text(f'{{"url": "{site.url("/a.bin")}", "version": "\\"1\\""}}')
    assert order(site, tmp_path).fetch() == SHA256
    assert (len(site.asked), site.sent) == (1, 0)


def test_a_damaged_mark_begins_anew(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"rubbish")
    (tmp_path / "a.bin.part.json").write_text("{")
    assert order(site, tmp_path).fetch() == SHA256
    assert site.asked == [("/a.bin", None)]


def test_passing_faults_are_waited_for(site: Site, tmp_path: Path) -> None:
    site.refusals = [503, 429, 500]
    waits: list[float] = []
    assert order(site, tmp_path, wait=waits.append).fetch() == SHA256
    assert waits == sorted(waits), "each wait is longer than the one before"
    assert len(waits) == 3


def test_a_refusal_for_good_is_named_at_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="404 Not Found") as caught:
        Download(site.url("/none"), tmp_path / "a.bin").fetch()
    assert "farm assets add" in caught.value.hint
    assert len(site.asked) == 1


def test_a_server_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with serving(Site()) as gone:
        pass
    waits: list[float] = []
    with pytest.raises(AssetError, match="could not be fetched"):
        Download(gone.url("/a.bin"), tmp_path / "a.bin", wait=waits.append).fetch()
    assert len(waits) == TRIES - 1


def test_what_has_another_hash_is_thrown_away(site: Site, tmp_path: Path) -> None:
    site.files["/a.bin"] = DATA[:-1] + b"\0"
    with pytest.raises(AssetError, match=f"the registry says {SHA256}"):
        order(site, tmp_path).fetch()
    assert left(tmp_path) == []


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
def test_what_has_another_size_is_not_fetched(site: Site, tmp_path: Path, size: int) -> None:
    with pytest.raises(AssetError, match="has 700,000 bytes"):
        order(site, tmp_path, size_bytes=size).fetch()
    assert left(tmp_path) == []


def test_a_full_disk_is_told_before_anything_comes(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError, match="700,000 bytes more than there is room for"):
        order(site, tmp_path).fetch()
    assert not (tmp_path / "a.bin").exists()


def test_two_commands_do_not_write_one_file(site: Site, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(str(tmp_path / "a.bin.part"), ready, done))
    other.start()
    try:
        assert ready.wait(240)
        with pytest.raises(AssetError, match="another command is fetching"):
            order(site, tmp_path).fetch()
    finally:
        done.set()
        other.join()


def _hold(path: str, ready: object, done: object) -> None:
    import fcntl

    with open(path, "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ready.set()  # type: ignore[attr-defined]
        done.wait(240)  # type: ignore[attr-defined]
