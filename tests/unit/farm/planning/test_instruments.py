"""Instrument maps as files: found, read, checked; and the farm's own ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.instruments import build_map, check_map, load_map, map_names
from farm.planning.plans import build_plan, load_plan
from schemas.errors import PlanError
from schemas.gm import DRUM_PROGRAM, program_class
from schemas.instruments import PROGRAMS, InstrumentMap

MAP = """
name: mine
groups:
  - name: All
    programs: [0, 1]
    patches:
      - {name: A, soundfont: fonts/a.sf2}
      - {name: B, soundfont: TimGM6mb}
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_that_was_read_holds_its_map_with_soundfonts_relative_to_the_maps_file(tmp_path: Path) -> None:
    write(tmp_path / "maps" / "mine.yaml", MAP)
    plan = load_plan(write(tmp_path / "plan.yaml", "source: midi\ninstruments: {map: maps/mine.yaml}\n"))
    made = plan.instruments.loaded
    assert made is not None
    assert made.soundfonts == [str(tmp_path / "maps/fonts/a.sf2"), "TimGM6mb"]


def test_a_map_may_be_written_in_the_plan_itself(tmp_path: Path) -> None:
    indented = "".join(f"    {line}\n" for line in MAP.strip().splitlines())
    plan = load_plan(write(tmp_path / "plan.yaml", f"source: midi\ninstruments:\n  map:\n{indented}"))
    assert plan.instruments.loaded is not None
    assert plan.instruments.loaded.name == "mine"


def test_a_change_in_the_maps_file_makes_another_plan(tmp_path: Path) -> None:
    plan = write(tmp_path / "plan.yaml", "source: midi\ninstruments: {map: mine.yaml}\n")
    write(tmp_path / "mine.yaml", MAP)
    before = load_plan(plan).plan_hash
    write(tmp_path / "mine.yaml", MAP.replace("name: A,", "name: A, weight: 3,"))
    assert load_plan(plan).plan_hash != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: m\n", r"`groups`: Field required"),
        ("name: m\ngroups: []\nkind: x\n", r"`kind`: unknown key"),
        ("[]", r"holds no keys"),
        ("name: [", r"is not YAML"),
        (MAP.replace("programs: [0, 1]", "programs: [0, 200]"), r"`groups.0.programs.1`: .* 128"),
        (MAP + "  - {name: Two, programs: [1]}\n", r"claimed twice: 1 by All and Two"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "bad.yaml", text)
    with pytest.raises(PlanError, match=message) as caught:
        load_map(str(path))
    assert "bad.yaml" in caught.value.message
    assert caught.value.hint


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(PlanError) as caught:
        build_plan({"source": "x", "instruments": {"map": "gm-lux"}})
    assert "Did you mean `gm-lax`?" in caught.value.hint


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot read the instrument map"):
        load_map("none.yaml", tmp_path)


def test_a_check_names_every_error_every_double_claim_and_every_program_without_a_patch(tmp_path: Path) -> None:
    path = write(
        tmp_path / "bad.yaml",
        "name: bad\ngroups:\n"
        "  - {name: A, programs: [0, 4], patches: [{name: P, wieght: 2}]}\n"
        "  - {name: B, programs: [4, 5], patches: [{name: P}]}\n"
        "  - {name: C, programs: [5, 6], patches: [{name: P, weight: -1}]}\n"
        "  - {name: D, programs: [7], patches: []}\n",
    )
    found = check_map(path)
    assert not found.ok
    assert [error.split(":")[0] for error in found.errors] == [
        "`groups.0.patches.0.wieght`",
        "`groups.2.patches.0.weight`",
    ]
    assert found.double == {4: ["A", "B"], 5: ["B", "C"]}
    assert found.unmapped == [1, 2, 3, *range(7, 129)]
    assert (found.groups, found.patches) == (4, 3)


def test_a_check_of_a_sound_map_finds_nothing(tmp_path: Path) -> None:
    found = check_map(write(tmp_path / "good.yaml", MAP))
    assert (found.ok, found.errors, found.double) == (True, [], {})


# ---------------------------------------------------------------- the farm's own maps


@pytest.fixture(scope="module")
def own() -> dict[str, InstrumentMap]:
    return {name: load_map(name) for name in map_names()}


def test_the_farm_has_maps_of_soundfonts_of_its_own_synthesisers_and_of_several_engines(
    own: dict[str, InstrumentMap],
) -> None:
    assert list(own) == ["gm-factory", "gm-faust", "gm-lax", "gm-strict", "mixed"]
    assert [made.name for made in own.values()] == list(own)
    assert len(own["gm-strict"].groups) > len(own["gm-lax"].groups) > len(own["gm-factory"].groups)


def test_each_covers_all_129_programs(own: dict[str, InstrumentMap]) -> None:
    for made in own.values():
        assert made.unmapped == []
        assert sorted(program for group in made.groups for program in group.programs) == list(PROGRAMS)


def class_of(program: int) -> str:
    return program_class(min(program, 127), is_drum=program == DRUM_PROGRAM)


def test_every_patch_is_of_the_class_of_the_programs_that_it_plays(own: dict[str, InstrumentMap]) -> None:
    for made in own.values():
        for group in made.groups:
            classes = {class_of(program) for program in group.programs}
            drums = classes == {"Drums"}
            played = [patch.program for patch in group.patches if patch.program is not None]
            assert drums or {class_of(program) for program in played} <= classes, group.name
            assert len(classes) == 1 or not played, group.name


def test_every_patch_file_plays_programs_that_it_is_meant_for(own: dict[str, InstrumentMap]) -> None:
    for name in ("gm-faust", "mixed"):
        for group in own[name].groups:
            for file in (patch.file for patch in group.patches):
                assert file is None or set(group.programs) & set(file.programs), f"{name}: {group.name}"
    assert {file.engine for file in own["gm-faust"].patch_files.values()} == {"faust"}
    assert all(patch.file for group in own["gm-faust"].groups for patch in group.patches)


def test_groups_of_the_mixed_map_have_patches_of_several_engines(own: dict[str, InstrumentMap]) -> None:
    for group in own["mixed"].groups:
        engines = {"fluidsynth" if patch.file is None else patch.file.engine for patch in group.patches}
        assert {"fluidsynth", "faust"} <= engines, group.name
    assert {file.engine for file in own["mixed"].patch_files.values()} == {"faust", "dawdreamer"}


def test_nothing_plays_what_is_another_instrument_in_all_but_its_class(own: dict[str, InstrumentMap]) -> None:
    # Reeds without pipes, harps, drums among the strings, hits and fixed intervals: each only by itself.
    apart = {14, 22, 31, 45, 46, 47, 55, 86}
    for name in ("gm-strict", "gm-lax"):
        for group in own[name].groups:
            for patch in group.patches:
                others = set(group.programs) - {patch.program}
                assert patch.program not in apart - {22} or not others, f"{name}: {group.name}"
    harmonica = own["gm-lax"].group_of(22)
    assert harmonica is not None
    assert {patch.program for patch in harmonica.patches} <= {None, 21, 22, 23}


def test_every_group_has_a_patch_for_whatever_keys_a_part_has(own: dict[str, InstrumentMap]) -> None:
    for made in own.values():
        for group in made.groups:
            fits = [any(patch.fits([key], group.rules_of(patch)) for patch in group.patches) for key in range(128)]
            assert all(fits), f"{made.name}: {group.name}"


def test_licences_are_recorded_wherever_a_map_names_a_soundfont(own: dict[str, InstrumentMap]) -> None:
    named = [patch for made in own.values() for group in made.groups for patch in group.patches if patch.soundfont]
    assert {(patch.soundfont, patch.licence) for patch in named} == {("TimGM6mb", "GPL-2.0-only")}


def test_a_map_may_be_written_as_values() -> None:
    made = build_map({"name": "m", "groups": []}, where="here")
    assert made.unmapped == list(PROGRAMS)
