"""`farm assets`: lists, fetches, adds and checks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.assets import own_registry
from tests.support.downloads import Site, serving
from tests.support.soundfont import write_soundfont
from tests.unit.farm.cli.conftest import Call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARM_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets"


@pytest.fixture
def site(tmp_path: Path, folder: Path) -> Iterator[Site]:
    """Serve a soundfont that the registry knows as Test."""
    font = write_soundfont(tmp_path / "made.sf2").read_bytes()
    with serving(Site(files={"/font.sf2": font})) as served:
        known = {
            "name": "Test", "files": ["Test.sf2"], "url": served.url("/font.sf2"), "licence": "CC-BY-4.0",
            "attribution": "Test by Me", "sha256": hashlib.sha256(font).hexdigest(),
        }  # fmt: skip
        own_registry(folder, soundfonts=[known])
        yield served


def test_all_are_listed_with_licence_and_place(call: Call, site: Site, folder: Path) -> None:
    text = call("assets")
    assert text.code == 0
    assert all(word in text.out for word in ("FluidR3_GM", "LakhCleanMIDI", "CC-BY-4.0", "Test"))
    assert call("assets", "list").out == text.out
    listed = {item["name"]: item for item in call("assets", "--json").json}
    assert listed["Test"]["path"] is None
    assert listed["TimGM6mb"]["path"].endswith("TimGM6mb.sf2")
    assert call("assets", "list", "--json").json == list(listed.values())


def test_one_is_fetched_and_then_here(call: Call, site: Site, folder: Path) -> None:
    answer = call("assets", "fetch", "test")
    assert answer.code == 0, answer.err
    place = folder / "soundfonts" / "Test.sf2"
    assert f"Test fetched (verified), licence CC-BY-4.0: {place}" in answer.out
    assert "to be named wherever it is heard: Test by Me" in answer.out
    again = call("assets", "fetch", "Test", "--json").json
    assert (again["was_here"], again["verified"], again["path"]) == (True, True, str(place))
    assert call("assets", "fetch", "Test", "--force", "--json").json["was_here"] is False
    assert call("assets", "--json").json[5]["path"] == str(place)


def test_what_cannot_be_fetched_is_an_error(call: Call, site: Site) -> None:
    answer = call("assets", "fetch", "Tset", "--json")
    assert (answer.code, answer.json["reason"]) == (2, "missing_asset")
    assert answer.json["hint"] == "Did you mean `Test`?"
    site.files["/font.sf2"] = b"other"
    assert "has the SHA-256" in call("assets", "fetch", "Test").err
    refused = call("assets", "fetch", "LakhCleanMIDI")
    assert refused.code == 2
    assert "--unverified" in refused.err


def test_ones_own_is_added_checked_and_found_changed(call: Call, folder: Path, tmp_path: Path) -> None:
    path = write_soundfont(tmp_path / "brushes.sf2")
    options = ["--licence", "CC0-1.0", "--tag", "jazz_drums", "--tag", "brushes", "--layer", "beat", "--program", 0]
    answer = call("assets", "add", path, *options, "--bank", 128, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["tags"] == ["jazz_drums", "brushes"]
    assert (answer.json["bank"], answer.json["program"], answer.json["layers"]) == (128, 0, ["beat"])
    good = call("assets", "check")
    assert good.code == 0
    assert "all of what is here is what it should be" in good.out
    path.write_bytes(path.read_bytes() + b"\0")
    bad = call("assets", "check")
    assert bad.code == 1
    assert "1 asset cannot be relied on" in bad.out
    found = call("assets", "check", "--json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert next(item["finding"] for item in found.json["assets"] if item["name"] == "brushes") == "changed"


def test_an_unknown_licence_is_said(call: Call, folder: Path, tmp_path: Path) -> None:
    answer = call("assets", "add", write_soundfont(tmp_path / "a.sf2"))
    assert "nobody knows its licence: say it with --licence" in answer.out


def test_what_cannot_be_added_is_an_error(call: Call, folder: Path, tmp_path: Path) -> None:
    answer = call("assets", "add", tmp_path / "none.sf2", "--json")
    assert answer.code == 2
    assert "there is nothing at" in answer.json["error"]
    assert answer.json["hint"]
