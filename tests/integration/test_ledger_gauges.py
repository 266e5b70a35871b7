"""The whole farm in numbers: what is now, and what happened since the last look, each row counted once."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert

from farm.ledger import Ledger
from farm.ledger.clock import db_now
from farm.ledger.models import EventRow
from farm.ledger.records import StemCommit
from schemas.result import RenderCost
from schemas.states import FailureReason
from tests.support.ledgers import change, new_slot, rendering, silence, stem_result, submit

pytestmark = pytest.mark.services


def test_what_is_now_is_counted_over_all_submissions(ledger: Ledger) -> None:
    rendering(ledger, 3)
    submit(ledger, ["late.mid"], out_dir="other")
    found, _ = ledger.gauges()
    assert found.submissions == {"active": 1, "scanning": 1}
    assert found.tasks["probe", "ready"] == 1
    assert found.tally["stem"]["ready"] == 15
    assert found.tally["song"]["rendering"] == 3
    (patch,) = found.patches
    assert (patch.engine, patch.label, patch.ready) == ("fluidsynth", "Toy", 15)
    assert patch.est_s > 0
    assert not patch.quarantined


def test_slots_are_counted_by_host_and_silence_is_that_of_the_quietest(ledger: Ledger) -> None:
    new_slot(ledger, pid=1, host="a")
    quiet = new_slot(ledger, pid=2, host="a")
    gone = new_slot(ledger, pid=3, host="b")
    silence(ledger, quiet, 30.0)
    ledger.retire_slot(gone)
    found, _ = ledger.gauges()
    assert found.slots == {("a", "fluidsynth", "idle"): 2}
    assert found.silence_s["a"] == pytest.approx(30.0, abs=5.0)
    assert set(found.silence_s) == {"a"}


def test_hosts_are_told_with_their_disk_while_they_live_or_are_taken_out(ledger: Ledger) -> None:
    slots = {host: new_slot(ledger, host=host) for host in ("a", "b", "c")}
    ledger.host_pulse("a", 7)
    ledger.host_pulse("b", None)
    ledger.host_pulse("c", 9)
    ledger.drain("b", True)
    for host in ("b", "c"):
        ledger.retire_slot(slots[host])
    found, _ = ledger.gauges()
    assert [(host.host, host.free_disk_bytes, host.draining, host.sick) for host in found.hosts] == [
        ("a", 7, False, False),
        ("b", None, True, False),
    ]


def test_a_quarantined_patch_is_told(ledger: Ledger) -> None:
    rendering(ledger, 1)
    (patch,) = ledger.gauges()[0].patches
    ledger.quarantine(patch.load_key, "sounds wrong")
    assert ledger.gauges()[0].patches[0].quarantined
    ledger.release(patch.load_key)
    assert not ledger.gauges()[0].patches[0].quarantined


def test_tries_are_new_once_and_only_after_the_first_look(ledger: Ledger) -> None:
    _, worker = rendering(ledger, 1, parts=4)
    _, since = ledger.gauges()
    cold = RenderCost(render_s=0.5, load_s=2.0, cold=True)
    warm, cached = RenderCost(render_s=0.25), RenderCost(render_s=0.0, cached=True)
    for cost in (cold, warm, cached):
        (lease,) = worker.lease(limit=1)
        assert ledger.commit_stems(worker.slot, [StemCommit(lease.stem_id, lease.epoch, stem_result(lease.job), cost)])
    ledger.fail_stem(worker.slot, worker.lease(limit=1)[0], FailureReason.ALL_ZERO, "nothing sounds", infra=False)
    found, since = ledger.gauges(since)
    (total,) = found.rendered.values()
    assert (total.stems, total.cached, total.cold_loads) == (3, 1, 1)
    assert (total.render_s, total.load_s) == (0.75, 2.0)
    assert total.audio_s == pytest.approx(2 * 10.0), "what was found in the store was not rendered"
    assert found.tries["stem", "done", ""] == 3
    assert found.tries["stem", "failed", "all_zero"] == 1
    again, _ = ledger.gauges(since)
    assert not again.rendered
    assert not again.tries


def test_what_happened_before_the_first_look_is_not_new(ledger: Ledger) -> None:
    _, worker = rendering(ledger, 1)
    worker.render()
    first, since = ledger.gauges()
    second, _ = ledger.gauges(since)
    assert not first.tries
    assert not second.tries


def test_an_event_whose_transaction_ends_late_is_counted_all_the_same(ledger: Ledger) -> None:
    def event(number: int) -> None:
        row = {"id": number, "kind": "recycled", "detail": "growth: 900 MB"}
        change(ledger, insert(EventRow).values(at=db_now(), **row))

    change(ledger, delete(EventRow))
    event(1)
    _, since = ledger.gauges()
    event(5)
    found, since = ledger.gauges(since)
    assert found.events == {("recycled", "growth"): 1}
    event(3)
    found, since = ledger.gauges(since)
    assert found.events == {("recycled", "growth"): 1}
    found, _ = ledger.gauges(since)
    assert not found.events
