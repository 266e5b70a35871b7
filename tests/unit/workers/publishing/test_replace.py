"""A song that is published again takes the place of what stood there in one step, wherever the process dies."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import StoreError
from tests.support.datasets import make_song, song_midi
from workers.publishing import publish, swap
from workers.publishing.layouts.base import TrackContents
from workers.publishing.publish import publish_song


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrackContents]:
    work = tmp_path_factory.mktemp("song")
    return work / "staging", make_song(work, song_midi())


@pytest.fixture
def staging(made: tuple[Path, TrackContents], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "staging" / "Track00001"))


@pytest.fixture
def contents(made: tuple[Path, TrackContents]) -> TrackContents:
    return made[1]


@pytest.fixture
def final(tmp_path: Path) -> Path:
    """A song that was published by an older farm."""
    folder = tmp_path / "dataset" / "Track00001"
    (folder / "stems").mkdir(parents=True)
    (folder / "metadata.yaml").write_text("old")
    (folder / "stems" / "S00.flac").write_text("old")
    (folder / "gone").write_text("old")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def test_what_is_published_gives_way_to_what_was_made_again(
    staging: Path, final: Path, contents: TrackContents
) -> None:
    record = publish_song(staging, final, contents, replace=True)
    assert sorted(files(final)) == [file.path for file in record.files]
    assert list(staging.parent.iterdir()) == []


def test_without_being_asked_nothing_is_replaced(staging: Path, final: Path, contents: TrackContents) -> None:
    before = files(final)
    publish_song(staging, final, contents)
    assert files(final) == before


def test_the_same_song_again_is_left_as_it_stands(
    made: tuple[Path, TrackContents], staging: Path, contents: TrackContents, tmp_path: Path
) -> None:
    final = tmp_path / "dataset" / "Track00001"
    publish_song(staging, final, contents)
    before = {path: path.stat().st_mtime_ns for path in final.rglob("*")}
    again = Path(shutil.copytree(made[0], staging))
    publish_song(again, final, contents, replace=True)
    assert {path: path.stat().st_mtime_ns for path in final.rglob("*")} == before
    assert not again.exists()


@pytest.mark.parametrize("moment", ["before the exchange", "after the exchange", "in the middle of the removal"])
def test_killed_at_any_moment_the_song_is_wholly_old_or_wholly_new(
    staging: Path, final: Path, contents: TrackContents, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    old = files(final)

    def exchange(one: Path, two: Path) -> None:
        if moment != "before the exchange":
            swap.swap(one, two)
        raise Killed

    def remove(folder: Path, ignore_errors: bool = False) -> None:
        if folder.exists():
            next(path for path in folder.rglob("*") if path.is_file()).unlink()
            raise Killed

    if moment == "in the middle of the removal":
        monkeypatch.setattr("workers.publishing.publish.shutil.rmtree", remove)
    else:
        monkeypatch.setattr(publish, "swap", exchange)
    with pytest.raises(Killed):
        publish_song(staging, final, contents, replace=True)
    monkeypatch.undo()
    now = files(final)
    assert (now == old) == (moment == "before the exchange")
    if now != old:
        assert sorted(now) == sorted({*files(final)})
        record = publish_song(staging, final, contents, replace=True)  # what the next run does: found as it is to be
        assert sorted(now) == [file.path for file in record.files]
        assert files(final) == now


def test_a_twin_that_comes_too_late_changes_nothing(staging: Path, final: Path, contents: TrackContents) -> None:
    """Its staging folder is gone by then; what it would write stands there already."""
    publish_song(staging, final, contents, replace=True)
    now = files(final)
    publish_song(staging, final, contents, replace=True)
    assert files(final) == now


def test_staged_audio_that_is_gone_leaves_the_old_song(staging: Path, final: Path, contents: TrackContents) -> None:
    before = files(final)
    (staging / "stems" / "S02.flac").unlink()
    with pytest.raises(StoreError):
        publish_song(staging, final, contents, replace=True)
    assert files(final) == before


# ---------------------------------------------------------------- the exchange itself


def no_kernel_call() -> None:
    return None


@pytest.fixture(params=["as this system can", "without an exchange in the kernel", "refused by the file system"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    def refuses(*_: object) -> int:
        import ctypes

        ctypes.set_errno(errno.EINVAL)
        return -1

    calls: dict[str, Callable[[], object]] = {
        "without an exchange in the kernel": no_kernel_call,
        "refused by the file system": lambda: refuses,
    }
    if request.param in calls:
        monkeypatch.setattr(swap, "_kernel_call", calls[request.param])
    return str(request.param)


def test_two_folders_change_places(way: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    swap.swap(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one" / "file").read_text() == "two"
    assert (tmp_path / "two" / "file").read_text() == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.parametrize("missing", ["one", "two"])
def test_with_one_of_them_missing_the_other_stays_where_it_is(way: str, tmp_path: Path, missing: str) -> None:
    other = {"one": "two", "two": "one"}[missing]
    (tmp_path / other).mkdir()
    with pytest.raises(FileNotFoundError):
        swap.swap(tmp_path / "one", tmp_path / "two")
    assert [path.name for path in tmp_path.iterdir()] == [other]
