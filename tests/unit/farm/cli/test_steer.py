"""Steering a submission from the command line: what is changed, what is said, and what is refused and why."""

from __future__ import annotations

import io

import pytest

from farm.cli.steer import stem_name
from farm.ledger import Ledger
from schemas.errors import PlanError
from schemas.states import SubmissionState
from tests.support.ledgers import rendering
from tests.unit.farm.cli.conftest import Call, finish, lose_stem

STEERING: list[tuple[object, ...]] = [
    ("pause", 77), ("resume", 77), ("cancel", 77), ("priority", 77, 5), ("requeue", 77), ("eat", 77, "Track00001/S00"),
]  # fmt: skip


@pytest.mark.parametrize("command", STEERING, ids=lambda command: str(command[0]))
def test_an_unknown_submission_is_named(command: tuple[object, ...], ledger: Ledger, call: Call) -> None:
    answer = call(*command)
    assert answer.code == 2
    assert "77" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    as_json = call(*command, "--json")
    assert as_json.code == 2
    assert as_json.json["reason"] == "unknown_id"


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
def test_a_submission_that_has_ended_is_not_steered_any_more(command: str, ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    assert finish(ledger, worker, number) is SubmissionState.DONE
    answer = call(command, number)
    assert answer.code == 2
    assert "done" in answer.err
    refused = call(command, number, "--json").json
    assert refused["reason"] == "state"
    assert refused["hint"]
    assert ledger.submission(number).state is SubmissionState.DONE


def test_pause_and_resume(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    held = worker.lease(limit=1)
    assert "pausing" in call("pause", number).out
    assert worker.lease(holding=[held[0].stem_id]) == []
    assert call("resume", number, "--json").json == {"submission": number, "state": "active"}
    assert worker.lease(holding=[held[0].stem_id]) != []


def test_a_pause_with_nothing_to_wait_for_is_a_pause_at_once(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    assert call("pause", number, "--json").json == {"submission": number, "state": "paused"}
    answer = call("resume", number)
    assert answer.code == 0
    assert "goes on" in answer.out


def test_a_submission_that_runs_cannot_be_resumed(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    answer = call("resume", number)
    assert answer.code == 2
    assert "active" in answer.err


def test_cancel_ends_a_submission_without_a_question_where_nobody_sits(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    answer = call("cancel", number)
    assert answer.code == 0
    assert "cancel" in answer.out
    assert f"farm requeue {number}" in answer.out
    assert worker.lease() == []


def test_cancel_in_json(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    assert call("cancel", number, "--json").json == {"submission": number, "state": "cancelled"}


class Terminal(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "ends"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_cancel_asks_a_person_first(
    typed: str, ends: bool, ledger: Ledger, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, _ = rendering(ledger, songs=2)
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    answer = call("cancel", number)
    assert answer.code == 0
    assert "0 of 2 songs published" in answer.out
    state = SubmissionState.CANCELLED if ends else SubmissionState.ACTIVE
    assert ledger.submission(number).state is state
    assert ("nothing was changed" in answer.out) is not ends


def test_cancel_does_not_ask_when_told_so(ledger: Ledger, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    number, _ = rendering(ledger)
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert call("cancel", number, "--yes").code == 0
    assert ledger.submission(number).state is SubmissionState.CANCELLED


def test_cancel_does_not_ask_about_what_has_ended(ledger: Ledger, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    number, worker = rendering(ledger)
    finish(ledger, worker, number)
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert call("cancel", number).code == 2


def test_priority_tells_what_it_was_and_takes_numbers_below_zero(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    assert call("priority", number, 50).out == f"submission {number}: priority 50, before 0\n"
    assert call("priority", number, -7, "--json").json == {"submission": number, "priority": -7, "before": 50}
    assert ledger.status(number).priority == -7


@pytest.mark.parametrize("value", ["101", "-101", "high"])
def test_a_priority_out_of_range_is_refused(value: str, ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    assert call("priority", number, value).code == 2
    assert ledger.status(number).priority == 0


def test_requeue_tries_again_what_failed(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger, songs=2)
    lose_stem(worker)
    assert finish(ledger, worker, number) is SubmissionState.FAILED
    assert call("requeue", number).out == f"submission {number}: 1 song tried again\n"
    assert finish(ledger, worker, number) is SubmissionState.DONE
    assert ledger.failures(number) == []


@pytest.mark.parametrize("what", ["--song", "--stem"])
def test_requeue_of_what_is_named(what: str, ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger, songs=3)
    lost = [lose_stem(worker), lose_stem(worker)]
    finish(ledger, worker, number)
    named = lost[0] if what == "--stem" else lost[0].split("/")[0]
    assert call("requeue", number, what, named, "--json").json == {"submission": number, "requeued": 1}
    finish(ledger, worker, number)
    assert {failure.name.split("/")[0] for failure in ledger.failures(number)} == {lost[1].split("/")[0]}


def test_requeue_where_nothing_failed_says_so(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    finish(ledger, worker, number)
    answer = call("requeue", number)
    assert answer.code == 0
    assert "nothing to try again" in answer.out


def test_requeue_of_an_unknown_song_changes_nothing(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger, songs=2)
    lost = lose_stem(worker)
    finish(ledger, worker, number)
    answer = call("requeue", number, "--song", lost.split("/")[0], "--song", "Track00077")
    assert answer.code == 2
    assert "Track00077" in answer.err
    assert ledger.submission(number).state is SubmissionState.FAILED


def test_requeue_of_a_song_that_is_published_is_refused(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    finish(ledger, worker, number)
    answer = call("requeue", number, "--song", "Track00001", "--json")
    assert answer.code == 2
    assert answer.json["reason"] == "state"


def test_eat_lets_a_song_go_on_without_a_failed_stem(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    song, stem = lose_stem(worker).split("/")
    assert finish(ledger, worker, number) is SubmissionState.FAILED
    answer = call("eat", number, f"{song}/{stem}")
    assert answer.code == 0
    assert answer.out == f"submission {number}: {song} goes on without {stem}\n"
    assert finish(ledger, worker, number) is SubmissionState.DONE


def test_eat_of_stems_that_are_not_rendered_yet(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    stems = ["Track00001/S00", "Track00001/S02"]
    assert call("eat", number, *stems, "--json").json == {"submission": number, "eaten": stems}
    assert finish(ledger, worker, number) is SubmissionState.DONE
    assert ledger.status(number).stems_done == 3


def test_eat_of_a_rendered_stem_is_refused(ledger: Ledger, call: Call) -> None:
    number, worker = rendering(ledger)
    finish(ledger, worker, number)
    answer = call("eat", number, "Track00001/S00", "--json")
    assert answer.code == 2
    assert answer.json["reason"] == "state"


def test_eat_says_what_was_eaten_before_it_was_refused(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    answer = call("eat", number, "Track00001/S00", "Track00001/S77", "--json")
    assert answer.code == 2
    assert "S77" in answer.json["error"]
    assert "done before it: Track00001/S00" in answer.json["hint"]


def test_nothing_is_eaten_when_one_name_is_no_name(ledger: Ledger, call: Call) -> None:
    number, _ = rendering(ledger)
    assert call("eat", number, "Track00001/S00", "S01").code == 2
    assert ledger.status(number).stems.get("dropped", 0) == 0


@pytest.mark.parametrize("text", ["S01", "Track00001", "Track00001/", "/S01", "a/b/c", ""])
def test_a_stem_is_named_by_its_song_and_its_name(text: str) -> None:
    with pytest.raises(PlanError, match="names no stem"):
        stem_name(text)
    assert stem_name("Track00001/S03") == ("Track00001", "S03")
