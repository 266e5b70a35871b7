"""What people are shown of engine classes: which slots serve them, and work that nobody serves."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import update

from farm import doctor
from farm.cli import service
from farm.ledger import Ledger
from farm.ledger.models import BacklogRow
from farm.scheduling.classes import Tried
from farm.scheduling.local import _Guard
from schemas.errors import MissingDependencyError
from tests.support.ledgers import change, new_slot, rendering
from tests.unit.farm.cli.conftest import Call


def _for_a_plug_in(ledger: Ledger) -> int:
    """Return a submission whose stems wait for plug-ins, with the slot that could do all but these."""
    number, _ = rendering(ledger)
    change(ledger, update(BacklogRow).values(engine="dawdreamer"))
    return number


def test_workers_shows_what_a_slot_drives_and_what_else_it_serves(ledger: Ledger, call: Call) -> None:
    ledger.register_slot("studio", 7, ["fluidsynth", "faust", "dawdreamer"])
    new_slot(ledger, 8, "laptop")
    (slot,) = [found for found in call("workers", "--json").json["slots"] if found["pid"] == 7]
    assert (slot["engine"], slot["engines"]) == ("fluidsynth", ["fluidsynth", "faust", "dawdreamer"])
    line = next(line for line in call("workers").out.splitlines() if "studio" in line and "fluidsynth" in line)
    assert "faust, dawdreamer" in line


def test_status_says_which_engine_nobody_serves_and_what_to_do(ledger: Ledger, call: Call) -> None:
    number = _for_a_plug_in(ledger)
    assert call("status", number, "--json").json["unserved"] == {"dawdreamer": 5}
    shown = " ".join(call("status", number).out.split())
    assert "5 stems for dawdreamer, and no live slot serves it" in shown
    assert "farm worker --engines dawdreamer" in shown
    assert "nobody serves dawdreamer" in call("status").out
    ledger.register_slot("studio", 7, ["dawdreamer"])
    assert call("status", number, "--json").json["unserved"] == {}
    assert "no live slot serves" not in call("status", number).out


def test_the_doctor_finds_work_that_nobody_serves(ledger: Ledger) -> None:
    url = os.environ["FARM_LEDGER_URL"]
    assert doctor.work_checks(url) == []
    _for_a_plug_in(ledger)
    (check,) = doctor.work_checks(url)
    assert (check.name, check.ok) == ("work for dawdreamer", False)
    assert "5 stems wait" in check.found
    assert check.fix.endswith("farm worker --engines dawdreamer")


@pytest.mark.parametrize("url", [None, "sqlite:////nowhere/ledger.sqlite", "nonsense"])
def test_the_doctor_says_nothing_of_work_where_there_is_no_ledger(url: str | None) -> None:
    assert doctor.work_checks(url) == []


def test_an_engine_that_comes_with_an_extra_may_be_missing_unless_it_is_asked_for() -> None:
    tried = [Tried("faust", "0.9.0", "libfaust"), Tried("dawdreamer", message="no libGL", hint="apt install libgl1")]
    works, missing = doctor.class_checks(tried, None)
    assert (works.ok, works.found) == (True, "0.9.0: libfaust")
    assert (missing.ok, missing.found) == (True, "not served here: no libGL. apt install libgl1")
    _, wanted = doctor.class_checks(tried, "faust, dawdreamer")
    assert (wanted.ok, wanted.found, wanted.fix) == (False, "no libGL", "apt install libgl1")


def test_a_worker_listens_to_the_queues_of_its_classes_and_its_slots_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_BROKER_URL", "redis://localhost:6379/0")
    monkeypatch.setenv("FARM_LEDGER_URL", "sqlite://")
    started: list[tuple[list[str], dict[str, str]]] = []
    asked: list[str | None] = []

    def serve(names: str | None) -> tuple[str, ...]:
        asked.append(names)
        return ("fluidsynth", "faust")

    def start(_: str, command: list[str], environment: dict[str, str]) -> None:
        started.append((command, environment))
        raise SystemExit(0)  # another program has taken the place of this one

    monkeypatch.setattr(service, "open_ledger", lambda url: None)
    monkeypatch.setattr(service, "served_engines", serve)
    monkeypatch.setattr("os.execve", start)
    for named in ("faust,fluidsynth", None):
        monkeypatch.setenv("FARM_ENGINES", "faust")
        with pytest.raises(SystemExit):
            service.worker_command(2, named)
    assert asked == ["faust,fluidsynth", "faust"]
    command, environment = started[0]
    assert command[command.index("--queues") + 1] == "songs,tickets.fluidsynth,tickets.faust"
    assert environment["FARM_ENGINES"] == "fluidsynth,faust"


def test_a_worker_of_an_unknown_class_is_refused(call: Call, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_BROKER_URL", "redis://localhost:6379/0")
    answer = call("worker", "--engines", "fluidsynht")
    assert answer.code == 2
    assert "no engine class 'fluidsynht'" in answer.err
    assert "dawdreamer" in answer.err


def test_a_local_run_ends_by_name_when_only_work_is_left_that_its_slots_cannot_do(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    guard = _Guard(ledger, number)
    guard.look(0.0)
    leased = worker.lease(limit=1)
    change(ledger, update(BacklogRow).values(engine="faust"))
    guard.look(10.0)  # a stem is under way still
    ledger.give_back(worker.slot, [lease.stem_id for lease in leased], "it was only looked at")
    change(ledger, update(BacklogRow).values(engine="faust"))
    guard.look(11.0)  # too early for another look
    with pytest.raises(MissingDependencyError, match="5 stems wait for faust") as error:
        guard.look(20.0)
    assert "farm doctor" in error.value.hint


def test_a_local_run_waits_for_its_slots_and_for_what_they_can_do(ledger: Ledger) -> None:
    number = _for_a_plug_in(ledger)
    guard = _Guard(ledger, number)
    ledger.expire_host_slots("here", [])
    guard.look(0.0)
    ledger.register_slot("here", 1, ["dawdreamer"])
    guard.look(10.0)
