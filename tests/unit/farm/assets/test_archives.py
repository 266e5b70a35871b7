"""Archives are unpacked as they are, and those that could do harm not at all."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.assets import archives
from farm.assets.archives import is_archive, unpack, unpack_one
from schemas.errors import AssetError

FILES = {"songs/a.mid": b"one", "songs/deep/b.mid": b"two", "README": b"three"}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


Make = Callable[[Path, dict[str, bytes]], Path]
every_kind = pytest.mark.parametrize("make", [zipped, tarred])


def found(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_kind
def test_all_files_are_unpacked(make: Make, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", FILES)
    assert is_archive(archive)
    assert unpack(archive, tmp_path / "out") == 3
    assert found(tmp_path / "out") == FILES


@every_kind
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "c:\\evil", "..", "a/.."])
def test_nothing_leaves_the_folder(make: Make, tmp_path: Path, name: str) -> None:
    archive = make(tmp_path / "a", {"good": b"", name: b"evil"})
    before = found(tmp_path)
    with pytest.raises(AssetError, match="which is outside of the folder") as caught:
        unpack(archive, tmp_path / "deep" / "out")
    assert caught.value.hint
    assert found(tmp_path) == before, "not even the good file is left"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_tars_bring_no_links_and_no_devices(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as made:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        made.addfile(info)
    with pytest.raises(AssetError, match=r"'link', which is (a link|no file)"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_zips_bring_no_links(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        made.writestr(info, "/etc/passwd")
    with pytest.raises(AssetError, match="'link', which is a link"):
        unpack(archive, tmp_path / "out")


@every_kind
def test_bombs_are_refused(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL_BYTES", 1000)
    monkeypatch.setattr(archives, "MOST_TIMES", 2)
    archive = make(tmp_path / "a", {"zeros": bytes(1_000_000)})
    with pytest.raises(AssetError, match="unpacks to more than"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@every_kind
def test_too_many_files_are_refused(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    with pytest.raises(AssetError, match="or 2 files"):
        unpack(make(tmp_path / "a", FILES), tmp_path / "out")


@every_kind
def test_damage_is_named(make: Make, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {"noise": bytes(range(256)) * 40})
    data = bytearray(archive.read_bytes())
    data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
    archive.write_bytes(data)
    with pytest.raises(AssetError, match=r"is damaged|is no archive"):
        unpack(archive, tmp_path / "out")


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    assert not is_archive(tmp_path / "a")
    with pytest.raises(AssetError, match="is no archive"):
        unpack(tmp_path / "a", tmp_path / "out")


@every_kind
@pytest.mark.parametrize("name", ["b.mid", "songs/deep/b.mid"])
def test_one_file_is_found_by_name_or_path(make: Make, tmp_path: Path, name: str) -> None:
    unpack_one(make(tmp_path / "a", FILES), name, tmp_path / "b.mid")
    assert (tmp_path / "b.mid").read_bytes() == b"two"


@every_kind
def test_one_file_that_is_not_there_or_twice_is_named(make: Make, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {"x/b.mid": b"1", "y/b.mid": b"2"})
    with pytest.raises(AssetError, match=r"does not hold c\.mid"):
        unpack_one(archive, "c.mid", tmp_path / "c")
    with pytest.raises(AssetError, match=r"holds 2 times b\.mid"):
        unpack_one(archive, "b.mid", tmp_path / "b")
    assert not (tmp_path / "b").exists()
