"""How the ledger is told: in order, whether it is there or not, and never for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from farm.ledger import Ledger
from schemas.errors import LedgerAwayError, LedgerError
from schemas.states import EventKind
from tests.unit.workers.test_spool import MESSAGES, SLOT, URL, Receiver
from workers.outbox import Outbox
from workers.spool import Committed, Failed, Happened, Released, Spool, left_behind, spool_path


class Ears:
    """A ledger that notes what it is told, while it is not away."""

    def __init__(self) -> None:
        self.away = False
        self.refuses = ""
        self.heard: list[str] = []
        self.asked = 0

    def hasty(self, patience_s: float) -> Ears:
        assert patience_s <= 5
        return self

    def _hear(self, what: str) -> None:
        self.asked += 1
        if self.away:
            raise LedgerAwayError("away")
        if what == self.refuses:
            raise LedgerError("no")
        self.heard.append(what)

    def commit_stems(self, slot: Any, commits: Any) -> list[bool]:
        self._hear("committed")
        return [True] * len(commits)

    def fail_stem(self, slot: Any, lease: Any, reason: Any, detail: str, *, infra: bool) -> None:
        self._hear("failed")

    def give_back(self, slot: Any, stem_ids: Any, detail: str) -> None:
        self._hear("released")

    def note_event(self, kind: EventKind, detail: str, **about: Any) -> None:
        self._hear(kind.value)


ALL = ["committed", "failed", "released", "recycled"]


def outbox(ears: Ears, spool: Spool | None, now: Sequence[float] = (0.0,)) -> Outbox:
    return Outbox(cast("Ledger", ears), spool, "here", clock=lambda: now[0])


def test_a_ledger_that_is_there_is_told_at_once(tmp_path: Path) -> None:
    ears, spool = Ears(), Spool(tmp_path / "a.jsonl")
    for message in MESSAGES:
        outbox(ears, spool).tell(message)
    assert ears.heard == ALL
    assert not spool.path.exists()


def test_while_it_is_away_nothing_is_lost_and_order_is_kept(tmp_path: Path) -> None:
    ears, spool, now = Ears(), Spool(tmp_path / "a.jsonl"), [0.0]
    box = outbox(ears, spool, now)
    ears.away = True
    for message in MESSAGES:
        box.tell(message)
    assert (ears.heard, box.waiting) == ([], 4)
    assert ears.asked == 1  # it is not asked for every message
    assert not box.flush()
    ears.away = False
    now[0] = 60.0
    box.tell(MESSAGES[0])
    assert ears.heard == [*ALL, "spooled", "committed"]
    assert box.waiting == 0
    assert not spool.path.exists()


def test_what_the_ledger_refuses_late_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    ears = Ears()
    box = outbox(ears, Spool(tmp_path / "a.jsonl"))
    ears.away = True
    for message in MESSAGES:
        box.tell(message)
    ears.away, ears.refuses = False, "failed"
    assert box.flush()
    assert ears.heard == ["committed", "released", "recycled", "spooled"]


def test_what_it_refuses_in_time_is_an_error(tmp_path: Path) -> None:
    ears = Ears()
    ears.refuses = "committed"
    with pytest.raises(LedgerError, match="no"):
        outbox(ears, Spool(tmp_path / "a.jsonl")).tell(MESSAGES[0])


def test_an_event_is_never_worth_failing_for(tmp_path: Path) -> None:
    ears = Ears()
    ears.refuses = "recycled"
    message = MESSAGES[3]
    assert isinstance(message, Happened)
    outbox(ears, None).note(message)
    outbox(ears, Spool(tmp_path / "a.jsonl")).note(message)
    assert ears.heard == []


def test_without_a_spool_an_absent_ledger_is_an_error() -> None:
    ears = Ears()
    ears.away = True
    with pytest.raises(LedgerAwayError):
        outbox(ears, None).tell(MESSAGES[0])
    assert outbox(ears, None).flush()


def test_what_dead_slots_left_behind_is_told(tmp_path: Path) -> None:
    dead = Spool(tmp_path / spool_path(tmp_path, URL, "here").name.replace(".jsonl", "1.jsonl"))
    for message in MESSAGES:
        dead.append(message)
    dead.leave()
    ears = Ears()
    ears.away = True
    outbox(ears, None).adopt(left_behind(tmp_path, URL, "here"))
    assert left_behind(tmp_path, URL, "here") == [dead.path]
    ears.away = False
    outbox(ears, None).adopt(left_behind(tmp_path, URL, "here"))
    assert ears.heard == [*ALL, "spooled"]
    assert left_behind(tmp_path, URL, "here") == []


def test_a_slot_that_leaves_while_the_ledger_is_away_leaves_its_messages(tmp_path: Path) -> None:
    ears, spool = Ears(), Spool(tmp_path / "a.jsonl")
    box = outbox(ears, spool)
    ears.away = True
    box.tell(Released(SLOT, [1], "why"))
    box.close()
    again, receiver = Spool(spool.path), Receiver()
    assert again.adopt()
    assert again.deliver(receiver) == 1
    assert [type(message) for message in receiver.got] == [Released]
    assert {type(message) for message in MESSAGES} == {Committed, Failed, Released, Happened}
