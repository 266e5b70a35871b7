"""Soundfonts: found in order, known by content, refused when they are none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pretty_midi
import pytest

from schemas import registry
from schemas.errors import AssetError
from tests.support.soundfont import write_soundfont
from workers.engines import soundfonts
from workers.engines.soundfonts import check_soundfont, default_soundfont, describe, locate

PACKAGED = Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose only soundfont folder is an empty one; returns it."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    known = soundfonts.read_catalogue()
    folders = known.folders.model_copy(update={"search": [str(folder)]})
    monkeypatch.setattr(soundfonts, "read_catalogue", lambda: known.model_copy(update={"folders": folders}))
    return folder


def test_the_packaged_soundfont_is_known(bare_machine: Path) -> None:
    assert default_soundfont() == PACKAGED
    asset = describe(PACKAGED)
    assert (asset.name, asset.licence) == ("TimGM6mb", "GPL-2.0-only")
    assert asset.sha256 == hashlib.sha256(PACKAGED.read_bytes()).hexdigest()
    assert asset.size_bytes == PACKAGED.stat().st_size


def test_better_ones_are_preferred_where_they_are_installed(bare_machine: Path) -> None:
    for name in ("MuseScore_General.sf2", "FluidR3_GM.sf2"):
        (bare_machine / name).write_bytes(b"")
        assert default_soundfont() == bare_machine / name


def test_a_machine_without_any_is_told_how_to_get_one(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match="no soundfont was found") as caught:
        default_soundfont()
    assert "pip install pretty_midi" in caught.value.hint


def test_a_licence_is_known_by_content_whatever_the_name(tmp_path: Path) -> None:
    renamed = tmp_path / "mine.sf2"
    renamed.write_bytes(PACKAGED.read_bytes())
    assert describe(renamed).licence == "GPL-2.0-only"
    named = write_soundfont(tmp_path / "FluidR3_GM.sf2")
    assert describe(named).licence == "MIT"
    assert describe(write_soundfont(tmp_path / "other.sf2")).licence == "unknown"


def test_the_content_decides_which_file_is_loaded(tmp_path: Path, bare_machine: Path) -> None:
    path = write_soundfont(tmp_path / "test.sf2")
    asset = describe(path)
    assert locate(asset) == path
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(AssetError, match="no soundfont test with SHA-256"):
        locate(asset)
    elsewhere = write_soundfont(bare_machine / "FluidR3_GM.sf2")
    assert locate(asset) == elsewhere


def test_a_packaged_soundfont_is_found_wherever_this_host_has_it() -> None:
    asset = describe(PACKAGED).model_copy(update={"path": "/another/host/TimGM6mb.sf2"})
    assert locate(asset) == PACKAGED


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no soundfont"),
        (b"RIFF\x04\0\0\0WAVE", "is no soundfont"),
        (b"MThd" + bytes(40), "is no soundfont"),
        (b"RIFF\xff\0\0\0sfbk" + bytes(40), "is cut off: it has 52 of 263 bytes"),
    ],
)
def test_what_is_no_whole_soundfont_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.sf2"
    path.write_bytes(data)
    with pytest.raises(AssetError, match=words):
        check_soundfont(path)


def test_a_missing_soundfont_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"none\.sf2 cannot be read: No such file") as caught:
        describe(tmp_path / "none.sf2")
    assert "--soundfont" in caught.value.hint


def test_a_folder_is_no_soundfont(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot be read"):
        describe(tmp_path)
