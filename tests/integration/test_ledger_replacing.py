"""Stems whose patch has failed get another, on both databases: when, which, how often, and what is counted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from farm.ledger import Ledger, Outcome, StemLease
from farm.ledger.models import PatchRow, SongRow, StemRow
from farm.ledger.retry import MAX_LOSSES
from farm.planning.draw import draw_stems
from farm.scheduling.reconciler import Reconciler
from schemas.states import EventKind, FailureReason, SubmissionState, TaskKind
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    commit_of,
    engine_facts,
    plan,
    reconciler,
    rendering,
    rows,
    run_to_end,
    split_result,
    submit,
)

#: Every part has a program of its own; the group plays them with three presets.
TRIO: dict[str, Any] = {
    "name": "trio",
    "groups": [
        {
            "name": "All",
            "programs": list(range(25)),
            "patches": [{"name": name, "program": number} for number, name in enumerate("ABC", start=40)],
        }
    ],
}


def start(ledger: Ledger, songs: int = 1, tries: int = 2, **values: Any) -> tuple[int, Worker]:
    wanted: dict[str, Any] = {
        "on_failed_stem": "other_patch",
        "instruments": {"map": TRIO, "tries": tries},
        **values,
    }
    return rendering(ledger, songs, **wanted)


def play(ledger: Ledger, worker: Worker, bad: Collection[str], stems: Collection[str] | None = None) -> list[Outcome]:
    """Render what is ready; stems (all, or those named) of the bad choices fail for good. Returns how they ended."""
    ended: list[Outcome] = []
    while leases := worker.lease():
        for lease in leases:
            fails = lease.job.patch.choice in bad and (stems is None or lease.stem_name in stems)
            if not fails:
                assert ledger.commit_stems(worker.slot, [commit_of(lease)]) == [True]
                continue
            outcome = ledger.fail_stem(worker.slot, lease, FailureReason.ALL_ZERO, "mute", infra=False).outcome
            if outcome is not Outcome.RETRY:
                ended.append(outcome)
    return ended


def choices(ledger: Ledger) -> dict[str, str]:
    bodies = {row.id: row.body for row in rows(ledger, PatchRow.id, PatchRow.body)}
    found = {row.name: bodies[row.patch_id] for row in rows(ledger, StemRow.name, StemRow.patch_id)}
    return {name: next(c for c in "ABC" if f'"choice":"{c}"' in body) for name, body in found.items()}


def unheld(ledger: Ledger) -> None:
    """Release what was quarantined on the way: these tests are not about that."""
    for hold in ledger.holds():
        ledger.release(hold.patch or hold.load_key)


def test_a_failed_stem_waits_for_the_others_and_then_gets_another_patch(ledger: Ledger) -> None:
    number, worker = start(ledger)
    before = choices(ledger)
    assert play(ledger, worker, [before["S02"]], ["S02"]) == [Outcome.REPLACED]
    assert ledger.status(number).songs == {"drawing": 1}
    assert ledger.status(number).stems == {"done": 4, "failed": 1}
    assert [(f.name, f.reason) for f in ledger.failures(number)] == [("Track00001/S02", "all_zero")]
    assert_counters_are_true(ledger)
    reconciler(ledger).tick()
    assert ledger.status(number).songs == {"rendering": 1}
    assert ledger.status(number).stems == {"done": 4, "ready": 1}
    after = choices(ledger)
    assert {name for name in after if after[name] != before[name]} == {"S02"}
    assert_counters_are_true(ledger)
    (event,) = ledger.events(number, kind=EventKind.REPLACED)
    assert event.detail == f"Track00001: S02: All: {after['S02']} in place of {before['S02']}: S02: all_zero"
    (lease,) = worker.lease()
    assert (lease.tries, lease.losses, lease.job.patch.choice) == (0, 0, after["S02"])
    assert ledger.commit_stems(worker.slot, [commit_of(lease)]) == [True]
    task = worker.claim(TaskKind.MIX)
    assert task is not None
    work = ledger.song_for(task)
    (spent,) = work.replaced["S02"]
    assert (spent.choice, spent.reason, spent.stem) == (before["S02"], FailureReason.ALL_ZERO, "S02")
    assert work.spent == set(), "it had rendered nothing"
    assert worker.do(task)
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.DONE
    status = ledger.status(number)
    assert (status.stem_failures, status.warnings) == ({}, {"other_patch": 1})
    assert ledger.failures(number) == []
    assert_counters_are_true(ledger)


def test_stems_of_one_program_change_together_and_what_was_rendered_is_known_to_be_spent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alike(name: object, **values: Any) -> Any:
        split = split_result(name, **values)
        return split.model_copy(update={"parts": [part.model_copy(update={"program": 7}) for part in split.parts]})

    monkeypatch.setattr("tests.support.ledgers.split_result", alike)
    number, worker = start(ledger, parts=3)
    (bad,) = set(choices(ledger).values())
    old = {row.name: row.spec_hash for row in rows(ledger, StemRow.name, StemRow.spec_hash)}
    play(ledger, worker, [bad], ["S01"])
    audio = ledger.status(number).stem_audio_s
    assert audio == 20.0
    reconciler(ledger).tick()
    assert len(set(choices(ledger).values())) == 1
    assert set(choices(ledger).values()) != {bad}
    assert ledger.status(number).stems == {"ready": 3}
    assert ledger.status(number).stem_audio_s == 0.0
    assert_counters_are_true(ledger)
    worker.render()
    task = worker.claim(TaskKind.MIX)
    assert task is not None
    work = ledger.song_for(task)
    assert work.spent == {old["S00"], old["S02"]}
    assert {spent.stem for history in work.replaced.values() for spent in history} == {"S01"}
    assert worker.do(task)
    run_to_end(ledger, worker, number)
    assert ledger.status(number).warnings == {"other_patch": 3}
    assert_counters_are_true(ledger)


def test_when_all_that_may_be_tried_has_failed_the_song_fails_as_before(ledger: Ledger) -> None:
    number, worker = start(ledger, songs=2)
    bad = ["Track00001"]
    chief = reconciler(ledger, attended=True)
    ended: list[Outcome] = []
    for _ in range(6):
        while leases := worker.lease(limit=1):
            ended += _end(ledger, worker, leases[0], bad)
            unheld(ledger)
        chief.tick()
    assert [outcome for outcome in ended if outcome is not Outcome.RETRY] == [
        Outcome.REPLACED,
        Outcome.REPLACED,
        Outcome.FAILED,
    ]
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 1, "failed": 1}
    (song,) = [song for song in ledger.songs(number) if song.state.value == "failed"]
    assert (song.reason, song.detail) == ("stem_failed", "S00: all_zero: mute")
    assert ledger.status(number).stem_failures == {"all_zero": 1}
    assert_counters_are_true(ledger)
    # Tried again, it begins with the patch that was drawn first, and its failures are forgotten.
    first = [row.replaced for row in rows(ledger, StemRow.replaced, state="failed")]
    assert first[0].count('"choice"') == 2
    assert ledger.requeue(number) == 1
    assert ledger.status(number).stem_failures == ledger.status(number).warnings == {}
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 2}
    assert ledger.status(number).warnings == {}
    assert_counters_are_true(ledger)


def _end(ledger: Ledger, worker: Worker, lease: StemLease, bad: Collection[str]) -> list[Outcome]:
    if lease.song_name in bad and lease.stem_name == "S00":
        return [ledger.fail_stem(worker.slot, lease, FailureReason.ALL_ZERO, "mute", infra=False).outcome]
    assert ledger.commit_stems(worker.slot, [commit_of(lease)]) == [True]
    return []


def test_a_group_without_another_patch_fails_its_song_at_the_draw(ledger: Ledger) -> None:
    alone = {"name": "m", "groups": [{"name": "All", "programs": list(range(25)), "patches": [{"name": "A"}]}]}
    number, worker = start(ledger, instruments={"map": alone})
    ended: list[Outcome] = []
    while leases := worker.lease(limit=1):
        ended += _end(ledger, worker, leases[0], ["Track00001"])
    assert ended == [Outcome.RETRY, Outcome.REPLACED]
    run_to_end(ledger, worker, number)
    (song,) = ledger.songs(number)
    assert song.detail == "S00: all_zero: mute; its group has no other patch that it can have"
    ledger.eat(number, "Track00001", "S00")
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 1}
    assert ledger.status(number).stem_failures == {"eaten": 1}
    assert_counters_are_true(ledger)


def test_a_person_may_accept_the_song_without_the_stem_that_waits(ledger: Ledger) -> None:
    number, worker = start(ledger)
    ended: list[tuple[str, Outcome]] = [("", Outcome.RETRY)]
    while ended[-1][1] is Outcome.RETRY:
        (lease,) = worker.lease(limit=1)  # the longest first, and again
        decision = ledger.fail_stem(worker.slot, lease, FailureReason.ALL_ZERO, "mute", infra=False)
        ended.append((lease.stem_name, decision.outcome))
    assert ended[-1] == ("S04", Outcome.REPLACED)
    assert ledger.status(number).songs == {"rendering": 1}
    ledger.eat(number, "Track00001", "S04")
    assert_counters_are_true(ledger)
    run_to_end(ledger, worker, number)
    assert ledger.events(number, kind=EventKind.REPLACED) == []
    assert ledger.status(number).songs == {"done": 1}
    assert ledger.status(number).stem_failures == {"eaten": 1}
    assert_counters_are_true(ledger)


def test_a_stem_that_was_lost_too_often_is_no_patchs_fault(ledger: Ledger) -> None:
    number, worker = start(ledger)
    outcome = Outcome.RETRY
    for _ in range(MAX_LOSSES + 1):
        lease = worker.lease(limit=1)[0]
        outcome = ledger.fail_stem(worker.slot, lease, FailureReason.SLOT_LOST, "power", infra=True).outcome
    assert outcome is Outcome.FAILED
    assert ledger.status(number).songs == {"failed": 1}
    assert ledger.status(number).stem_failures == {"lost_too_often": 1}


def test_a_quarantined_patch_waits_for_a_person_and_gives_way_where_nobody_is_there(ledger: Ledger) -> None:
    number, worker = start(ledger)
    bad = choices(ledger)["S00"]
    there = {name for name, choice in choices(ledger).items() if choice == bad}
    ledger.quarantine(f"Toy:000:{40 + 'ABC'.index(bad):03d}", "it hums")
    attended = reconciler(ledger, attended=True)
    for _ in range(5):
        worker.work()
        attended.tick()
    assert ledger.status(number).stems == {"done": 5 - len(there), "ready": len(there)}, "it waits"
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 1}
    assert bad not in choices(ledger).values()
    assert ledger.status(number).warnings == {"other_patch": len(there)}
    assert_counters_are_true(ledger)


def test_the_draw_can_be_repeated_and_is_the_same_after_a_crash(ledger: Ledger) -> None:
    number, worker = start(ledger)
    play(ledger, worker, [choices(ledger)["S00"]], ["S00"])
    (waiting,) = ledger.undrawn_songs(number, 10)
    assert [stem.name for stem in waiting.played] == ["S00", "S01", "S02", "S03", "S04"]
    assert ledger.undrawn_songs(number, 10) == [waiting], "a crash before the write leaves all as it is"
    reconciler(ledger).tick()
    found = choices(ledger)
    events = ledger.events(number, kind=EventKind.REPLACED)
    # What another process had drawn of the same song comes too late.
    assert ledger.draw_song(waiting.song_id, []) is False
    assert choices(ledger) == found
    assert ledger.events(number, kind=EventKind.REPLACED) == events
    assert_counters_are_true(ledger)


def test_what_was_drawn_for_a_fresh_song_changes_nothing_in_one_that_has_stems(ledger: Ledger) -> None:
    number, worker = start(ledger)
    play(ledger, worker, [choices(ledger)["S00"]], ["S00"])
    (waiting,) = ledger.undrawn_songs(number, 10)
    ledger.draw_song(waiting.song_id, draw_stems(plan(), engine_facts(), waiting.split))
    assert ledger.status(number).stems == {"done": 4, "failed": 1}
    assert ledger.status(number).songs == {"drawing": 1}, "the next look draws it as it should be"
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 1}


def test_a_song_that_waits_for_another_patch_can_be_cancelled_and_tried_again(ledger: Ledger) -> None:
    number, worker = start(ledger)
    play(ledger, worker, [choices(ledger)["S00"]], ["S00"])
    ledger.cancel(number)
    chief = reconciler(ledger)
    for _ in range(3):
        chief.tick()
    assert ledger.submission(number).state is SubmissionState.CANCELLED
    assert_counters_are_true(ledger)
    ledger.requeue(number)
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 1}
    assert ledger.status(number).stem_failures == {}
    assert_counters_are_true(ledger)


def _balanced(ledger: Ledger, looks: Reconciler) -> tuple[int, Worker]:
    wanted: dict[str, Any] = {"instruments": {"map": TRIO, "balance": True}}
    number, worker = submit(ledger, [f"{index:03d}.mid" for index in range(4)], **wanted), Worker(ledger)
    worker.work()
    for _ in range(2):
        looks.tick()
    return number, worker


def test_songs_keep_their_places_in_the_turns_of_balanced_patches(ledger: Ledger) -> None:
    chief = reconciler(ledger)
    number, worker = _balanced(ledger, chief)
    places = [row.places for row in rows(ledger, SongRow.places)]
    assert places == [f'{{"All":{turn}}}' for turn in range(4)], "songs of one program: one turn each"
    run_to_end(ledger, worker, number, chief)
    assert ledger.status(number).songs == {"done": 4}
