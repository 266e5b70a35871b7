"""What upkeep asks of the ledger, on both databases: stems rendered anew, counters audited, submissions forgotten."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from farm.ledger import Ledger
from farm.ledger.models import Row, SongRow, StemRow, TallyRow
from farm.ledger.retry import MAX_LOSSES
from schemas.compose import COMPOSED, path_of
from schemas.errors import StateError, UnknownIdError
from schemas.states import EventKind, SongState, StemState, SubmissionState, TaskKind
from tests.support.composing import plan as composing
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    change,
    commit_of,
    reconciler,
    rendering,
    rows,
    run_to_end,
    submit,
    track_record,
)


def states(ledger: Ledger, number: int) -> list[StemState]:
    return [stem.state for stem in ledger.stem_files(number)]


def test_a_stem_of_a_song_that_waits_for_its_mix_is_rendered_anew_and_the_mix_waits(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=3)
    worker.render()
    task = worker.claim(TaskKind.MIX)
    assert task is not None
    stem, *_ = ledger.stem_files(number)
    assert (stem.song_state, stem.data_hash is not None) == (SongState.MIXING, True)
    assert ledger.render_anew(stem.song_id, [stem.stem_id], "its file is damaged") == 1
    assert not worker.do(task), "the mix that ran is refused: a stem is missing"
    assert states(ledger, number).count(StemState.READY) == 1
    assert_counters_are_true(ledger)
    assert ledger.audit() == []
    (event,) = ledger.events(number, kind=EventKind.MENDED)
    assert "its file is damaged" in event.detail
    run_to_end(ledger, worker, number)
    assert sorted(ledger.commits(number).values()) == [1, 1, 2]


def test_a_stem_of_a_song_that_is_half_rendered_is_one_more_to_wait_for(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=3)
    leases = worker.lease()
    assert 0 < len(leases) < 3
    ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases])
    assert ledger.render_anew(leases[0].song_id, [leases[0].stem_id], "lost") == 1
    assert [row.stems_left for row in rows(ledger, SongRow.stems_left)] == [3 - len(leases) + 1]
    assert ledger.audit() == []
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.DONE


def test_a_published_song_and_a_stem_that_is_not_rendered_are_left_alone(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2)
    stem = next(iter(ledger.stem_files(number)))
    assert ledger.render_anew(stem.song_id, [stem.stem_id], "x") == 0
    run_to_end(ledger, worker, number)
    assert ledger.render_anew(stem.song_id, [stem.stem_id], "x") == 0
    assert ledger.audit() == []
    with pytest.raises(UnknownIdError):
        ledger.render_anew(999, [1], "x")


def test_a_store_that_keeps_nothing_is_not_filled_for_ever(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=1)
    stem = next(iter(ledger.stem_files(number)))
    for _ in range(MAX_LOSSES):
        worker.render()
        assert ledger.render_anew(stem.song_id, [stem.stem_id], "x") == 1
    worker.render()
    assert ledger.render_anew(stem.song_id, [stem.stem_id], "x") == 0


def test_a_song_that_is_found_published_is_done_without_a_stem(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "b.mid"])
    worker, chief = Worker(ledger, parts=2), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    task = worker.claim(TaskKind.SPLIT)
    assert task is not None
    song = ledger.song_for(task).song
    assert ledger.recognise(task, track_record(song.name, song.source, song.song_hash, 2))
    assert ledger.recognise(task, track_record(song.name, song.source, song.song_hash, 2)), "said twice, done once"
    run_to_end(ledger, worker, number, chief)
    assert [(row.state, row.stems_total) for row in ledger.songs(number) if row.name == song.name] == [
        (SongState.DONE, 0)
    ]
    assert len(ledger.finished_tracks(number)) == 2
    status = ledger.status(number)
    assert status.work_done == status.work_total
    assert len(ledger.events(number, kind=EventKind.RECOGNISED)) == 1
    assert ledger.audit() == []


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        (TallyRow, {"amount": TallyRow.amount + 1}, "counter"),
        (SongRow, {"stems_left": 9}, "9 stems left, rows 0"),
        (StemRow, {"state": StemState.READY}, "stem ready: counter 0"),
    ],
)
def test_an_audit_finds_a_counter_that_lies(
    ledger: Ledger, table: type[Row], values: dict[str, object], words: str
) -> None:
    number, worker = rendering(ledger, parts=2)
    run_to_end(ledger, worker, number)
    assert ledger.audit() == []
    change(ledger, update(table).values(**values))
    assert any(words in line for line in ledger.audit())


def test_only_what_has_ended_is_forgotten_and_then_wholly(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2, parts=2)
    with pytest.raises(StateError, match="is active"):
        ledger.forget(number)
    run_to_end(ledger, worker, number)
    other = submit(ledger, ["z.mid"], out_dir="other")
    ended = ledger.ended_submissions()
    assert [(found.submission_id, found.state, found.keeps_store) for found in ended] == [
        (number, SubmissionState.DONE, False)
    ]
    assert ledger.ended_submissions(3600.0) == []
    ledger.forget(number)
    assert [found.id for found in ledger.submissions()] == [other]
    assert {row.submission_id for row in rows(ledger, StemRow.submission_id)} <= {other}
    with pytest.raises(UnknownIdError):
        ledger.forget(number)
    run_to_end(ledger, worker, other)
    assert ledger.audit() == []


def test_a_composed_song_comes_with_the_plan_that_composes_it(ledger: Ledger) -> None:
    asked = composing(length_s=8)
    number = ledger.create_submission(asked, source_root=COMPOSED, out_dir="out", store_root="store")
    ledger.add_files(number, [path_of(0)])
    ledger.seal(number)
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    (song,) = ledger.all_song_files(number)
    assert (song.plan, song.source) == (asked, f"{COMPOSED}/{path_of(0)}")
    found, _ = rendering(ledger, out_dir="found")
    assert [one.plan for one in ledger.all_song_files(found)] == [None]


def test_the_same_song_under_way_elsewhere_keeps_its_midi(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2)
    song = next(iter(ledger.all_song_files(number)))
    assert (len(song.midi), song.source, song.store_root) == (3, "midi/000.mid", "store")
    assert ledger.midi_in_use(song.song_id) == set()
    other = submit(ledger, ["000.mid"], out_dir="other", seed=3)
    worker.work(TaskKind.PROBE)
    worker.work(TaskKind.SCAN)
    chief = reconciler(ledger)
    for _ in range(2):
        chief.tick(other)
    assert ledger.midi_in_use(song.song_id) == set(song.midi), "it is being split"
    worker.work(TaskKind.SPLIT)
    chief.tick(other)
    assert ledger.midi_in_use(song.song_id) == set(song.midi)
    assert ledger.store_rivals(number) == [other]
    assert ledger.folder_successor(number) is None
    run_to_end(ledger, worker, other)
    assert ledger.midi_in_use(song.song_id) == set()
    assert ledger.song_files(next(iter(ledger.all_song_files(other))).song_id) is None
