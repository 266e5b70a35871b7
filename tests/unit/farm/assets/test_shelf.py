"""Assets are fetched into their places, added where they lie, and known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.assets.check import Finding, check_assets
from farm.assets.shelf import Shelf
from schemas.errors import AssetError
from tests.support.assets import own_registry
from tests.support.downloads import Site, serving
from tests.support.soundfont import write_soundfont
from tests.unit.farm.assets.test_archives import tarred, zipped

MIDI = b"MThd and so on"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def font(tmp_path: Path) -> bytes:
    return write_soundfont(tmp_path / "made.sf2").read_bytes()


@pytest.fixture
def site(tmp_path: Path, font: bytes) -> Iterator[Site]:
    packed = {"pack/Test.sf2": font, "pack/COPYING": b"MIT"}
    songs = {"songs/a.mid": MIDI, "songs/b/c.MID": MIDI, "songs/readme.txt": b"hello"}
    files = {
        "/font.sf2": font,
        "/font.tar.gz": tarred(tmp_path / "font.tar.gz", packed).read_bytes(),
        "/songs.zip": zipped(tmp_path / "songs.zip", songs).read_bytes(),
        "/text.zip": zipped(tmp_path / "text.zip", {"readme.txt": b"hello"}).read_bytes(),
    }
    with serving(Site(files=files)) as served:
        yield served


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "assets", wait=lambda _: None)


def soundfont(site: Site, path: str, **more: Any) -> dict[str, Any]:
    return {"name": "Test", "files": ["Test.sf2"], "url": site.url(path), "sha256": digest(site.files[path]), **more}


def corpus(site: Site, path: str = "/songs.zip", **more: Any) -> dict[str, Any]:
    return {"name": "Songs", "url": site.url(path), "sha256": digest(site.files[path]), "licence": "CC0-1.0", **more}


def finding(shelf: Shelf, name: str) -> Finding:
    return next(item.finding for item in check_assets(shelf) if item.name == name)


@pytest.mark.parametrize("path", ["/font.sf2", "/font.tar.gz"])
def test_a_soundfont_is_fetched_also_out_of_an_archive(site: Site, shelf: Shelf, font: bytes, path: str) -> None:
    own_registry(shelf.folder, soundfonts=[soundfont(site, path, contents=[digest(font)], licence="MIT")])
    assert finding(shelf, "Test") is Finding.ABSENT
    found = shelf.fetch("test")
    assert (found.verified, found.was_here, found.asset.licence) == (True, False, "MIT")
    assert found.path == shelf.folder / "soundfonts" / "Test.sf2"
    assert found.path.read_bytes() == font
    assert shelf.place(found.asset) == found.path
    assert list((shelf.folder / "fetching").iterdir()) == []
    assert finding(shelf, "Test") is Finding.GOOD


def test_what_is_here_is_not_fetched_again_unless_asked(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, soundfonts=[soundfont(site, "/font.sf2")])
    shelf.fetch("Test")
    assert shelf.fetch("Test").was_here
    assert len(site.asked) == 1
    assert not shelf.fetch("Test", force=True).was_here
    assert len(site.asked) == 2


def test_a_corpus_is_unpacked_as_a_whole(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, midi=[corpus(site)])
    found = shelf.fetch("Songs")
    assert found.path == shelf.folder / "midi" / "Songs"
    assert (found.path / "songs" / "b" / "c.MID").read_bytes() == MIDI
    receipt = shelf.receipt(found.asset)
    assert receipt is not None
    assert (receipt["midi"], receipt["verified"]) == (2, True)
    shelf.fetch("Songs", force=True)
    assert finding(shelf, "Songs") is Finding.GOOD


def test_without_a_known_hash_a_person_has_to_say_so_and_it_holds_from_then_on(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, midi=[_unproved(site)])
    with pytest.raises(AssetError, match="no SHA-256 of Songs is known") as caught:
        shelf.fetch("Songs")
    assert "--unverified" in caught.value.hint
    assert site.asked == []
    found = shelf.fetch("Songs", unverified=True)
    assert (found.verified, found.sha256) == (False, digest(site.files["/songs.zip"]))
    site.files["/songs.zip"] = site.files["/text.zip"]
    with pytest.raises(AssetError, match="the registry says"):
        shelf.fetch("Songs", force=True)
    assert (found.path / "songs" / "a.mid").exists(), "what was here before stays"


def _unproved(site: Site) -> dict[str, Any]:
    return {key: value for key, value in corpus(site).items() if key != "sha256"}


def test_an_asset_without_an_address_says_where_to_get_it(shelf: Shelf) -> None:
    with pytest.raises(AssetError, match="no address is known for FannonScales") as caught:
        shelf.fetch("FannonScales")
    assert "github.com/Fannon" in caught.value.hint


def test_a_misspelt_name_is_guessed(shelf: Shelf) -> None:
    with pytest.raises(AssetError, match="no asset GeneralUser") as caught:
        shelf.fetch("GeneralUser")
    assert caught.value.hint == "Did you mean `GeneralUser_GS`?"


def test_a_corpus_without_midi_is_refused(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, midi=[corpus(site, "/text.zip")])
    with pytest.raises(AssetError, match="holds 1 files, and none of them is MIDI"):
        shelf.fetch("Songs")
    assert list((shelf.folder / "midi").iterdir()) == []


def test_what_is_no_soundfont_is_refused(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, soundfonts=[soundfont(site, "/text.zip", member="readme.txt")])
    with pytest.raises(AssetError, match="what came as Test is no soundfont"):
        shelf.fetch("Test")
    assert list((shelf.folder / "soundfonts").iterdir()) == []


def test_a_soundfont_with_another_content_is_refused(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, soundfonts=[soundfont(site, "/font.tar.gz", contents=["0" * 64])])
    with pytest.raises(AssetError, match="the registry knows 0000"):
        shelf.fetch("Test")
    assert not (shelf.folder / "soundfonts" / "Test.sf2").exists()


def test_a_broken_download_is_listed_until_it_is_whole(site: Site, shelf: Shelf) -> None:
    own_registry(shelf.folder, soundfonts=[soundfont(site, "/font.sf2", licence="MIT")])
    site.breaks = [100, *[0] * 20]
    with pytest.raises(AssetError, match="100 bytes are here"):
        shelf.fetch("Test")
    assert finding(shelf, "Test") is Finding.UNFINISHED
    site.breaks = []
    shelf.fetch("Test")
    assert site.asked[-1] == ("/font.sf2", "bytes=100-")
    assert finding(shelf, "Test") is Finding.GOOD


def test_ones_own_soundfont_stays_where_it_is_and_is_known_by_its_content(shelf: Shelf, tmp_path: Path) -> None:
    path = write_soundfont(tmp_path / "my violin.sf2")
    said = {"licence": "CC0-1.0", "tags": ["strings"], "program": 0, "layers": ["melody"], "author": 'A "B" Ü'}
    added = shelf.add(path, said)
    assert added.name == "my_violin"
    known = shelf.registry.named("my_violin")
    assert known == added
    assert known is not None
    assert (known.path, known.author, known.contents) == (str(path), 'A "B" Ü', [digest(path.read_bytes())])
    assert shelf.place(known) == path
    assert finding(shelf, "my_violin") is Finding.GOOD
    path.write_bytes(path.read_bytes() + b"\0")
    assert finding(shelf, "my_violin") is Finding.CHANGED
    path.write_bytes(b"RIFF")
    assert finding(shelf, "my_violin") is Finding.DAMAGED
    path.unlink()
    assert finding(shelf, "my_violin") is Finding.MISSING


def test_ones_own_corpus_is_watched(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "hymns"
    folder.mkdir()
    (folder / "a.mid").write_bytes(MIDI)
    shelf.add(folder, {"name": "Hymns"})
    assert finding(shelf, "Hymns") is Finding.UNKNOWN_LICENCE
    (folder / "b.mid").write_bytes(MIDI)
    assert finding(shelf, "Hymns") is Finding.CHANGED


def test_what_a_person_wrote_into_the_registry_stays(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(write_soundfont(tmp_path / "a.sf2"), {})
    place = shelf.folder / "assets.toml"
    place.write_text(place.read_text() + "# mine\n")
    shelf.add(write_soundfont(tmp_path / "b.sf2"), {})
    assert "# mine" in place.read_text()
    assert {"a", "b"} <= {asset.name for asset in shelf.registry.soundfont}


@pytest.mark.parametrize(
    ("name", "data", "said", "words"),
    [
        ("none.sf2", None, {}, "there is nothing at"),
        ("a.sf2", b"RIFF", {}, "is no whole soundfont"),
        ("a.wav", b"RIFF", {}, "is neither a soundfont nor MIDI"),
        ("a.mid", MIDI, {"name": "FluidR3_GM"}, "there is an asset FluidR3_GM already"),
        ("a.mid", MIDI, {"name": "../a"}, "`name` is '../a'"),
        ("a.mid", MIDI, {"layers": ["voice"]}, "`layers.0` is 'voice'"),
        ("a.mid", MIDI, {"program": 128}, "`program` is 128"),
    ],
)
def test_what_cannot_be_added_says_why(
    shelf: Shelf, tmp_path: Path, name: str, data: bytes | None, said: dict[str, Any], words: str
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(AssetError, match=words) as caught:
        shelf.add(path, said)
    assert caught.value.hint
    assert not (shelf.folder / "assets.toml").exists()
