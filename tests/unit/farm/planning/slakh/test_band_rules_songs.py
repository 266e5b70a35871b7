"""Slakh's band definition, MIDI rules and MIDI list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from farm.planning.slakh.band import band_members, read_band
from farm.planning.slakh.classes import ClassTable, read_classes
from farm.planning.slakh.rules import class_rules, read_rules
from farm.planning.slakh.songs import read_songs
from schemas.errors import PlanError
from schemas.rules import MidiRules
from tests.support.slakh import RULES, class_table


def _json(folder: Path, value: Any) -> Path:
    path = folder / "file.json"
    path.write_text(json.dumps(value))
    return path


@pytest.fixture
def table(tmp_path: Path) -> ClassTable:
    path = tmp_path / "classes.json"
    path.write_text(json.dumps(class_table(0)))
    return read_classes(path)


def _members(folder: Path, table: ClassTable, *classes: str, piano: bool = True) -> list[dict[str, Any]]:
    band = read_band(_json(folder, {"key": "class", "band_def": list(classes)}))
    return band_members(band, table, program_0_is_piano=piano)


def test_a_band_asks_for_each_class_once(tmp_path: Path, table: ClassTable) -> None:
    assert _members(tmp_path, table, "Drums", "Guitar", "Guitar") == [{"inst_class": "Drums"}, {"inst_class": "Guitar"}]
    assert read_band(_json(tmp_path, {"band_def": ["Bass", "Bass", "Reed"]})).repeated == ["Bass"]


def test_a_class_that_the_farm_cuts_otherwise_is_its_programs(tmp_path: Path, table: ClassTable) -> None:
    assert _members(tmp_path, table, "Sound Effects") == [{"programs": [*range(96, 104), *range(119, 128)]}]


def test_program_0_is_no_piano_where_the_config_says_so(tmp_path: Path, table: ClassTable) -> None:
    assert _members(tmp_path, table, "Piano", piano=False) == [{"programs": [1, 2, 3, 4, 5, 6, 7]}]


def test_a_class_that_no_song_can_have_is_an_error_that_names_the_nearest(tmp_path: Path, table: ClassTable) -> None:
    with pytest.raises(PlanError, match="no song could match") as caught:
        _members(tmp_path, table, "Gitar")
    assert "Did you mean 'Guitar'?" in caught.value.hint


def test_a_band_in_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="`band_def` is no list of classes"):
        read_band(_json(tmp_path, {"key": "class", "band": []}))


def test_a_rule_that_is_not_enabled_is_not_played_though_another_of_its_class_is(tmp_path: Path) -> None:
    rules = read_rules(_json(tmp_path, RULES))
    assert [(rule.inst_class, rule.name, rule.enabled) for rule in rules] == [
        ("Bass", "min_max_octave", False), ("Bass", "shift_all_notes", True), ("Drums", "move_note", True),
    ]  # fmt: skip
    assert class_rules(rules) == {"Bass": {"shift": 12}, "Drums": {"moves": {35: 36}}}


def test_enabled_rules_are_played_in_the_order_in_which_they_stand(tmp_path: Path) -> None:
    fold = {"rule_name": "min_max_octave", "enabled": True, "min": 36, "max": 60}
    shift = {"rule_name": "shift_all_notes", "enabled": True, "shift": 7}
    rules = class_rules(
        read_rules(_json(tmp_path, {"Bass": [fold, shift], "Reed": [shift, fold], "Pipe": [shift, shift]}))
    )
    bass, reed, pipe = (MidiRules.model_validate(rules[name]) for name in ("Bass", "Reed", "Pipe"))
    assert rules["Bass"] == {"fold": [36, 60], "shift": 7}
    assert (bass.key(30), bass.key(58)) == (30 + 12 + 7, 58 + 7)
    assert (reed.key(30), reed.key(58)) == (30 + 7, 58 + 7 - 12)
    assert pipe.key(40) == 54


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"rule_name": "louder", "enabled": True}, "has an unknown rule 'louder'"),
        ({"rule_name": "shift_all_notes", "enabled": True}, "lacks its numbers"),
        ({"rule_name": "shift_all_notes", "shift": 1}, "does not say whether it is enabled"),
        (
            {"rule_name": "min_max_octave", "enabled": True, "min": 40, "max": 45},
            "cannot be played: the range must hold",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused(tmp_path: Path, rule: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_rules(_json(tmp_path, {"Bass": [rule]}))
    assert said in caught.value.message


def test_a_list_names_each_file_once_wherever_the_list_lies(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "a.mid").touch()
    lines = ["a.mid", "", f"{tmp_path}/lists/../a.mid", "deep/b.mid", " "]
    (tmp_path / "lists" / "some.txt").write_text("\n".join(lines))
    found = read_songs(tmp_path, "lists/some.txt")
    assert found.files == (tmp_path / "a.mid", tmp_path / "deep" / "b.mid")
    assert (found.blank, found.repeated, found.absent) == (2, 1, 1)


@pytest.mark.parametrize(("text", "said"), [("\n\n", "names no file"), (None, "cannot read the MIDI list")])
def test_a_list_without_files_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "some.txt").write_text(text)
    with pytest.raises(PlanError, match=said):
        read_songs(tmp_path, "some.txt")
