"""Stems are leased, committed, failed and dropped, on both databases."""

from __future__ import annotations

from collections import Counter

import pytest

from farm.ledger import DrawnStem, Ledger, Outcome, StemCommit, StemLease
from farm.ledger.models import AttemptRow, LoadKeyRow, PatchRow, StemRow
from farm.ledger.retry import MAX_LOSSES
from farm.planning.draw import draw_stems
from schemas.result import RenderCost
from schemas.states import FailureReason, SongState, StemState, TaskKind
from tests.support.ledgers import (
    ENGINE,
    Worker,
    assert_counters_are_true,
    commit_of,
    engine_facts,
    load_at_once,
    new_slot,
    plan,
    reconciler,
    rendering,
    rows,
    run_to_end,
    split_result,
    stem_result,
    submit,
)


def test_a_lease_carries_the_whole_job(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    lease = worker.lease(limit=1)[0]
    split = split_result(ledger.scanned_files(number)[0][2].song_hash)
    drawn = {stem.part.name: stem.job for stem in draw_stems(plan(), engine_facts(), split)}
    assert lease.job == drawn[lease.stem_name]
    assert (lease.song_name, lease.store_root, lease.submission_id) == ("Track00001", "store", number)
    assert (lease.tries, lease.losses, lease.other_hashes) == (0, 0, frozenset())


def test_songs_come_in_the_order_of_admission_and_within_them_the_longest_stem(ledger: Ledger) -> None:
    number = submit(ledger, ["short.mid", "long.mid", "middle.mid"])
    worker, chief = Worker(ledger, seconds={"short.mid": 10.0, "long.mid": 300.0}), reconciler(ledger)
    worker.work()
    chief.tick()
    chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    sources = {row.name: row.source for row in ledger.songs(number)}
    order: list[StemLease] = []
    while leases := worker.lease(limit=1, holding=[lease.stem_id for lease in order]):
        order += leases
    assert [sources[lease.song_name] for lease in order] == ["long.mid"] * 5 + ["middle.mid"] * 5 + ["short.mid"] * 5
    expected = {row.id: row.est_s for row in rows(ledger, StemRow.id, StemRow.est_s)}
    for song in range(3):
        estimates = [expected[lease.stem_id] for lease in order[5 * song : 5 * song + 5]]
        assert estimates == sorted(estimates, reverse=True)


def test_batches_are_half_of_a_fair_share(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=8)
    for pid in (2, 3):
        new_slot(ledger, pid)
    assert ledger.live_slots() == 3
    leases = worker.lease(limit=16)
    assert len(leases) == 40 // (2 * 3)
    assert len(worker.lease(limit=2, holding=[lease.stem_id for lease in leases])) == 2


def _two_fonts(ledger: Ledger, first: int, second: int) -> tuple[int, Worker, dict[str, str]]:
    """Make two submissions whose stems need different soundfonts; returns load keys by name."""
    worker, chief = Worker(ledger), reconciler(ledger)
    keys: dict[str, str] = {}
    number = 0
    for name, gain, songs in (("first", 0.5, first), ("second", 0.9, second)):
        wanted = {"engine": {"settings": {"gain": gain}}}
        number = submit(ledger, [f"{name}{index}.mid" for index in range(songs)], out_dir=name, **wanted)
        keys[name] = draw_stems(plan(**wanted), engine_facts(), split_result("x"))[0].job.patch.load_key
        while worker.step(TaskKind.PROBE) or worker.step(TaskKind.SCAN):
            pass
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    return number, worker, keys


def test_a_warm_slot_gets_what_it_has_loaded_and_a_cold_one_the_larger_backlog(ledger: Ledger) -> None:
    _, _, keys = _two_fonts(ledger, first=1, second=3)
    load_at_once(ledger)

    def key_of(leases: list[StemLease]) -> set[str]:
        return {lease.job.patch.load_key for lease in leases}

    assert ledger.ready_by_engine() == {ENGINE: 20}
    cold = new_slot(ledger, 2)
    assert key_of(ledger.lease_stems(cold, engine=ENGINE, warm_key=None, limit=4)) == {keys["second"]}
    warm = new_slot(ledger, 3)
    held: list[int] = []
    while key_of(leases := ledger.lease_stems(warm, engine=ENGINE, warm_key=keys["first"], limit=4, holding=held)) == {
        keys["first"]
    }:
        held += [lease.stem_id for lease in leases]
    assert len(held) == 5, "all of the warm key's work goes to the warm slot"
    assert key_of(leases) == {keys["second"]}, "then the slot changes"
    assert_counters_are_true(ledger)


def test_a_lease_can_be_held_to_one_submission_and_one_engine(ledger: Ledger) -> None:
    number, worker, keys = _two_fonts(ledger, first=3, second=1)
    leases = worker.lease(limit=4, submission_id=number)
    assert {lease.submission_id for lease in leases} == {number}
    assert {lease.job.patch.load_key for lease in leases} == {keys["second"]}
    assert ledger.lease_stems(new_slot(ledger, 2), engine="dawdreamer", warm_key=None, limit=4) == []


def test_a_commit_is_recorded_once_however_often_it_is_sent(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    commits = [commit_of(lease, findings=[FailureReason.CLIPPED]) for lease in worker.lease(limit=2)]
    for _ in range(3):
        assert ledger.commit_stems(worker.slot, commits) == [True, True]
    status = ledger.status(number)
    assert (status.stems, status.stem_audio_s, status.warnings) == ({"done": 2, "ready": 3}, 20.0, {"clipped": 2})
    assert len(rows(ledger, AttemptRow.id, outcome="done", task_id=None)) == 2
    assert ledger.songs(number)[0].stems_done == 2
    assert_counters_are_true(ledger)


def test_a_stale_epoch_changes_nothing(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    old = worker.lease(limit=1)[0]
    ledger.expire_host_slots("here", live_pids=[])
    other = Worker(ledger, pid=2)
    new = other.lease(limit=1)[0]
    assert (new.stem_id, new.epoch) == (old.stem_id, old.epoch + 1)
    before = (
        ledger.status(number).stems,
        rows(ledger, StemRow.id, StemRow.state, StemRow.epoch, StemRow.slot_id, StemRow.result),
    )
    assert ledger.commit_stems(worker.slot, [commit_of(old)]) == [False]
    assert ledger.commit_stems(other.slot, [commit_of(old)]) == [False]
    assert ledger.commit_stems(worker.slot, [commit_of(new)]) == [False], "another slot's lease"
    assert ledger.fail_stem(worker.slot, old, FailureReason.ALL_ZERO, "late", infra=False).outcome is Outcome.FENCED
    after = (
        ledger.status(number).stems,
        rows(ledger, StemRow.id, StemRow.state, StemRow.epoch, StemRow.slot_id, StemRow.result),
    )
    assert after == before
    assert ledger.commit_stems(other.slot, [commit_of(new)]) == [True]
    assert ledger.commit_stems(worker.slot, [commit_of(old)]) == [False], "not even when the stem is done"
    assert worker.lease() == [], "a slot that was given up gets nothing"
    assert_counters_are_true(ledger)


def test_some_of_a_group_may_be_fenced_and_the_rest_is_recorded(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    leases = worker.lease(limit=4)
    ledger.fail_stem(worker.slot, leases[1], FailureReason.DISK_FULL, "no room", infra=True)
    unknown = StemCommit(99999, 1, stem_result(leases[0].job), RenderCost(render_s=0.0))
    commits = [commit_of(leases[0]), commit_of(leases[1]), unknown, commit_of(leases[2])]
    assert ledger.commit_stems(worker.slot, commits) == [True, False, False, True]
    assert ledger.commit_stems(worker.slot, []) == []
    assert ledger.status(number).stems_done == 2
    assert_counters_are_true(ledger)


def test_the_last_stem_of_a_song_puts_its_mix_and_only_the_last(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    leases: list[StemLease] = []
    while more := worker.lease(limit=1, holding=[lease.stem_id for lease in leases]):
        leases += more
    for lease in leases:
        assert worker.claim(TaskKind.MIX) is None
        assert ledger.songs(number)[0].state is SongState.RENDERING
        ledger.commit_stems(worker.slot, [commit_of(lease)])
    assert ledger.songs(number)[0].state is SongState.MIXING
    assert worker.claim(TaskKind.MIX) is not None


def test_a_song_is_drawn_once(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    song = ledger.undrawn_songs(number, 10)[0]
    drawn = draw_stems(plan(), engine_facts(), song.split)
    assert ledger.draw_song(song.song_id, drawn)
    assert not ledger.draw_song(song.song_id, drawn)
    assert ledger.undrawn_songs(number, 10) == []
    assert ledger.status(number).stems == {"ready": 5}
    assert_counters_are_true(ledger)


def test_a_song_without_a_stem_fails_by_name(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    assert ledger.draw_song(ledger.undrawn_songs(number, 10)[0].song_id, [])
    assert (ledger.songs(number)[0].state, ledger.songs(number)[0].reason) == (SongState.FAILED, "no_patch")


def test_songs_that_use_the_same_patches_share_their_rows(ledger: Ledger) -> None:
    rendering(ledger, songs=3)
    assert len(rows(ledger, PatchRow.id)) == 5
    assert Counter(row.patch_id for row in rows(ledger, StemRow.patch_id)) == dict.fromkeys(range(1, 6), 3)


def test_equal_stems_of_two_songs_are_two_stems(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "b.mid"])
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    while (task := worker.claim(TaskKind.SPLIT)) is not None:
        ledger.complete_split(task, split_result("the same"))
    chief.tick()
    assert len({row.spec_hash for row in rows(ledger, StemRow.spec_hash)}) == 5
    run_to_end(ledger, worker, number)
    assert ledger.status(number).stems_done == 10


@pytest.mark.parametrize("reason", [FailureReason.ALL_ZERO, FailureReason.ENGINE_CRASH])
def test_a_stem_that_fails_twice_fails_its_song(ledger: Ledger, reason: FailureReason) -> None:
    number, worker = rendering(ledger)
    lease = worker.lease(limit=1)[0]
    decision = ledger.fail_stem(worker.slot, lease, reason, "first", infra=False)
    assert (decision.outcome, decision.tries, decision.losses) == (Outcome.RETRY, 1, 0)
    again = worker.lease(limit=1)[0]
    assert (again.stem_id, again.tries, again.epoch) == (lease.stem_id, 1, lease.epoch + 1)
    decision = ledger.fail_stem(worker.slot, again, reason, "second", infra=False)
    assert (decision.outcome, decision.reason, decision.tries) == (Outcome.FAILED, reason, 2)
    song = ledger.songs(number)[0]
    detail = f"{lease.stem_name}: {reason.value}: second"
    assert (song.state, song.reason, song.detail) == (SongState.FAILED, "stem_failed", detail)
    assert [(f.kind, f.name, f.reason, f.detail) for f in ledger.failures(number)] == [
        ("song", "Track00001", "stem_failed", detail),
        ("stem", f"Track00001/{lease.stem_name}", reason.value, "second"),
    ]
    assert ledger.status(number).stem_failures == {reason.value: 1}
    assert worker.lease() == [], "the other stems are not rendered in vain"
    assert ledger.ready_by_engine() == {}
    assert_counters_are_true(ledger)


def test_a_dropped_stem_lets_its_song_go_on(ledger: Ledger) -> None:
    number, worker = rendering(ledger, on_failed_stem="drop_stem")
    name = ""
    for outcome in (Outcome.RETRY, Outcome.DROPPED):
        lease = worker.lease(limit=1)[0]
        name = lease.stem_name
        assert ledger.fail_stem(worker.slot, lease, FailureReason.NOISE, "hiss", infra=False).outcome is outcome
    worker.render()
    task = worker.claim(TaskKind.MIX)
    assert task is not None
    work = ledger.song_for(task)
    assert (len(work.stems), work.dropped) == (4, [name])
    assert name not in [stem.part.name for stem in work.stems]
    worker.do(task)
    run_to_end(ledger, worker, number)
    assert ledger.songs(number)[0].state is SongState.DONE
    assert [(f.kind, f.reason) for f in ledger.failures(number)] == [("stem", "noise")]
    assert_counters_are_true(ledger)


def test_the_last_stem_may_be_a_dropped_one(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2, on_failed_stem="drop_stem")
    bad = worker.lease(limit=1)[0]
    good = worker.lease(limit=1, holding=[bad.stem_id])[0]
    ledger.commit_stems(worker.slot, [commit_of(good)])
    ledger.fail_stem(worker.slot, bad, FailureReason.NOISE, "hiss", infra=False)
    bad = worker.lease(limit=1)[0]
    ledger.fail_stem(worker.slot, bad, FailureReason.NOISE, "hiss", infra=False)
    assert ledger.songs(number)[0].state is SongState.MIXING
    assert worker.claim(TaskKind.MIX) is not None


def test_a_song_of_which_every_stem_was_dropped_fails(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2, on_failed_stem="drop_stem")
    while leases := worker.lease(limit=1):
        ledger.fail_stem(worker.slot, leases[0], FailureReason.NOISE, "hiss", infra=False)
    song = ledger.songs(number)[0]
    assert (song.state, song.reason, song.detail) == (SongState.FAILED, "stem_failed", "every stem was dropped")
    assert_counters_are_true(ledger)


def test_a_stem_that_takes_its_slots_down_is_given_up_and_then_alone(ledger: Ledger) -> None:
    number, _ = rendering(ledger, songs=4)
    poison = rows(ledger, StemRow.id)[0].id
    batches = []
    for round_ in range(200):
        worker = Worker(ledger, pid=100 + round_)
        leases = worker.lease()
        if not leases:
            break
        if poison in [lease.stem_id for lease in leases]:
            batches.append(len(leases))
            # The slot dies at once, and with it everything of its batch that was not committed.
            assert ledger.expire_host_slots("here", live_pids=[1]).stems == len(leases)
        else:
            ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases])
            ledger.retire_slot(worker.slot)
    assert len(batches) == MAX_LOSSES + 1
    assert batches[2:] == [1] * (len(batches) - 2)
    found = {row.id: (row.state, row.reason) for row in rows(ledger, StemRow.id, StemRow.state, StemRow.reason)}
    assert found.pop(poison) == (StemState.FAILED, "lost_too_often")
    assert Counter(state for state, _ in found.values())[StemState.FAILED] == 0
    run_to_end(ledger, Worker(ledger, pid=1), number)
    assert ledger.status(number).songs == {"done": 3, "failed": 1}
    assert_counters_are_true(ledger)


def test_a_slot_learns_what_the_other_stems_of_the_song_sound_like(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    first = worker.lease(limit=1)[0]
    ledger.commit_stems(worker.slot, [commit_of(first)])
    second = worker.lease(limit=1)[0]
    assert second.other_hashes == {stem_result(first.job).data_hash}


def test_load_times_and_paces_are_learnt_from_renders_that_really_took_place(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    leases = worker.lease(limit=2)
    cold = RenderCost(render_s=1.0, load_s=6.0, cold=True)
    cached = RenderCost(render_s=0.0, cached=True)
    before = rows_of_load_keys(ledger)
    ledger.commit_stems(
        worker.slot, [StemCommit(leases[1].stem_id, leases[1].epoch, stem_result(leases[1].job), cached)]
    )
    assert rows_of_load_keys(ledger) == before
    ledger.commit_stems(worker.slot, [StemCommit(leases[0].stem_id, leases[0].epoch, stem_result(leases[0].job), cold)])
    (load_s, pace), (load_s_before, pace_before) = rows_of_load_keys(ledger)[0], before[0]
    assert load_s_before < load_s < 6.0
    assert pace > pace_before


def rows_of_load_keys(ledger: Ledger) -> list[tuple[float, float]]:
    from sqlalchemy import select

    query = select(LoadKeyRow.load_s, LoadKeyRow.pace)
    return [(row.load_s, row.pace) for row in ledger._db.read(lambda conn: conn.execute(query).all())]  # noqa: SLF001


def test_the_record_of_tries_tells_what_each_cost(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    lease = worker.lease(limit=1)[0]
    ledger.fail_stem(worker.slot, lease, FailureReason.TOO_FAST, "0.1 ms", infra=False)
    again = worker.lease(limit=1)[0]
    ledger.commit_stems(worker.slot, [commit_of(again)])
    columns = (AttemptRow.epoch, AttemptRow.outcome, AttemptRow.reason, AttemptRow.render_s, AttemptRow.slot_id)
    assert [tuple(row) for row in rows(ledger, *columns, stem_id=lease.stem_id)] == [
        (1, "failed", "too_fast", None, worker.slot.id),
        (2, "done", None, 0.01, worker.slot.id),
    ]


def test_a_drawn_stem_keeps_its_estimate(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    song = ledger.undrawn_songs(number, 1)[0]
    drawn = draw_stems(plan(), engine_facts(), song.split)
    ledger.draw_song(song.song_id, [DrawnStem(stem.part, stem.job, est_s=2.5) for stem in drawn])
    assert {row.est_s for row in rows(ledger, StemRow.est_s)} == {2.5}
