"""Instrument definitions and class tables: both number bases, claims of programs, and forms that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from farm.planning.slakh.classes import read_classes
from farm.planning.slakh.defs import Defs, read_defs
from farm.planning.slakh.numbers import find_base, to_program
from schemas.errors import PlanError
from schemas.gm import program_class
from tests.support.slakh import LAX, STRICT, class_table, group


def _defs(folder: Path, groups: Any, *, first: int | None = None, otherwise: int = 0) -> Defs:
    path = folder / "defs.json"
    path.write_text(json.dumps(groups))
    return read_defs(path, first=first, otherwise=otherwise)


def _owners(defs: Defs) -> dict[int, str]:
    return {program: claims[0].group.name for program, claims in defs.claims().items()}


@pytest.mark.parametrize("zero_based_midi", [0, 1])
def test_a_file_tells_from_what_it_counts_whatever_the_config_says(tmp_path: Path, zero_based_midi: int) -> None:
    lax, strict = _defs(tmp_path, LAX, otherwise=zero_based_midi), _defs(tmp_path, STRICT, otherwise=zero_based_midi)
    assert (lax.base.first, strict.base.first) == (0, 1)
    assert lax.base.evidence == "counted from 0 95 of 95 numbers fit their class, counted from 1 85"


def test_in_a_file_that_counts_from_0_every_family_is_its_own(tmp_path: Path) -> None:
    owners = _owners(_defs(tmp_path, LAX))
    assert {owners.pop(128)} == {"Drums"}
    assert owners == {program: program_class(program, is_drum=False) for program in range(96)}


def test_in_a_file_that_counts_from_1_every_number_means_the_program_before(tmp_path: Path) -> None:
    owners = _owners(_defs(tmp_path, STRICT))
    assert [owners[program] for program in (1, 2, 4, 8, 16, 32, 70, 128)] == [
        "Acoustic Piano", "Electric Piano", "Electric Piano", "Chromatic Percussion", "Organ", "Bass", "Bassoon", "Drums",
    ]  # fmt: skip


def test_a_program_that_two_groups_claim_goes_to_the_number_of_the_files_own_base(tmp_path: Path) -> None:
    claims = _defs(tmp_path, STRICT).claims()[0]
    assert [(claim.group.name, claim.number) for claim in claims] == [("Acoustic Piano", 1), ("Electric Piano", 0)]


def test_of_two_equal_claims_the_group_with_patches_wins_then_the_programs_own_class(tmp_path: Path) -> None:
    groups = {
        "Empty": group("Piano", [1, 2, 3, 9]),
        "Bells": group("Chromatic Percussion", [2, 9], "b.nkm"),
        "Keys": group("Piano", [1, 2, 3], "k.nkm"),
    }
    owners = _owners(_defs(tmp_path, groups))
    assert owners == {1: "Keys", 2: "Keys", 3: "Keys", 9: "Bells"}


def test_a_person_may_say_how_a_file_counts(tmp_path: Path) -> None:
    defs = _defs(tmp_path, LAX, first=1)
    assert _owners(defs)[7] == "Chromatic Percussion"
    assert defs.base.evidence == "as the command line says"


def test_a_file_that_does_not_tell_is_read_as_the_config_says() -> None:
    unclear = [(129, "Drums"), (3, "Piano"), (0, "Organ"), (5, "Odds and Ends")]
    assert [find_base(unclear, otherwise).first for otherwise in (0, 1)] == [0, 1]
    assert "the config decides" in find_base(unclear, 0).evidence


@pytest.mark.parametrize(
    ("number", "inst_class", "first", "program"),
    [(128, "Drums", 0, 128), (129, "Drums", 0, 128), (129, "Drums", 1, 128), (128, "Sound Effects", 1, 127),
     (0, "Piano", 1, 0), (1, "Piano", 1, 0), (130, "Drums", 1, None), (-1, "Piano", 0, None), (129, "Piano", 0, None)],
)  # fmt: skip
def test_numbers_become_programs(number: int, inst_class: str, first: int, program: int | None) -> None:
    assert to_program(number, inst_class, first) == program


def test_patches_are_file_names_and_repeats_are_weights(tmp_path: Path) -> None:
    guitar = next(found for found in _defs(tmp_path, LAX).groups if found.name == "Guitar")
    assert guitar.patches() == {"loud_guitar.nkm": 2, "AGX.component": 1}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"A": group("Piano", [1, 200])}, "'A' has the number 200, which is no program"),
        ({"A": {"class": "Piano", "program_numbers": [1]}}, "'A' needs the keys class, defs, program_numbers"),
        ({"A": group("Piano", ["1"])}, "no list of whole numbers"),  # type: ignore[list-item]
        ({"A": group("Piano", [True])}, "no list of whole numbers"),
        ({"A": group("Piano", [1], "/")}, "`defs` of the group 'A' is no list of names"),
        ({"A": group(3, [1])}, "`class` of the group 'A' is no text"),  # type: ignore[arg-type]
    ],
)
def test_definitions_in_another_form_are_refused(tmp_path: Path, groups: Any, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        _defs(tmp_path, groups)
    assert said in caught.value.message


@pytest.mark.parametrize("first", [0, 1])
def test_both_class_tables_say_the_same_of_every_program(tmp_path: Path, first: int) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(class_table(first)))
    table = read_classes(path)
    assert table.base.first == first
    assert [table.classes[program] for program in (0, 7, 8, 47, 48, 103, 127, 128)] == [
        "Piano", "Piano", "Chromatic Percussion", "Strings", "Strings (continued)", "Sound Effects", "Sound effects",
        "Drums",
    ]  # fmt: skip
    assert (table.missing(), table.other_than_gm()) == ([], [])


def test_a_class_with_other_capitals_is_the_same_class(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(class_table(0)))
    table = read_classes(path)
    assert table.programs("Sound Effects") == [*range(96, 104), *range(119, 128)]
    assert table.spellings("sound effects") == ["Sound Effects", "Sound effects"]


def test_a_table_of_ones_own_counts_from_where_its_classes_fit(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps({str(n): {"class": program_class(n - 1, is_drum=False)} for n in (1, 8, 9, 40, 41)}))
    table = read_classes(path)
    assert table.base.first == 1
    assert {number: table.classes[number] for number in (7, 8, 40)} == {
        7: "Piano", 8: "Chromatic Percussion", 40: "Strings",
    }  # fmt: skip
    assert 20 in table.missing()


@pytest.mark.parametrize("table", [{"one": {"class": "Piano"}}, {"1": {"name": "Piano"}}, {"1": "Piano"}])
def test_a_table_in_another_form_is_refused(tmp_path: Path, table: Any) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table))
    with pytest.raises(PlanError, match="the class table"):
        read_classes(path)
