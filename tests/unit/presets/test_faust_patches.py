"""The farm's own patch files in Faust: what they promise together."""

from __future__ import annotations

import re

import pytest

from schemas.gm import DRUM_PROGRAM
from tests.support.faust import EFFECTS, FOLDER, faust_patches, settings_of

FILES = faust_patches()
SOURCES = sorted([*FOLDER.glob("*.dsp"), *EFFECTS.glob("*.dsp")])


def test_every_program_of_general_midi_and_the_drums_have_one_patch() -> None:
    assert sorted(program for file in FILES.values() for program in file.programs) == list(range(DRUM_PROGRAM + 1))


def test_every_source_is_played_and_every_patch_has_its_source() -> None:
    assert {settings_of(file).source for file in FILES.values()} == {path.name for path in FOLDER.glob("*.dsp")}


@pytest.mark.parametrize("name", FILES)
def test_a_patch_says_what_it_is(name: str) -> None:
    file = FILES[name]
    settings = settings_of(file)
    assert file.name == name
    assert file.description
    assert file.engine == "faust"
    assert file.licence == "MIT"
    assert file.key_range is not None
    assert set(settings.plays) <= {"bend", "modulation"}
    source = (FOLDER / settings.source).read_text("utf-8")
    for control in settings.plays:
        assert re.search(rf'^{control} = hslider\("{control}\b', source, re.MULTILINE)
    for parameter in settings.parameters:
        assert re.search(rf'^{parameter} = hslider\("{parameter}\b', source, re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_source_declares_its_name_and_its_licence(path: object) -> None:
    text = (FOLDER / str(path)).read_text("utf-8")
    stem = str(path).rsplit("/", 1)[-1].removesuffix(".dsp")
    assert f'declare name "{stem}";' in text
    assert 'declare license "MIT";' in text


def test_the_kit_has_every_drum_of_general_midi() -> None:
    [kit] = [file for file in FILES.values() if settings_of(file).drums]
    drums = settings_of(kit).drum_map
    assert kit.key_range is not None
    assert all(35 <= drums.get(key, key) <= 81 for key in range(kit.key_range[0], kit.key_range[1] + 1))
    assert set(drums).isdisjoint(range(35, 82))
