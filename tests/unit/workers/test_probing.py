"""The probe: what a worker has, as facts and as a line of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import AssetError, MissingDependencyError
from schemas.instruments import InstrumentGroup, InstrumentMap, PatchChoice
from schemas.patch import EngineFacts
from schemas.plan import EnginePlan
from tests.support.soundfont import write_soundfont
from workers import probing
from workers.engines.fluidlib import bundled_libraries, load_library


def test_the_facts_are_those_of_the_library_and_the_soundfont(tmp_path: Path) -> None:
    path = write_soundfont(tmp_path / "mine.sf2")
    facts = probing.probe(EnginePlan(soundfont=str(path)))
    assert (facts.engine, facts.version) == ("fluidsynth", load_library().version)
    assert facts.soundfont.name == "mine"
    assert facts.soundfont.path == str(path.resolve())


def test_a_library_that_is_named_is_the_one_that_is_used(tmp_path: Path) -> None:
    path = write_soundfont(tmp_path / "mine.sf2")
    bundled = bundled_libraries()[0]
    assert probing.probe(EnginePlan(soundfont=str(path)), library=bundled).library == bundled
    with pytest.raises(MissingDependencyError):
        probing.probe(EnginePlan(soundfont=str(path)), library="/none.so")


def test_without_a_soundfont_the_default_one_is_found() -> None:
    assert probing.probe(EnginePlan()).soundfont.size_bytes > 1_000_000


def test_a_missing_soundfont_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot be read"):
        probing.probe(EnginePlan(soundfont=str(tmp_path / "none.sf2")))


def _map(*soundfonts: str) -> InstrumentMap:
    patches = [PatchChoice(name=word, soundfont=word) for word in soundfonts]
    return InstrumentMap(name="mine", groups=[InstrumentGroup(name="All", programs=[0], patches=patches)])


def test_every_soundfont_that_a_map_names_is_found_by_path_or_by_name(tmp_path: Path) -> None:
    own, other = (str(write_soundfont(tmp_path / f"{name}.sf2")) for name in ("own", "other"))
    facts = probing.probe(EnginePlan(soundfont=own), instruments=_map(other, "timgm6mb"))
    assert facts.soundfont.name == "own"
    assert {word: font.name for word, font in facts.soundfonts.items()} == {other: "other", "timgm6mb": "TimGM6mb"}
    assert facts.soundfonts["timgm6mb"].licence == "GPL-2.0-only"
    assert facts.map_hashes == {font.name: font.sha256 for font in facts.soundfonts.values()}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("/none/there.sf2", "mine: the soundfont /none/there.sf2 cannot be read"),
        ("Tim", "mine: no soundfont is known as Tim"),
    ],
)
def test_a_soundfont_of_a_map_that_is_not_here_is_an_error_that_names_the_map(word: str, message: str) -> None:
    with pytest.raises(AssetError, match=message) as caught:
        probing.probe(EnginePlan(), instruments=_map(word))
    assert caught.value.hint


def test_it_prints_json_for_other_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_soundfont(tmp_path / "mine.sf2")
    assert probing.main(["--json", "--soundfont", str(path)]) == 0
    assert EngineFacts.model_validate_json(capsys.readouterr().out).soundfont.name == "mine"
    assert probing.main(["--json", "--soundfont", str(tmp_path / "none.sf2")]) == AssetError.exit_code
    failure = json.loads(capsys.readouterr().out)
    assert failure["reason"] == "missing_asset"
    assert "none.sf2" in failure["message"]
    assert "--soundfont" in failure["hint"]


def test_it_prints_words_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_soundfont(tmp_path / "mine.sf2")
    assert probing.main(["--soundfont", str(path)]) == 0
    assert "mine, " in capsys.readouterr().out
    assert probing.main(["--soundfont", str(tmp_path / "none.sf2")]) == AssetError.exit_code
    assert capsys.readouterr().out.startswith("missing_asset: ")
