"""`farm fsck`, `purge` and `selftest`: what they refuse, and what they say of a farm where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.cli.fsck import share_of
from farm.ledger import Ledger
from schemas.errors import PlanError
from tests.support.ledgers import Worker, run_to_end, submit
from tests.unit.farm.cli.conftest import Call


@pytest.mark.parametrize(("text", "share"), [("100", 1.0), ("1", 0.01), ("0.5%", 0.005), (" 25 %", 0.25)])
def test_a_sample_is_a_percentage(text: str, share: float) -> None:
    assert share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "101", "-1", "half", ""])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="is no percentage"):
        share_of(text)


def test_a_folder_that_is_no_dataset_is_named(call: Call, ledger: Ledger, tmp_path: Path) -> None:
    for arguments in (["fsck", tmp_path], ["fsck", "--rebuild", tmp_path]):
        answer = call(*arguments)
        assert answer.code == 2
        assert str(tmp_path) in answer.err
        assert len(answer.err.strip().splitlines()) == 1
    assert "needs the folder" in call("fsck", "--rebuild").err
    assert call("fsck", 77).code == 2


def test_a_purge_needs_to_know_what(call: Call, ledger: Ledger) -> None:
    assert "--older-than" in call("purge").err
    assert call("purge", 1, "--older-than", 3).code == 2
    assert "there is no submission 77" in call("purge", 77).err
    number = submit(ledger, ["a.mid"])
    refused = call("purge", number)
    assert (refused.code, f"`farm cancel {number}`" in refused.err) == (2, True)
    assert call("purge", "--older-than", 0).out == "no submission ended so long ago\n"


def test_a_purge_of_what_left_nothing_says_so(call: Call, ledger: Ledger, tmp_path: Path) -> None:
    number = submit(ledger, ["a.mid"], out_dir=str(tmp_path / "out"))
    run_to_end(ledger, Worker(ledger), number)
    assert call("purge", number).out == f"submission {number}: nothing is left of it\n"
    told = call("purge", number, "--json").json
    assert (told["files"], told["bytes"], told["dry_run"]) == (0, 0, False)
    assert call("purge", "--older-than", 1).out == "no submission ended so long ago\n"
    assert "its rows in the ledger are gone" in call("purge", number, "--forget").out
    assert call("status", number).code == 2


def test_a_farm_without_a_store_is_sound(call: Call, ledger: Ledger) -> None:
    assert call("fsck", "--json").json == {"stores": [], "ok": True}


def test_a_selftest_knows_two_kinds_of_ledger_and_takes_an_empty_folder_only(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    assert "sqlite, postgres" in call("selftest", "--ledger", "oracle").err
    assert "is not an empty folder" in call("selftest", "--keep", tmp_path).err
