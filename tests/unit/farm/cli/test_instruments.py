"""`farm instruments`: lists the farm's maps, shows one, checks a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.cli.app import run_app

BAD = """
name: mine
groups:
  - {name: Pianos, programs: [0, 4], patches: [{name: Grand, wieght: 2}]}
  - {name: Keys, programs: [4, 5], patches: [{name: EP, program: 4}]}
"""


def test_without_a_name_the_farms_maps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["instruments", "--json"]) == 0
    listed = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert set(listed) == {"gm-strict", "gm-lax", "gm-factory", "gm-faust", "mixed"}
    assert (listed["gm-faust"]["engines"], listed["gm-faust"]["soundfonts"]) == (["faust"], [])
    assert (listed["mixed"]["engines"], listed["mixed"]["soundfonts"]) == (
        ["dawdreamer", "faust", "fluidsynth"], ["the plan's"],
    )  # fmt: skip
    assert all((record["programs"], record["unmapped"]) == (129, []) for record in listed.values())
    assert (listed["gm-factory"]["soundfonts"], listed["gm-factory"]["licences"]) == (["TimGM6mb"], ["GPL-2.0-only"])
    assert run_app(["instruments"]) == 0
    assert "gm-strict" in capsys.readouterr().out


def test_a_map_is_shown_with_programs_shares_ranges_rules_and_licences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ngroups:\n  - name: Bass\n    programs: [32, 33, 34, 39]\n    rules: {fold: [35, 79], shift: 12}\n"
        "    patches: [{name: Deep, weight: 3, bank: 8, program: 4, octave_offset: -1, licence: MIT},"
        " {name: High, key_range: [40, 60], rules: {moves: {28: 36}}}]\n"
    )
    assert run_app(["instruments", str(path)]) == 0
    lines = {line.split()[0]: " ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["Bass"] == "Bass 32-34, 39 Deep bank 8, program 4 the plan's 75% -1 fold into 35-79, +12 MIT"
    assert lines["High"] == "High its own program the plan's 25% 40-60 28 to 36 its soundfont's"
    assert lines["no"].startswith("no patch plays 125 programs")


def test_a_check_lists_what_is_wrong_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(BAD)
    assert run_app(["instruments", "--check", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "`groups.0.patches.0.wieght`: unknown key" in printed
    assert "4 Electric Piano 1 is claimed by 2 groups: Pianos, Keys" in printed
    assert "no patch plays 126 programs, and their parts get no audio: 1-3, 6-128" in printed
    assert run_app(["instruments", "--check", str(path), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["ok"], record["double"]) == (False, {"4": ["Pianos", "Keys"]})


def test_a_check_of_a_map_that_can_be_used_ends_with_0_and_names_the_programs_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\ngroups:\n  - {{name: All, programs: {list(range(128))}, patches: [{{name: P}}]}}\n")
    assert run_app(["instruments", "--check", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "no patch plays 1 program, and their parts get no audio: 128 Drums" in printed
    assert "it can be used" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gm-lux"], "Did you mean `gm-lax`?"),
        (["gm-lax", "--check", "a.yaml"], "Give one of them"),
        (["--check", "none.yaml"], "cannot read the instrument map"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_a_hint(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["instruments", *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1
