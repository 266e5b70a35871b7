"""A slot: one place on a host that leases stems, drives one engine process and runs song tasks, one thing at a time."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from farm.ledger import Ledger, SlotRef, StemCommit, StemLease
from schemas.errors import DiskFullError, EngineError, FarmError, LedgerError
from schemas.result import RenderCost, StemResult
from schemas.states import FailureReason, VerdictStatus
from workers.config import WorkerSettings
from workers.engines.client import EngineProcess
from workers.store import Store
from workers.tasks import reason_of, run_task
from workers.verdict import judge

_log = logging.getLogger(__name__)

#: Stems are committed in groups of this size or after this time, whichever comes first: few writes, little lost.
COMMIT_STEMS = 16
COMMIT_S = 2.0

#: Engine causes that say nothing about the stem: the try is free.
_INFRASTRUCTURE = frozenset({FailureReason.DISK_FULL, FailureReason.STORE_DAMAGED, FailureReason.SLOT_LOST})


class Slot:
    """One slot, registered in the ledger as long as its heartbeat goes on.

    Args:
        ledger: the open ledger.
        settings: of the worker.
        engine: class of the engine that the slot drives.
    """

    def __init__(self, ledger: Ledger, settings: WorkerSettings, *, engine: str = "fluidsynth") -> None:
        self._ledger = ledger
        self._settings = settings
        self._engine_name = engine
        self._engine = EngineProcess(engine, library=settings.fluidsynth)
        self._engine.start()
        self._stopping = threading.Event()
        self._ref = self._register()
        self._heart = _Heart(self._beat, settings.heartbeat_s)

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def stopping(self) -> bool:
        """Whether the slot has been asked to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Ask the slot to stop: the engine is ended, what it had not committed is free for others. Signal-safe."""
        self._stopping.set()
        self._engine.abort()

    def wait(self, seconds: float) -> None:
        """Sleep, but wake at once when the slot is asked to stop."""
        self._stopping.wait(seconds)

    def close(self) -> None:
        """End the engine, free what the slot holds and leave the ledger."""
        self._stopping.set()
        self._heart.stop()
        self._engine.close()
        self._ledger.retire_slot(self._ref)

    def run_task(self, task_id: int | None = None) -> bool:
        """Claim and run one song task, the one named or the most urgent; returns whether there was one.

        Raises:
            DiskFullError: the task is free again for a host with room.
        """
        self._renew()
        task = self._ledger.claim_task(self._ref, task_id=task_id)
        if task is None:
            return False
        run_task(self._ledger, task, self._settings)
        return True

    def render_batch(self) -> int:
        """Lease a batch of stems, render and commit them; returns how many were leased.

        Raises:
            DiskFullError: no room in the store; what was leased is free again when the slot closes.
        """
        self._renew()
        leases = self._ledger.lease_stems(
            self._ref,
            engine=self._engine_name,
            warm_key=self._engine.warm_key,
            limit=self._settings.batch,
        )
        if leases:
            self._commit_in_groups(self._render_all(leases))
        return len(leases)

    def _render_all(self, leases: list[StemLease]) -> Iterator[StemCommit]:
        for lease in leases:
            if self.stopping or self._heart.lost:
                return
            commit = self._render(lease)
            if commit is not None:
                yield commit

    def _commit_in_groups(self, commits: Iterator[StemCommit]) -> None:
        group: list[StemCommit] = []
        began = time.monotonic()
        try:
            for commit in commits:
                group.append(commit)
                if len(group) >= COMMIT_STEMS or time.monotonic() - began >= COMMIT_S:
                    self._commit(group)
                    group, began = [], time.monotonic()
        finally:
            self._commit(group)

    def _commit(self, group: list[StemCommit]) -> None:
        if not group:
            return
        fenced = self._ledger.commit_stems(self._ref, group).count(False)
        if fenced:
            _log.warning("stems were fenced: another slot owns them now", extra={"fenced": fenced})

    def _render(self, lease: StemLease) -> StemCommit | None:
        store = Store(Path(lease.store_root))
        known = store.find_stem(lease.job.spec_hash)
        if known is not None:
            return StemCommit(lease.stem_id, lease.epoch, known, RenderCost(render_s=0.0, cached=True))
        try:
            return self._render_anew(lease, store)
        except EngineError as error:
            if self.stopping:
                return None
            cause = FailureReason(error.cause)
            if cause is FailureReason.DISK_FULL:
                raise DiskFullError(error.message, hint="Free some space and run the same command again") from error
            self._fail(lease, cause, str(error))
        except (DiskFullError, LedgerError):
            raise
        except FarmError as error:
            self._fail(lease, reason_of(error), str(error))
        return None

    def _render_anew(self, lease: StemLease, store: Store) -> StemCommit | None:
        part = store.part_path(lease.job.spec_hash, lease.epoch)
        try:
            outcome = self._engine.render(lease.job, store.midi_path(lease.job.midi_sha256), part)
            verdict = judge(
                outcome.report,
                outcome.measured,
                lease.job,
                other_hashes=lease.other_hashes,
                data_hash=outcome.data_hash,
            )
            if verdict.status in (VerdictStatus.RETRY, VerdictStatus.QUARANTINE):
                reason = verdict.findings[0]
                self._engine.recycle(f"verdict: {reason}")
                self._fail(lease, reason, verdict.detail)
                return None
            result = StemResult(
                spec_hash=lease.job.spec_hash,
                data_hash=outcome.data_hash,
                engine=outcome.report,
                measured=outcome.measured,
                verdict=verdict,
            )
            store.commit_stem(part, result)
        finally:
            part.unlink(missing_ok=True)
        return StemCommit(lease.stem_id, lease.epoch, result, outcome.cost)

    def _fail(self, lease: StemLease, reason: FailureReason, detail: str) -> None:
        _log.warning("stem failed", extra={"song": lease.song_name, "stem": lease.stem_name, "reason": reason.value})
        self._ledger.fail_stem(self._ref, lease, reason, detail, infra=reason in _INFRASTRUCTURE)

    def _register(self) -> SlotRef:
        return self._ledger.register_slot(host=socket.gethostname(), pid=os.getpid(), engine=self._engine_name)

    def _renew(self) -> None:
        """Register anew when the ledger has given this slot up: its old leases belong to others."""
        if self._heart.lost:
            self._ref = self._register()
            self._heart.lost = False

    def _beat(self) -> bool:
        return self._ledger.heartbeat(self._ref, self._engine.warm_key)


class _Heart:
    """A thread that writes the slot's sign of life, and ends the process when its parent is gone."""

    def __init__(self, beat: Callable[[], bool], every_s: float) -> None:
        self.lost = False
        self._beat = beat
        self._every_s = every_s
        self._parent = os.getppid()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        next_beat = time.monotonic() + self._every_s
        while not self._done.wait(min(1.0, self._every_s)):
            if os.getppid() != self._parent:
                _log.error("the process that started this slot is gone; the slot ends")
                os._exit(75)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._every_s
                self._try_beat()

    def _try_beat(self) -> None:
        try:
            if not self._beat():
                self.lost = True
        except FarmError as error:
            _log.warning("no sign of life could be written", extra={"error": str(error)})
