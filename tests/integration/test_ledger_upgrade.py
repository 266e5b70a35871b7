"""A ledger of the first release, with work under way, is upgraded and goes on, on both databases."""

from __future__ import annotations

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text

from farm.ledger import Ledger, open_ledger
from farm.ledger.database import Database, parse_url
from farm.ledger.models import AttemptRow, BacklogRow, BlockRow, LoadKeyRow, PatchRow, StemRow
from farm.ledger.opening import HEAD, MIGRATIONS, alembic_config, version
from schemas.patch import Patch
from schemas.states import SubmissionState, TaskKind
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    change,
    commit_of,
    engine_facts,
    reconciler,
    rows,
    run_to_end,
)
from tests.support.releases import make_first_release

DONE, FAILED, ACTIVE, SCANNING, SUBMITTING = 1, 2, 3, 4, 5


def _states(ledger: Ledger) -> dict[int, str]:
    return {submission.id: submission.state.value for submission in ledger.submissions()}


def test_an_upgraded_ledger_tells_what_the_first_release_told(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    assert _states(ledger) == {
        DONE: "done", FAILED: "failed", ACTIVE: "active", SCANNING: "scanning", SUBMITTING: "submitting"
    }  # fmt: skip
    assert_counters_are_true(ledger)
    status = ledger.status(ACTIVE)
    assert (status.stems, status.priority) == ({"done": 2, "dropped": 1, "leased": 2, "ready": 10}, 0)
    assert {report.host: report.slots for report in ledger.hosts()} == {"elsewhere": 1, "here": 1}
    assert {report.label for report in ledger.patches()} == {"Toy"}
    groups = ledger.failure_groups(FAILED)
    assert [(group.reason, group.count, group.hosts) for group in groups] == [("all_zero", 2, ("here",))]
    tries = rows(ledger, AttemptRow.load_key, AttemptRow.host, outcome="done")
    assert {row.host for row in tries} == {"here"}
    stems = {row.load_key for row in rows(ledger, StemRow.load_key)}
    assert {row.load_key for row in tries if row.load_key is not None} == stems
    ledger.close()


def test_an_upgraded_ledger_is_worked_to_its_end(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    # What was on its way when the farm was stopped for the upgrade is free again, and the commits of then are refused.
    ledger.expire_slots(0.0)
    chief, worker = reconciler(ledger), Worker(ledger, parts=3)
    ledger.seal(SUBMITTING)
    for number in (ACTIVE, SCANNING, SUBMITTING):
        run_to_end(ledger, worker, number, chief)
    assert _states(ledger) == dict.fromkeys((DONE, ACTIVE, SCANNING, SUBMITTING), "done") | {FAILED: "failed"}
    assert ledger.requeue(FAILED) == 1
    run_to_end(ledger, worker, FAILED, chief)
    assert ledger.submission(FAILED).state is SubmissionState.DONE
    assert_counters_are_true(ledger)
    ledger.close()


def test_patches_get_their_names_and_are_held_for_themselves(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    patches = rows(ledger, PatchRow.id, PatchRow.name, PatchRow.body, PatchRow.quarantined_at, PatchRow.forgiven)
    assert patches
    assert {row.name for row in patches} == {Patch.model_validate_json(row.body).name for row in patches}
    assert {(row.quarantined_at, row.forgiven) for row in patches} == {(None, 0)}
    played = {row.id: row.patch_id for row in rows(ledger, StemRow.id, StemRow.patch_id)}
    tries = rows(ledger, AttemptRow.stem_id, AttemptRow.patch_id)
    assert {row.patch_id for row in tries if row.stem_id is None} <= {None}
    assert [row.patch_id for row in tries if row.stem_id] == [played[row.stem_id] for row in tries if row.stem_id]
    waits = rows(ledger, StemRow.patch_id, submission_id=ACTIVE, state="ready")[0].patch_id
    (patch,) = [Patch.model_validate_json(row.body) for row in patches if row.id == waits]
    held = ledger.quarantine(f"{patch.load_key}:{patch.bank:03d}:{patch.program:03d}", "it hums")
    assert held.patch == patch.name
    assert held.ready == ledger.status(ACTIVE).stems_held > 0
    ledger.close()


def test_hosts_are_kept_through_the_upgrade_from_what_they_failed_on(empty_url: str) -> None:
    make_first_release(empty_url)
    database = Database(parse_url(empty_url))
    block = "INSERT INTO block (host, load_key, until, detail) VALUES ('here', 'k', 1e12, 'it hums')"
    with database.migrating() as conn:
        command.upgrade(alembic_config(conn), "0002")
        conn.execute(text(block))
    ledger = open_ledger(empty_url)
    query = select(BlockRow.host, BlockRow.load_key, BlockRow.patch, BlockRow.until, BlockRow.detail)
    before = [("here", "k", "", 1e12, "it hums")]
    assert [tuple(row) for row in ledger._db.read(lambda c: c.execute(query).all())] == before  # noqa: SLF001
    change(ledger, insert(BlockRow).values(host="here", load_key="k", patch="Toy:000:001", until=1e12, detail=""))
    ledger.close()
    with database.migrating() as conn:
        command.downgrade(alembic_config(conn), "0002")
        kept = conn.execute(text("SELECT host, load_key, until, detail FROM block")).all()
        assert [tuple(row) for row in kept] == [("here", "k", 1e12, "it hums")]
    database.close()


def test_slots_of_the_first_release_keep_what_they_hold_through_the_upgrade(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    worker = Worker(ledger)
    (old,) = {row.slot_id for row in rows(ledger, StemRow.slot_id, state="leased")}
    assert old != worker.slot.id
    held = [slot.holding for slot in ledger.workers() if slot.slot_id == old]
    assert held == [2]
    ledger.close()


def test_the_counters_of_load_keys_are_made_from_the_stems(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    query = select(BacklogRow.submission_id, BacklogRow.ready, BacklogRow.leased, BacklogRow.done, BacklogRow.failed)
    found = ledger._db.read(lambda conn: conn.execute(query.order_by(BacklogRow.submission_id)).all())  # noqa: SLF001
    assert [tuple(row) for row in found] == [(DONE, 0, 0, 6, 0), (FAILED, 0, 0, 3, 1), (ACTIVE, 10, 2, 2, 1)]
    ledger.close()


def test_the_upgrade_can_be_taken_back_and_made_again(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    ledger.pause(SCANNING)
    ledger.cancel(ACTIVE)
    ledger.close()
    database = Database(parse_url(empty_url))
    with database.migrating() as conn:
        command.downgrade(alembic_config(conn), "0001")
    assert database.read(version) == "0001"
    database.close()
    ledger = open_ledger(empty_url)
    assert _states(ledger)[SCANNING] == "scanning"
    assert _states(ledger)[ACTIVE] == "failed"
    assert_counters_are_true(ledger)
    labels = ledger._db.read(lambda conn: conn.execute(select(LoadKeyRow.label)).scalars().all())  # noqa: SLF001
    assert set(labels) == {"Toy"}
    ledger.close()


def test_head_is_the_newest_migration_of_the_upgrade(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    assert ledger._db.read(version) == HEAD == ScriptDirectory(str(MIGRATIONS)).get_current_head()  # noqa: SLF001
    ledger.close()


def test_work_that_was_leased_before_the_upgrade_can_be_committed_after_it(empty_url: str) -> None:
    make_first_release(empty_url)
    ledger = open_ledger(empty_url)
    worker = Worker(ledger)
    worker.work(TaskKind.PROBE)
    assert ledger.submission(SCANNING).engine_facts is None, "its probe is held by a slot of the first release"
    lease = worker.lease(limit=1, submission_id=ACTIVE)[0]
    assert ledger.commit_stems(worker.slot, [commit_of(lease)]) == [True]
    assert lease.job.patch.asset == engine_facts().soundfont
    assert_counters_are_true(ledger)
    ledger.close()
