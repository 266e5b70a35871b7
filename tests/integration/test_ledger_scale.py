"""What the ledger asks its database does not grow with the work in it, and reads no table from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from benchmarks.ledger_fill import PARTS, fill
from benchmarks.ledger_plans import Overheard, overhear, scans_of
from benchmarks.ledger_slot import work
from farm.ledger import Ledger, open_ledger
from farm.ledger.bulk import insert_rows, update_rows
from farm.ledger.models import FileRow, SongRow, StemRow, TallyRow
from schemas.states import FileState, SubmissionState
from tests.support.databases import new_ledger_url
from tests.support.ledgers import (
    ENGINE,
    Worker,
    assert_counters_are_true,
    change,
    commit_of,
    new_slot,
    plan,
    reconciler,
    rendering,
    rows,
    submit,
)

pytestmark = pytest.mark.services


def _at_work(ledger: Ledger, number: int, limit: int) -> dict[str, list[Overheard]]:
    """Do what a farm does again and again, and overhear it."""
    slot, chief, heard = new_slot(ledger, 7), reconciler(ledger), {}
    chief.tick()
    with overhear() as heard["lease"]:
        leases = ledger.lease_stems(slot, engine=ENGINE, warm_key=None, limit=limit)
    assert len(leases) == limit
    with overhear() as heard["beat"]:
        ledger.heartbeat(slot, None)
    with overhear() as heard["commit"]:
        assert all(ledger.commit_stems(slot, [commit_of(lease) for lease in leases]))
    with overhear() as heard["tick"]:
        chief.tick()
        ledger.expire_leases(3600.0)
    with overhear() as heard["look"]:
        for look in (ledger.status, ledger.patches, ledger.stem_times):
            look(number)
        ledger.ready_by_engine()
        ledger.gauges()
    with overhear() as heard["draw"]:
        ledger.undrawn_songs(number, limit)
    return heard


def test_no_act_takes_more_statements_with_more_stems(ledger: Ledger, database_kind: str, tmp_path: Any) -> None:
    (tmp_path / "more").mkdir()
    more = open_ledger(new_ledger_url(database_kind, tmp_path / "more"))
    counts = []
    for each, songs, limit in ((ledger, 4, 16), (more, 16, 48)):  # whole songs are committed in both
        number, _ = rendering(each, songs, parts=16)
        counts.append({act: len(heard) for act, heard in _at_work(each, number, limit).items()})
    more.close()
    assert counts[0] == counts[1]


def test_drawing_and_planning_take_as_many_statements_for_many_songs_as_for_few(ledger: Ledger) -> None:
    counts = []
    for name, songs in (("few", 3), ("many", 30)):
        number = submit(ledger, [f"{name}{index}.mid" for index in range(songs)], out_dir=name)
        worker, chief = Worker(ledger), reconciler(ledger)
        worker.work()
        with overhear() as planning:
            chief.tick()
        chief.tick()
        worker.work()
        with overhear() as drawing:
            assert chief.tick().drawn == songs
        counts.append((len(planning), len(drawing)))
        ledger.cancel(number)
    (few_planning, few_drawing), (many_planning, many_drawing) = counts
    assert few_planning == many_planning
    assert many_drawing < few_drawing  # the patches are known by then


def test_no_act_reads_all_stems_or_songs(ledger: Ledger, ledger_url: str) -> None:
    number, _ = rendering(ledger, 4, parts=10)
    heard = [one for some in _at_work(ledger, number, 10).values() for one in some]
    for table in ("stem", "song", "task", "source_file"):
        assert scans_of(ledger_url, heard, table, forbid=True) == []


@pytest.mark.parametrize("indexes", [("ix_stem_ready", "ix_stem_patch"), ("ix_stem_leased",)])
def test_a_missing_index_is_noticed(ledger: Ledger, ledger_url: str, indexes: tuple[str, ...]) -> None:
    number, _ = rendering(ledger, 4, parts=10)
    for index in indexes:
        change(ledger, text(f"DROP INDEX {index}"))
    heard = [one for some in _at_work(ledger, number, 10).values() for one in some]
    assert scans_of(ledger_url, heard, "stem", forbid=True) != []


def test_a_filled_ledger_is_one_that_a_farm_could_have_written(ledger: Ledger, ledger_url: str) -> None:
    filled = fill(ledger, ledger_url, stems=100 * PARTS, load_keys=7)
    assert_counters_are_true(ledger)
    status = ledger.status(filled.submission_id)
    assert (status.stems, status.songs) == ({"ready": 1000}, {"rendering": 100})
    assert len(ledger.patches(filled.submission_id)) == 7
    assert sum(filled.written.rows) == 900  # the reconciler drew the rest
    assert sum(work(ledger, 3).stems) == ledger.status(filled.submission_id).stems_done
    assert_counters_are_true(ledger)


def _let_a_look_do_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.scheduling.reconciler._PIECES_S", -1.0)
    monkeypatch.setattr("farm.scheduling.reconciler._PIECES_AT_LEAST", 1)


def test_a_long_plan_is_made_in_several_looks(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    _let_a_look_do_one_piece(monkeypatch)
    monkeypatch.setattr("farm.scheduling.reconciler._FILES_AT_ONCE", 2)
    number = submit(ledger, [f"{index}.mid" for index in range(5)], limit=3)
    Worker(ledger).work()
    chief, looks = reconciler(ledger), 1
    while not chief.tick().planned:
        assert ledger.submission(number).state is SubmissionState.SCANNING
        looks += 1
    assert looks > 3
    assert ledger.submission(number).state is SubmissionState.ACTIVE
    assert len(ledger.songs(number)) == 3
    assert_counters_are_true(ledger)


def test_a_plan_that_another_leader_took_over_is_begun_anew(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    number = submit(ledger, [f"{index}.mid" for index in range(5)])
    Worker(ledger).work()
    chief = reconciler(ledger)
    with monkeypatch.context() as patched:
        _let_a_look_do_one_piece(patched)
        assert chief.tick().planned == []
        with ledger.leading() as held:
            assert held
            assert not chief.tick().leader
    assert reconciler(ledger).tick().planned == [number]
    assert chief.tick().planned == []
    assert len(ledger.songs(number)) == 5


def test_a_look_opens_no_more_songs_than_it_has_time_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.scheduling.reconciler._ADMITTED_AT_ONCE", 2)
    submit(ledger, [f"{index}.mid" for index in range(5)])
    Worker(ledger).work()
    chief = reconciler(ledger)
    chief.tick()
    assert [chief.tick().admitted for _ in range(4)] == [2, 2, 1, 0]


def _write(ledger: Ledger, change: Callable[..., Any]) -> Any:
    return ledger._db.write(lambda tx: change(tx.conn))  # noqa: SLF001


HARD = ['say "no"', "back\\slash", "{brace,comma}", "NULL", "", " blank ", "Grüße ♯", "it's", "100 %s", "line\nbreak"]


def test_rows_written_in_bulk_are_read_as_they_were_given(ledger: Ledger) -> None:
    number = ledger.create_submission(plan(), source_root="midi", out_dir="out", store_root="store")
    given = [{"submission_id": number, "path": path, "state": "pending", "facts": None} for path in HARD]
    written = _write(ledger, lambda conn: insert_rows(conn, FileRow, given))
    assert written == len(HARD)
    found = rows(ledger, FileRow.id, FileRow.path, FileRow.facts, FileRow.detail, FileRow.state)
    assert [(row.path, row.facts, row.detail, row.state) for row in found] == [
        (path, None, "", FileState.PENDING) for path in HARD
    ]
    changed = [{"id": row.id, "detail": row.path, "reason": None if row.id % 2 else "odd"} for row in found]
    _write(ledger, lambda conn: update_rows(conn, FileRow, changed, {"state": "rejected"}))
    assert [
        (row.detail, row.reason, row.state) for row in rows(ledger, FileRow.detail, FileRow.reason, FileRow.state)
    ] == [(one["detail"], one["reason"], FileState.REJECTED) for one in changed]


def test_rows_that_are_there_already_are_left_or_added_to(ledger: Ledger) -> None:
    number = ledger.create_submission(plan(), source_root="midi", out_dir="out", store_root="store")
    assert ledger.add_files(number, ["a", "b", "b"]) == 2
    assert ledger.add_files(number, ["b", "c"]) == 1
    key = {"submission_id": number, "subject": "test", "name": "x"}
    names = ["submission_id", "subject", "name"]
    for amount in (1.5, -4.0):
        entry = {**key, "amount": amount}
        _write(ledger, lambda conn, entry=entry: insert_rows(conn, TallyRow, [entry], unless=names, added=["amount"]))
    assert _write(ledger, lambda conn: conn.execute(text("SELECT amount FROM tally WHERE name = 'x'")).scalar()) == -2.5


def test_songs_and_stems_have_the_time_of_their_last_change(ledger: Ledger) -> None:
    rendering(ledger, 1, parts=2)
    times = [row.updated_at for table in (SongRow, StemRow) for row in rows(ledger, table.updated_at)]
    assert min(times) > 1e9
