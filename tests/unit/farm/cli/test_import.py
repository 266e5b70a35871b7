"""`farm import slakh`: what it prints, its JSON, its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.slakh.config import KEYS
from tests.architecture.tree import ROOT
from tests.support.slakh import write_setup
from tests.unit.farm.cli.conftest import Call


def test_it_says_what_became_of_every_key_and_how_to_go_on(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_setup(tmp_path, zero_based_midi=True)
    monkeypatch.chdir(tmp_path)
    answer = call("import", "slakh", "config.json", "--out", "mine")
    assert answer.code == 0
    assert [key for key in KEYS if f"\n{key} " not in answer.out] == []
    assert "zero_based_midi           corrected" in answer.out
    assert "written: mine/plan.yaml, mine/instruments.yaml, mine/band.yaml" in answer.out
    assert answer.out.endswith("run it:  farm run mine/plan.yaml --out made\n")


def test_its_json_has_keys_files_notes_and_the_command(tmp_path: Path, call: Call) -> None:
    config, out = write_setup(tmp_path), tmp_path / "plan of mine"
    report = call("import", "slakh", config, "--out", out, "--numbers-from", 1, "--json").json
    assert [fate["key"] for fate in report["keys"]] == list(KEYS)
    assert report["written"] == [str(out / name) for name in ("plan.yaml", "instruments.yaml", "band.yaml")]
    assert report["command"] == f"farm run '{out}/plan.yaml' --out {tmp_path / 'made'}"
    defs = next(file for file in report["files"] if file["path"].endswith("defs.json"))
    assert (defs["numbers_from"], defs["evidence"]) == (1, "as the command line says")


def test_relative_paths_may_count_from_another_folder(tmp_path: Path, call: Call) -> None:
    config = write_setup(tmp_path / "repository").rename(tmp_path / "config.json")
    assert call("import", "slakh", config, "--out", tmp_path / "plan").code == 2
    assert call("import", "slakh", config, "--out", tmp_path / "plan", "--root", tmp_path / "repository").code == 0


def test_of_a_file_that_the_config_names_it_is_said_where_relative_paths_count_from(tmp_path: Path, call: Call) -> None:
    config = write_setup(tmp_path, defs_metadata_file="gone.json")
    answer = call("import", "slakh", config, "--out", tmp_path / "plan")
    assert answer.code == 2
    assert "gone.json: No such file or directory. Relative paths count from the config's folder; --root" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lakh", "config.json"], "nothing can be imported from 'lakh'. `farm import slakh CONFIG.json`"),
        (
            ["slakh", "gone.json"],
            "No such file or directory. Name the config.json with which slakh-generation was started",
        ),
        (["slakh", "classes_0.json"], "has none of Slakh's keys"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_code_2(
    arguments: list[str], said: str, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_setup(tmp_path)
    monkeypatch.chdir(tmp_path)
    answer = call("import", *arguments, "--out", "mine")
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not (tmp_path / "mine").exists()


def test_the_page_shows_what_the_command_prints(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "slakh-generation"
    write_setup(
        folder, instrument_classes_file="general_midi_inst_0.json", defs_metadata_file="my_lax.json",
        lmd_base_dir="../midi", output_dir="/path/to/output", zero_based_midi=True,
    )  # fmt: skip
    (folder / "classes_0.json").rename(folder / "general_midi_inst_0.json")
    (folder / "defs.json").rename(folder / "my_lax.json")
    (tmp_path / "midi").mkdir()
    monkeypatch.chdir(tmp_path)
    printed = call("import", "slakh", "slakh-generation/config.json", "--out", "my-slakh").out
    page = (ROOT / "docs" / "slakh.md").read_text(encoding="utf-8")
    assert "\n".join(line.rstrip() for line in printed.splitlines()) in page
