"""A real ledger decides as the simulator does, lease by lease, on both databases."""

from __future__ import annotations

import pytest

from benchmarks.simulation import LeaseBook, SimFarm
from benchmarks.worlds import make_world
from farm.ledger import Ledger, StemCommit
from farm.ledger.models import SlotRow
from farm.scheduling import reconciler as reconciler_module
from schemas.result import RenderCost
from schemas.states import SlotState
from tests.support.ledgers import ENGINE, assert_counters_are_true, commit_of, new_slot, rendering, rows, stem_result
from tests.support.sim_ledger import LedgerBook

SLOTS, LIMIT, WINDOW, TICK_S = 4, 8, 20, 3.0


@pytest.mark.slow
def test_the_ledger_leases_the_very_batches_that_the_simulator_leases(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(stems=200, patches=12, seed=3)
    simulated = SimFarm(
        world, LeaseBook(world, limit=LIMIT, window_per_slot=WINDOW // SLOTS), slots=SLOTS, tick_s=TICK_S
    )
    expected = simulated.run()
    book = LedgerBook(ledger, world, slots=SLOTS, limit=LIMIT, window=WINDOW)
    monkeypatch.setattr(reconciler_module, "draw_stems", book.draw_stems)
    real = SimFarm(world, book, slots=SLOTS, tick_s=TICK_S)
    found = real.run()
    assert real.journal == simulated.journal
    assert (found.makespan_s, found.cold_loads, found.finished_s) == (
        expected.makespan_s,
        expected.cold_loads,
        expected.finished_s,
    )
    assert 12 <= found.cold_loads < len(real.journal), "it changed its patch now and then, and kept it more often"
    assert_counters_are_true(ledger)


def test_a_slot_that_is_about_to_load_counts_at_once_for_those_that_choose_next(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=3)
    first = worker.lease(limit=2)
    key = first[0].job.patch.load_key
    assert [tuple(row) for row in rows(ledger, SlotRow.warm_key, SlotRow.state)] == [(key, SlotState.BUSY)]
    # While it loads it writes signs of life that say that it has nothing loaded yet.
    assert ledger.heartbeat(worker.slot, None)
    assert [tuple(row) for row in rows(ledger, SlotRow.warm_key, SlotRow.state)] == [(key, SlotState.BUSY)]
    assert ledger.commit_stems(worker.slot, [commit_of(lease) for lease in first]) == [True] * len(first)
    assert ledger.heartbeat(worker.slot, None)
    assert [tuple(row) for row in rows(ledger, SlotRow.warm_key, SlotRow.state)] == [(None, SlotState.IDLE)]


def test_the_rest_of_a_patch_that_loads_slowly_is_left_to_the_slot_that_is_at_it(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=1)
    held = worker.lease(limit=2)
    assert len(held) == 2
    key = held[0].job.patch.load_key
    second = new_slot(ledger, 2)
    assert ledger.lease_stems(second, engine=ENGINE, warm_key=None, limit=1), "nobody knows how long it loads"
    ledger.retire_slot(second)
    cost = RenderCost(render_s=0.03, load_s=30.0, cold=True)
    commit = StemCommit(held[0].stem_id, held[0].epoch, stem_result(held[0].job), cost)
    assert ledger.commit_stems(worker.slot, [commit]) == [True]

    other = new_slot(ledger, 3)
    assert ledger.lease_stems(other, engine=ENGINE, warm_key=None, limit=1) == [], "its load would end nothing sooner"
    assert ledger.lease_stems(other, engine=ENGINE, warm_key=key, limit=1), "a warm slot helps"
    ledger.retire_slot(other)
    ledger.retire_slot(worker.slot)
    last = new_slot(ledger, 4)
    assert ledger.lease_stems(last, engine=ENGINE, warm_key=None, limit=1), "when they are gone anybody takes it"
