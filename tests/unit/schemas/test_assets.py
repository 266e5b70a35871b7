"""Registries of assets: the farm's own and a person's, and where what they name lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.assets import Asset, Registry
from schemas.errors import AssetError
from schemas.registry import corpus_of, fetched_place, known_soundfont, own_registry, places, read_registry
from tests.support.assets import own_registry as write_own

FONT: dict[str, Any] = {"name": "Mine", "files": ["mine.sf2"], "licence": "CC0-1.0", "tags": ["piano"]}


def test_the_farms_own_assets_say_all_that_matters() -> None:
    registry = own_registry()
    names = ["FluidR3_GM", "MuseScore_General", "TimGM6mb", "GeneralUser_GS", "SGM-V2.01"]
    assert [asset.name for asset in registry.soundfont] == names
    assert len(registry.midi) == 5
    for asset in registry.assets:
        assert asset.description
        assert asset.author
        assert asset.licence != "unknown"
        assert asset.licence_url.startswith("https://")
        assert asset.url or asset.homepage
        assert asset.attribution or not asset.licence.startswith("CC-BY"), asset.name
        assert asset.kind == "midi" or asset.sha256, "every soundfont can be proved"


def test_a_persons_assets_come_after_the_farms(tmp_path: Path) -> None:
    assert read_registry(tmp_path) == own_registry()
    write_own(tmp_path, soundfonts=[FONT], midi=[{"name": "Hymns", "path": "/hymns"}])
    registry = read_registry(tmp_path)
    assert [registry.soundfont[-1].name, registry.midi[-1].name] == ["Mine", "Hymns"]
    assert registry.named("mine") == registry.soundfont[-1]
    assert registry.named("none") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[soundfont]", "is no TOML"),
        ('[[soundfont]]\nname = "A"\n', "needs the names of its file"),
        ('[[soundfont]]\nname = "A"\nfiles = ["x.sf2"]\ncolour = 1\n', r"soundfont\.0\.colour"),
        ('[[midi]]\nname = "A"\nurl = "ftp://x"\n', "begins with https"),
        ('[[midi]]\nname = "A"\nsha256 = "12"\n', r"midi\.0\.sha256"),
        ('[[midi]]\nname = "A"\n[[midi]]\nname = "a"\n', "two assets are called"),
        ('[[midi]]\nname = "TimGM6mb"\n', "the farm has an asset TimGM6mb"),
    ],
)
def test_a_registry_that_is_wrong_says_where(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "assets.toml").write_text(text, encoding="utf-8")
    with pytest.raises(AssetError, match=words) as caught:
        read_registry(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["../a.sf2", "a/b.sf2", "a\\b.sf2", "", ".."])
def test_file_names_have_no_folder(name: str) -> None:
    with pytest.raises(ValidationError, match="names without a folder"):
        Asset(kind="soundfont", name="A", files=[name])


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".a", "a b"])
def test_names_can_be_folders(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        Asset(kind="midi", name=name)


def test_places_are_looked_at_in_order(tmp_path: Path) -> None:
    system, folder = tmp_path / "system", tmp_path / "assets"
    registry = Registry.model_validate({"soundfont": [FONT], "folders": {"search": [str(system)]}})
    asset = registry.soundfont[0]
    assert list(places(registry, asset, folder)) == []
    found = [fetched_place(folder, asset), system / "mine.sf2"]
    for place in reversed(found):
        place.parent.mkdir(parents=True)
        place.write_bytes(b"")
    assert list(places(registry, asset, folder)) == found
    named = asset.model_copy(update={"path": str(tmp_path / "own.sf2")})
    assert list(places(registry, named, folder)) == found, "what is gone is no place"
    (tmp_path / "own.sf2").write_bytes(b"")
    assert list(places(registry, named, folder)) == [tmp_path / "own.sf2", *found]


def test_a_source_is_known_by_where_it_lies(tmp_path: Path) -> None:
    fetched, own = tmp_path / "midi" / "Songs", tmp_path / "hymns"
    for place in (fetched / "a", own, tmp_path / "hymns2"):
        place.mkdir(parents=True)
    registry = Registry.model_validate({"midi": [{"name": "Songs"}, {"name": "Hymns", "path": str(own)}]})

    def known(source: Path) -> str | None:
        found = corpus_of(registry, tmp_path, source)
        return None if found is None else found.name

    assert [known(fetched), known(fetched / "a"), known(own / "x.mid")] == ["Songs", "Songs", "Hymns"]
    assert [known(tmp_path), known(tmp_path / "hymns2"), known(tmp_path / "midi")] == [None, None, None]


def test_a_soundfont_is_known_by_content_before_its_name() -> None:
    fonts = [FONT | {"contents": ["1" * 64]}, FONT | {"name": "Other", "files": ["other.sf2"], "contents": ["2" * 64]}]
    registry = Registry.model_validate({"soundfont": fonts})

    def known(name: str, sha256: str) -> str | None:
        found = known_soundfont(registry, name, sha256)
        return None if found is None else found.name

    assert known("mine.sf2", "2" * 64) == "Other"
    assert known("mine.sf2", "3" * 64) == "Mine"
    assert known("none.sf2", "3" * 64) is None
