from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from schemas.errors import DiskFullError, OutputError, StoreError
from tests.support.datasets import make_song, song_midi
from workers.publishing import publish
from workers.publishing.layouts.base import TrackContents
from workers.publishing.publish import publish_song, publish_track, write_documents

SIGN = "metadata.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrackContents]:
    work = tmp_path_factory.mktemp("song")
    return work / "staging", make_song(work, song_midi())


@pytest.fixture
def staging(made: tuple[Path, TrackContents], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "staging"))


@pytest.fixture
def contents(made: tuple[Path, TrackContents]) -> TrackContents:
    return made[1]


def test_a_song_becomes_a_complete_folder_in_one_step(staging: Path, contents: TrackContents, tmp_path: Path) -> None:
    final = tmp_path / "dataset" / "Track00001"
    record = publish_song(staging, final, contents)
    assert not staging.exists()
    files = {path.relative_to(final).as_posix(): path.read_bytes() for path in final.rglob("*") if path.is_file()}
    assert sorted(files) == [file.path for file in record.files]
    for file in record.files:
        assert (file.size_bytes, file.sha256) == (len(files[file.path]), hashlib.sha256(files[file.path]).hexdigest())


def test_the_record_counts_what_is_there(staging: Path, contents: TrackContents, tmp_path: Path) -> None:
    record = publish_song(staging, tmp_path / "Track00001", contents)
    assert (record.track, record.stems, record.notes) == ("Track00001", 4, 33)
    assert record.stem_audio_s == pytest.approx(4 * record.duration_s)
    assert record.song_sha256 == contents.song.song_hash


def test_publishing_again_changes_nothing(staging: Path, contents: TrackContents, tmp_path: Path) -> None:
    final = tmp_path / "Track00001"
    first = publish_song(staging, final, contents)
    before = {path: path.stat().st_mtime_ns for path in final.rglob("*")}
    assert publish_song(staging, final, contents) == first
    assert {path: path.stat().st_mtime_ns for path in final.rglob("*")} == before


def test_a_second_staging_folder_of_a_published_song_is_removed(
    staging: Path, contents: TrackContents, tmp_path: Path
) -> None:
    again = Path(shutil.copytree(staging, tmp_path / "again"))
    final = tmp_path / "Track00001"
    publish_song(staging, final, contents)
    publish_song(again, final, contents)
    assert not again.exists()


def test_a_crash_before_the_rename_is_made_good(staging: Path, contents: TrackContents, tmp_path: Path) -> None:
    """The documents are there, one of them half written beside its name."""
    from workers.publishing.layouts import layout_named

    documents = layout_named("slakh").documents(contents)
    write_documents(staging, documents)
    (staging / SIGN).unlink()
    (staging / f"{SIGN}.part").write_bytes(b"half")
    record = publish_song(staging, tmp_path / "Track00001", contents)
    published = {
        path.relative_to(tmp_path / "Track00001").as_posix() for path in (tmp_path / "Track00001").rglob("*.*")
    }
    assert published == {file.path for file in record.files}


def test_what_is_left_of_an_incomplete_folder_is_replaced(
    staging: Path, contents: TrackContents, tmp_path: Path
) -> None:
    final = tmp_path / "Track00001"
    final.mkdir()
    (final / "stray").write_bytes(b"x")
    publish_song(staging, final, contents)
    assert (final / SIGN).is_file()
    assert not (final / "stray").exists()


def test_audio_that_is_gone_sends_the_song_back_to_the_mix(
    staging: Path, contents: TrackContents, tmp_path: Path
) -> None:
    (staging / "stems" / "S02.flac").unlink()
    with pytest.raises(StoreError, match=r"S02\.flac is not what the mix wrote"):
        publish_song(staging, tmp_path / "Track00001", contents)
    assert not (tmp_path / "Track00001").exists()


def test_the_sign_of_completeness_is_written_last(staging: Path, contents: TrackContents) -> None:
    from workers.publishing.layouts import layout_named

    assert list(layout_named("slakh").documents(contents))[-1] == SIGN


def test_a_folder_without_its_sign_is_never_published(staging: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"not complete: metadata\.yaml is missing"):
        publish_track(staging, tmp_path / "Track00001", sign=SIGN)


def test_a_full_disk_removes_the_staging_folder(
    staging: Path, contents: TrackContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFullError("no room left")

    monkeypatch.setattr(publish, "write_documents", full)
    with pytest.raises(DiskFullError):
        publish_song(staging, tmp_path / "Track00001", contents)
    assert not staging.exists()
    assert not (tmp_path / "Track00001").exists()


def test_documents_on_a_full_disk_are_reported_as_such(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / "a.json.part").symlink_to(full)
    with pytest.raises(DiskFullError):
        write_documents(tmp_path, {"a.json": b"x" * 10})


def test_a_folder_that_cannot_be_written_is_an_output_error(
    staging: Path, contents: TrackContents, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="cannot write"):
        publish_song(staging, tmp_path / "file" / "Track00001", contents)
