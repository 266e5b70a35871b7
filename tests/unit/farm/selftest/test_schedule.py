"""The schedule of faults: a function of the seed, with every kind in it."""

from __future__ import annotations

from collections import Counter

import pytest

from farm.selftest.schedule import STEMS_PER_FAULT, FaultKind, faults


@pytest.mark.parametrize("stems", [64, 2000, 20_000])
def test_the_seed_reproduces_the_schedule(stems: int) -> None:
    assert faults(3, stems) == faults(3, stems)
    assert faults(3, stems) != faults(4, stems)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_and_the_last_one_while_there_is_work(seed: int) -> None:
    schedule = faults(seed, 2000)
    assert len(schedule) == 2000 // STEMS_PER_FAULT
    assert {fault.kind for fault in schedule} == set(FaultKind)
    places = [fault.at for fault in schedule]
    assert places == sorted(places)
    assert places[0] > 0
    assert places[-1] < 0.95 * 2000


def test_kinds_that_cannot_be_had_are_left_out() -> None:
    schedule = faults(1, 5000, [FaultKind.DATABASE_CRASHED, FaultKind.DISK_FULL])
    assert {fault.kind for fault in schedule} == set(FaultKind) - {FaultKind.DATABASE_CRASHED, FaultKind.DISK_FULL}


def test_engines_and_slots_die_more_often_than_databases() -> None:
    counts = Counter(fault.kind for fault in faults(1, 40_000))
    assert counts[FaultKind.ENGINE_KILLED] > 2 * counts[FaultKind.DATABASE_CRASHED]
    assert counts[FaultKind.SLOT_KILLED] > 2 * counts[FaultKind.DISK_FULL]
