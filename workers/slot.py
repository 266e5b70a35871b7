"""A slot: one place on a host that leases stems, drives one engine process and runs song tasks, one thing at a time."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from farm.ledger import Ledger, SlotRef, StemCommit, StemLease, Submission
from schemas.errors import DiskFullError, EngineError, LedgerAwayError, StoreAwayError
from schemas.states import EventKind
from workers.config import WorkerSettings
from workers.disk import Disks
from workers.engines.client import Recycled
from workers.engines.clocks import Limits
from workers.engines.here import installed
from workers.engines.switch import Engines
from workers.heart import Heart
from workers.logs import drop_log, keep_log
from workers.outbox import HASTE_S, Outbox
from workers.rendering import INFRASTRUCTURE, Rendered, render_stem
from workers.spool import Committed, Failed, Happened, Released, Spool, left_behind, spool_path
from workers.tasks import let_go, run_task

_log = logging.getLogger(__name__)

#: Stems are committed in groups of this size or after this time, whichever comes first: few writes, little lost.
COMMIT_STEMS = 16
COMMIT_S = 2.0
#: How often a slot asks, between two stems, whether it may go on.
ASK_S = 1.0
#: How long a slot waits before it asks again for a ledger or a store that did not answer.
AWAY_S = 2.0
#: How often a slot at rest looks whether it may work again.
_REST_LOOK_S = 0.25
#: How often a host tells the ledger of its disk.
PULSE_S = 15.0


class Slot:
    """One slot, registered in the ledger as long as its heartbeat goes on.

    Args:
        ledger: the open ledger.
        settings: of the worker.
        engines: classes that it serves; left out, those of the settings, else all that are installed.
        service: whether it outlasts a full disk and an absent ledger: takes no work until there is room, keeps on its own
            disk what the ledger cannot take, writes its host's log. One of local mode gives up: a person reads why.
        forks: whether the first engine process may be forked from this one, whose imports it then shares.
    """

    def __init__(
        self, ledger: Ledger, settings: WorkerSettings, *, engines: Sequence[str] = (), service: bool = False, forks: bool = False
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._hasty = ledger.hasty(HASTE_S) if service else ledger
        self._settings = settings
        # The driver of local mode knows its slots by the system's name of the host.
        self._host = settings.host_name if service else socket.gethostname()
        self._service = service
        self._log = keep_log(settings.log_folder, self._host) if service else None
        self._current: StemLease | None = None
        self._stopping = threading.Event()
        self._disks, self._disk_lock = Disks(), threading.Lock()
        self._roots: dict[int, tuple[str, str]] = {}  #: of open submissions
        self._drained = False
        self._asked_s = self._next_pulse_s = self._away_until_s = 0.0
        classes = engines or settings.engine_classes or installed()
        self._engine = Engines(
            classes, library=settings.fluidsynth, limits=_limits(settings), on_recycle=self._note_recycle, forks=forks
        )
        self._engine.start()
        self._ref = self._register()
        self._outbox = self._open_outbox()
        self._heart = Heart(self._beat, settings.heartbeat_s)

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def stopping(self) -> bool:
        """Whether the slot has been asked to stop."""
        return self._stopping.is_set()

    @property
    def resting(self) -> str:
        """Why the slot takes no work for now, in words; empty when it does."""
        if self._drained:
            return "its host is drained"
        if self._disks.full:
            return "its disk is full"
        return "the ledger or the store is away" if time.monotonic() < self._away_until_s else ""

    def stop(self) -> None:
        """Ask the slot to stop: the engine is ended, what it had not committed is free for others. Signal-safe."""
        self._stopping.set()
        self._engine.abort()

    def wait(self, seconds: float) -> None:
        """Sleep, but wake at once when the slot is asked to stop."""
        self._stopping.wait(seconds)

    def rest(self, seconds: float) -> None:
        """Sleep as long as the slot takes no work, and not longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while self.resting and not self.stopping and time.monotonic() < deadline:
            self.wait(_REST_LOOK_S)

    def close(self) -> None:
        """End the engine, free what the slot holds and leave the ledger."""
        self._stopping.set()
        self._heart.stop()
        self._engine.close()
        self._outbox.close()
        try:
            self._hasty.retire_slot(self._ref)
        except LedgerAwayError as error:
            if not self._service:
                raise
            _log.warning("the slot leaves without the ledger's knowledge", extra={"error": error.message})
        finally:
            let_go()
            if self._log is not None:
                drop_log(self._log)

    def run_task(self, task_id: int | None = None) -> bool:
        """Claim and run one song task, the one named or the most urgent; returns whether there was one.

        Raises:
            DiskFullError: in local mode; the task is free again for a host with room.
            LedgerAwayError: in local mode.
        """
        with self._outlasting():
            if not self._takes_work():
                return False
            task = self._ledger.claim_task(self._ref, task_id=task_id)
            if task is None:
                return False
            run_task(self._ledger, task, self._settings)
        return True

    def render_batch(self, on_lease: Callable[[list[StemLease]], None] | None = None) -> int:
        """Lease a batch of stems, say so to `on_lease`, render and commit them; returns how many were leased.

        Raises:
            DiskFullError: in local mode: no room in the store; what was leased is free again when the slot closes.
            LedgerAwayError, StoreAwayError: in local mode; so is it then.
        """
        leases: list[StemLease] = []
        with self._outlasting():
            if not self._takes_work():
                return 0
            leases = self._ledger.lease_stems(
                self._ref,
                engine=self._engine.classes,
                warm_key=self._engine.warm_key,
                limit=self._settings.batch,
            )
            if leases and self._has_room_for(leases):
                if on_lease is not None:
                    on_lease(leases)
                self._asked_s = time.monotonic()
                self._commit_in_groups(self._render_all(_in_turn(leases)))
        return len(leases)

    # ------------------------------------------------------------ whether work is taken

    @contextmanager
    def _outlasting(self) -> Iterator[None]:
        """In a service, rest when the disk is full, or the ledger or the store is away; in local mode give up."""
        try:
            yield
        except (DiskFullError, LedgerAwayError, StoreAwayError) as error:
            if not self._service:
                raise
            if isinstance(error, DiskFullError):
                self._note_room(filled=error)
            else:
                self._away_until_s = time.monotonic() + AWAY_S
                _log.warning("the slot waits", extra={"reason": error.reason, "error": error.message})

    def _takes_work(self) -> bool:
        """Whether the slot may ask for work: it is not at rest, and the ledger knows all that it did."""
        if self.resting:
            return False
        if not self._outbox.flush():
            self._away_until_s = time.monotonic() + AWAY_S
            return False
        self._renew()
        self._note_room()
        return not self._disks.full

    def _note_room(self, filled: DiskFullError | None = None) -> None:
        """Look whether there is room for a batch, and tell when that has changed."""
        if not self._service:
            return
        with self._disk_lock:
            was_full = self._disks.full
            self._disks.look(self._settings.batch) if filled is None else self._disks.fill()
            if self._disks.full == was_full:
                return
            free = self._disks.free_bytes()
        said = "" if free is None else f"{free / 1e9:.2f} GB are free; "
        if self._disks.full:
            why = "no room for another batch" if filled is None else filled.message
            _log.warning("the disk is full: the slot waits", extra={"free_bytes": free, "reason": why})
            self._note(EventKind.DISK_FULL, f"{said}{why}")
        else:
            _log.info("there is room again: the slot works", extra={"free_bytes": free})
            self._note(EventKind.RETURNED, f"{said}there is room again")

    def _has_room_for(self, leases: list[StemLease]) -> bool:
        """Whether the first work of a submission fits where that is written to; if not it is given back."""
        if not self._service or all(lease.submission_id in self._roots for lease in leases):
            return True
        with suppress(LedgerAwayError):
            self._learn_roots()
        self._note_room()
        if self._disks.full:
            self._give_back(leases, "there is no room for it")
        return not self._disks.full

    def _look_round(self) -> None:
        """From the heartbeat: tell of this host, learn where work goes, and whether the host is drained."""
        if time.monotonic() >= self._next_pulse_s:
            self._learn_roots()
            self._hasty.host_pulse(self._host, self._disks.free_bytes())
            self._next_pulse_s = time.monotonic() + PULSE_S
        self._note_drained(self._hasty.may_run(self._ref, ()).draining)
        self._note_room()

    def _note_drained(self, drained: bool) -> None:
        if drained != self._drained:
            self._drained = drained
            _log.info("the host is drained: the slot waits" if drained else "the host works again")

    # ------------------------------------------------------------ a batch

    def _render_all(self, leases: list[StemLease]) -> Iterator[StemCommit]:
        """Render stem after stem; what is not begun, since something came between, is given back."""
        left = list(leases)
        try:
            while left and not self.stopping and not self._heart.lost:
                left = self._still_wanted(left)
                if not left:
                    return
                commit = self._render(left[0])
                del left[0]
                if commit is not None:
                    yield commit
        except (DiskFullError, StoreAwayError) as error:
            if self._service:
                self._give_back(left, error.message)
            raise

    def _still_wanted(self, leases: list[StemLease]) -> list[StemLease]:
        """Return what of a batch is to be rendered still; what is paused, cancelled, held or drained is given back."""
        if time.monotonic() - self._asked_s < ASK_S:
            return leases
        self._asked_s = time.monotonic()
        try:
            order = self._hasty.may_run(self._ref, {lease.submission_id for lease in leases})
        except LedgerAwayError:
            return leases
        if order.draining:
            self._note_drained(True)
            self._give_back(leases, "the host is drained")
            return []
        wanted = [
            lease
            for lease in leases
            if lease.submission_id not in order.submissions and lease.stem_id not in order.held
        ]
        self._give_back([lease for lease in leases if lease not in wanted], "paused, held or cancelled")
        return wanted

    def _give_back(self, leases: list[StemLease], why: str) -> None:
        if leases:
            _log.info("stems were given back", extra={"stems": len(leases), "reason": why})
            self._outbox.tell(Released(self._ref, [lease.stem_id for lease in leases], why))

    def _render(self, lease: StemLease) -> StemCommit | None:
        self._current = lease
        try:
            made = render_stem(self._engine, lease, self._hasty)
        except EngineError:
            return None  # told to stop; the lease is freed when the slot leaves
        finally:
            self._current = None
        about = {"submission": lease.submission_id, "song": lease.song_name, "stem": lease.stem_name}
        if isinstance(made, Rendered):
            self._disks.add(made.size_bytes)
            _log.info("stem rendered", extra={**about, **made.commit.cost.model_dump()})
            return made.commit
        _log.warning("stem failed", extra={**about, "reason": made.reason.value, "detail": made.detail})
        self._outbox.tell(Failed(self._ref, lease, made.reason, made.detail, made.reason in INFRASTRUCTURE))
        self._asked_s = 0.0  # the failure may have had its patch held, or its host drained
        return None

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
        if group:
            self._outbox.tell(Committed(self._ref, group))

    # ------------------------------------------------------------ the ledger

    def _note_recycle(self, seen: Recycled) -> None:
        lease = self._current
        where = "" if lease is None else f"{lease.song_name}/{lease.stem_name}: "
        detail = f"{seen.cause.value}: {where}{seen.detail} (process {seen.pid}, {seen.renders} renders)"
        self._note(EventKind.RECYCLED, detail, seen.load_key)

    def _note(self, event: EventKind, detail: str, load_key: str | None = None) -> None:
        lease = self._current
        self._outbox.note(
            Happened(
                self._ref,
                event,
                detail,
                self._host,
                submission_id=None if lease is None else lease.submission_id,
                song_id=None if lease is None else lease.song_id,
                stem_id=None if lease is None else lease.stem_id,
                load_key=load_key or (None if lease is None else lease.job.patch.load_key),
            )
        )

    def _open_outbox(self) -> Outbox:
        if not self._service or self._settings.ledger_url is None:
            return Outbox(self._ledger, None, self._host)
        folder, url = self._settings.spool_folder, self._settings.ledger_url
        outbox = Outbox(self._ledger, Spool(spool_path(folder, url, self._host)), self._host)
        outbox.adopt(left_behind(folder, url, self._host))
        return outbox

    def _register(self) -> SlotRef:
        return self._ledger.register_slot(host=self._host, pid=os.getpid(), engine=self._engine.classes)

    def _renew(self) -> None:
        """Register anew when the ledger has given this slot up: its old leases belong to others."""
        if self._heart.lost:
            self._ref = self._register()
            self._heart.lost = False

    def _beat(self) -> bool:
        alive = self._hasty.heartbeat(self._ref, self._engine.warm_key)
        self._outbox.flush()
        self._look_round()
        return alive

    def _learn_roots(self) -> None:
        """Learn where open submissions are written to."""
        roots: dict[int, tuple[str, str]] = {}
        for pulse in self._hasty.pulses()[1]:
            number = pulse.submission_id
            roots[number] = self._roots.get(number) or self._roots_of(self._hasty.submission(number))
        self._roots = roots
        self._disks.know(root for places in roots.values() for root in places)

    def _roots_of(self, submission: Submission) -> tuple[str, str]:
        """Return where this host writes for a submission: what goes to an object store is written beside first."""
        store = submission.store_root
        return str(self._settings.cache_folder) if "://" in store else store, submission.out_dir


def _in_turn(leases: Iterable[StemLease]) -> list[StemLease]:
    """Put stems that failed before first: each of them needs a fresh engine, and the others then share the last one."""
    return sorted(leases, key=lambda lease: lease.tries == 0)


def _limits(settings: WorkerSettings) -> Limits:
    return Limits(
        load_s=settings.engine_load_s,
        render_floor_s=settings.engine_render_s,
        no_progress_s=settings.engine_silence_s,
        max_speed=settings.engine_max_speed,
        memory_mb=settings.engine_memory_mb,
        growth_mb=settings.engine_growth_mb,
        renders=settings.engine_renders,
    )
