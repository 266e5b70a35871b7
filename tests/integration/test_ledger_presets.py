"""A bad preset is held for itself: what it was to play waits, and its soundfont goes on. On both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from benchmarks.ledger_plans import overhear, scans_of
from farm.ledger import Ledger, SlotRef, StemLease
from farm.ledger.models import BlockRow, PatchRow
from farm.planning.draw import draw_stems
from farm.scheduling.eta import forecast
from schemas.errors import StateError, UnknownIdError
from schemas.states import EventKind, FailureReason, SubmissionState, TaskKind
from tests.support.ledgers import (
    ENGINE,
    Worker,
    assert_counters_are_true,
    commit_of,
    engine_facts,
    new_slot,
    plan,
    reconciler,
    rendering,
    rows,
    run_to_end,
    submit,
)

SONGS, PARTS, BAD = 6, 4, "Toy:000:002"


def _lease(ledger: Ledger, slot: SlotRef, limit: int = 16) -> list[StemLease]:
    return ledger.lease_stems(slot, engine=ENGINE, warm_key=None, limit=limit)


def _work(
    ledger: Ledger, slot: SlotRef, bad: set[str], reason: FailureReason = FailureReason.ALL_ZERO, most: int = 1000
) -> int:
    """Render what there is, stem by stem, at most so many; the presets in `bad` fail. Returns how many were tried."""
    tried = 0
    while tried < most and (leases := _lease(ledger, slot, 1)):
        tried += 1
        if leases[0].job.patch.name in bad:
            ledger.fail_stem(slot, leases[0], reason, "silence", infra=False)
        else:
            assert ledger.commit_stems(slot, [commit_of(leases[0])]) == [True]
    return tried


def test_three_bad_stems_of_a_preset_hold_it_and_the_others_of_its_soundfont_are_finished(ledger: Ledger) -> None:
    number, worker = rendering(ledger, SONGS, parts=PARTS, on_failed_stem="drop_stem")
    _work(ledger, worker.slot, {BAD})
    (held,) = ledger.holds()
    assert (held.patch, held.quarantined) == (BAD, True)
    stems = ledger.status(number).stems
    assert stems["done"] == SONGS * (PARTS - 1), "everything else of the soundfont"
    assert ledger.status(number).stems_held == stems["ready"] == held.ready
    assert stems["ready"] + stems["dropped"] == SONGS
    assert stems["ready"] >= SONGS - 3
    (key,) = ledger.patches(number)
    assert (key.quarantined, key.held, [hold.patch for hold in key.held_patches]) == (False, held.ready, [BAD])
    assert ledger.ready_by_engine() == {}
    assert not ledger.any_waiting() or ledger.claim_task(worker.slot) is not None, "only mixes wait"
    (gauge,) = ledger.gauges()[0].patches
    assert (gauge.ready, gauge.held, gauge.quarantined) == (held.ready, held.ready, False)
    assert [one.name for one in ledger.gauges()[0].held] == [BAD]
    assert_counters_are_true(ledger)


def test_a_released_preset_is_played_to_the_end(ledger: Ledger) -> None:
    number, worker = rendering(ledger, SONGS, parts=PARTS)
    ledger.quarantine(BAD, "it hums")
    assert _work(ledger, worker.slot, {BAD}) == SONGS * (PARTS - 1)
    with pytest.raises(StateError, match="is quarantined already"):
        ledger.quarantine(BAD, "it hums")
    assert ledger.release(BAD).ready == SONGS
    with pytest.raises(StateError, match="is not quarantined"):
        ledger.release(BAD)
    run_to_end(ledger, worker, number, reconciler(ledger, attended=True))
    assert ledger.submission(number).state is SubmissionState.DONE
    assert _kinds(ledger) == ["quarantined", "released"]
    assert_counters_are_true(ledger)


def _kinds(ledger: Ledger) -> list[str]:
    kinds = (EventKind.QUARANTINED, EventKind.RELEASED, EventKind.BLOCKED, EventKind.SICK, EventKind.RETURNED)
    return [event.kind for event in ledger.events() if event.kind in kinds]


def test_the_forecast_leaves_out_the_held_part_of_a_soundfont(ledger: Ledger) -> None:
    number, worker = rendering(ledger, SONGS, parts=PARTS)
    _work(ledger, worker.slot, set(), most=4)
    before = forecast(ledger.stem_times(number))
    ledger.quarantine(BAD, "it hums")
    times, eta = ledger.stem_times(number), forecast(ledger.stem_times(number))
    assert [(key.stems, key.held) for key in times.keys] == [(SONGS * (PARTS - 1) - 3, False), (SONGS - 1, True)]
    assert (eta.held_stems, eta.stems_left) == (SONGS - 1, before.stems_left)
    assert eta.work_s < before.work_s


def test_with_nobody_there_stems_of_a_held_preset_fail_by_its_reason(ledger: Ledger) -> None:
    number, worker = rendering(ledger, SONGS, parts=PARTS, on_failed_stem="drop_stem")
    ledger.quarantine(BAD, "it hums")
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.DONE
    failures = [failure for failure in ledger.failures(number) if failure.kind == "stem"]
    assert [(f.reason, f.detail) for f in failures] == [("quarantined", "its patch is held: it hums")] * SONGS
    assert_counters_are_true(ledger)


def test_songs_that_wait_for_a_preset_take_no_room_from_others(ledger: Ledger) -> None:
    number, worker = rendering(ledger, 3, parts=PARTS)
    ledger.quarantine(BAD, "it hums")
    other = submit(ledger, [f"{index}.mid" for index in range(4)], out_dir="other")
    worker.parts = 2
    run_to_end(ledger, worker, other, reconciler(ledger, attended=True, window_per_slot=3))
    assert ledger.status(other).songs == {"done": 4}
    assert ledger.status(number).songs == {"rendering": 3}
    assert ledger.status(number).stems == {"done": 9, "ready": 3}


def test_three_bad_presets_are_held_one_by_one_and_the_soundfont_is_not(ledger: Ledger) -> None:
    rendering(ledger, 12, parts=8)
    bad = {f"Toy:000:00{program}" for program in (1, 3, 5)}
    _work(ledger, new_slot(ledger, 7), bad)
    assert {hold.patch for hold in ledger.holds()} == bad


def test_a_soundfont_of_which_nothing_comes_out_well_is_held_as_a_whole(ledger: Ledger) -> None:
    number, worker = rendering(ledger, 12, parts=8, on_failed_stem="drop_stem")
    every = {f"Toy:000:00{program}" for program in range(8)}
    tried = _work(ledger, worker.slot, every, FailureReason.ENGINE_CRASH)
    assert tried <= 2 * 9
    key = next(hold for hold in ledger.holds() if not hold.patch)
    assert key.reason.startswith("none of its last stems came out well, whichever patch played them; the last: engine")
    assert ledger.status(number).stems_held == ledger.status(number).stems["ready"]
    ledger.release("Toy")
    assert ledger.holds() == [], "with its soundfont every preset is released"
    assert _work(ledger, worker.slot, set()) == 12 * 8 - ledger.status(number).stems["dropped"]


def test_a_soundfont_that_cannot_be_loaded_is_held_after_three_stems(ledger: Ledger) -> None:
    _, worker = rendering(ledger, 12, parts=8, on_failed_stem="drop_stem")
    every = {f"Toy:000:00{program}" for program in range(8)}
    assert _work(ledger, worker.slot, every, FailureReason.MISSING_ASSET) <= 2 * 3
    (hold,) = ledger.holds()
    assert (hold.label, hold.patch) == ("Toy", "")
    assert "could not be loaded" in hold.reason


def test_a_host_is_kept_from_the_preset_that_fails_there_and_not_from_its_soundfont(ledger: Ledger) -> None:
    rendering(ledger, SONGS, parts=PARTS)
    here, there = new_slot(ledger, 7, "render-1"), new_slot(ledger, 8, "render-2")
    _work(ledger, here, {BAD})
    assert [row.patch for row in ledger._db.read(lambda c: c.execute(select(BlockRow.patch)).all())] == [BAD]  # noqa: SLF001
    assert ledger.holds() == []
    assert _lease(ledger, here) == []
    (left,) = {lease.job.patch.name for lease in _lease(ledger, there)}
    assert left == BAD
    assert _kinds(ledger) == ["blocked"]


def test_a_host_on_which_nothing_of_a_soundfont_comes_out_well_gets_no_more_of_it(ledger: Ledger) -> None:
    rendering(ledger, 6, parts=12)
    here, there = new_slot(ledger, 7, "render-1"), new_slot(ledger, 8, "render-2")
    every = {f"Toy:000:{program:03d}" for program in range(12)}
    assert _work(ledger, here, every) <= 2 * 9
    (event,) = ledger.events(kind=EventKind.BLOCKED)
    assert "none of its last stems came out well there" in event.detail
    assert ledger.holds() == []
    assert len(_lease(ledger, there)) > 1


def test_a_host_that_only_seemed_sick_is_taken_back_when_the_presets_are_held(ledger: Ledger) -> None:
    _, worker = rendering(ledger, 12, parts=8, on_failed_stem="drop_stem")
    ledger.retire_slot(worker.slot)
    here, there = new_slot(ledger, 7, "render-1"), new_slot(ledger, 8, "render-2")
    bad = {f"Toy:000:00{program}" for program in (1, 3, 5)}
    _work(ledger, here, bad)
    assert [report.sick for report in ledger.hosts() if report.host == "render-1"] == [True]
    _work(ledger, there, bad)
    assert {hold.patch for hold in ledger.holds()} == bad
    assert [report.sick for report in ledger.hosts() if report.host == "render-1"] == [False]
    assert "returned" in _kinds(ledger)


def test_the_same_patch_from_another_folder_is_held_with_it(ledger: Ledger) -> None:
    _, worker = rendering(ledger, 1, parts=2)
    ledger.quarantine("Toy:000:001", "it hums")
    _draw_from(ledger, worker, "elsewhere.sf2")
    held = rows(ledger, PatchRow.name, PatchRow.quarantined_at, name="Toy:000:001")
    assert [row.quarantined_at is not None for row in held] == [True, True]
    (hold,) = ledger.holds()
    assert hold.ready == 2
    ledger.release("Toy:000:001")
    assert ledger.holds() == []


def _draw_from(ledger: Ledger, worker: Worker, path: str) -> None:
    """Draw another submission on the same patches, whose file lies elsewhere."""
    number = submit(ledger, ["other.mid"], out_dir="other")
    worker.work(TaskKind.PROBE)
    worker.work(TaskKind.SCAN)
    chief = reconciler(ledger, attended=True)
    chief.tick()
    chief.tick()
    worker.work(TaskKind.SPLIT)
    for song in ledger.undrawn_songs(number, 1):
        facts = engine_facts()
        moved = facts.soundfont.model_copy(update={"path": path})
        drawn = draw_stems(plan(), facts.model_copy(update={"soundfont": moved}), song.split)
        ledger.draw_songs([(song.song_id, drawn)])
    assert ledger.status(number).stems == {"ready": 2}


def test_a_patch_is_called_by_its_name_its_key_or_how_they_begin(ledger: Ledger) -> None:
    rendering(ledger, 1, parts=3)
    (key,) = ledger.patches()
    for words in (BAD, f"{key.load_key}:000:002", f"{key.load_key[:5]}:000:002"):
        assert ledger.quarantine(words, "it hums").patch == BAD
        assert ledger.release(words).load_key == key.load_key
    assert ledger.quarantine("Toy", "it hums").patch == ""
    with pytest.raises(StateError, match="not quarantined by itself"):
        ledger.release(BAD)
    ledger.release("Toy")
    with pytest.raises(StateError, match=rf"patch Toy \({key.load_key}\) is not quarantined\. See"):
        ledger.release("Toy")
    with pytest.raises(UnknownIdError, match=r"3 patches begin with Toy: \(Toy:000:000, Toy:000:001, Toy:000:002\)"):
        ledger.quarantine("Toy:", "it hums")
    with pytest.raises(UnknownIdError, match="no patch begins with toy:000"):
        ledger.quarantine("toy:000", "it hums")


def test_no_act_reads_all_stems_while_a_preset_is_held(ledger: Ledger, ledger_url: str) -> None:
    number, worker = rendering(ledger, 4, parts=10)
    ledger.quarantine(BAD, "it hums")
    chief = reconciler(ledger, attended=True)
    with overhear() as heard:
        leases = _lease(ledger, worker.slot, 10)
        ledger.may_run(worker.slot, {number})
        ledger.fail_stem(worker.slot, leases[0], FailureReason.NOISE, "hiss", infra=False)
        chief.tick()
        for look in (ledger.status, ledger.patches, ledger.stem_times, ledger.fail_held):
            look(number)
        ledger.ready_by_engine()
        ledger.gauges()
        ledger.holds()
    last = "SELECT max(attempt.id)"  # which an index answers at once
    heard = [one for one in heard if not one.statement.startswith(last)]
    for table in ("stem", "song", "attempt"):
        assert scans_of(ledger_url, heard, table, forbid=True) == []
