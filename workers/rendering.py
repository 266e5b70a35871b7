"""One leased stem: found in the store, or rendered, judged and taken into it. What comes out is for the ledger to count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from farm.ledger import Ledger, StemCommit, StemLease
from schemas.errors import DiskFullError, EngineError, FarmError, LedgerError, StoreAwayError
from schemas.job import RenderJob
from schemas.result import RenderCost, StemResult
from schemas.states import FailureReason, RecycleCause, VerdictStatus
from workers.audio.levels import SOUND_FLOOR
from workers.engines.client import EngineProcess
from workers.engines.switch import Engines
from workers.midi.levels import loudest_db
from workers.midi.rules import played_midi
from workers.store import Store, open_store
from workers.tasks import reason_of
from workers.tasks.mending import mend_song
from workers.verdict import judge

#: Causes that say nothing about the stem, as far as a slot can tell: the try is free.
INFRASTRUCTURE = frozenset(
    {
        FailureReason.DISK_FULL,
        FailureReason.ENGINE_KILLED,
        FailureReason.SLOT_LOST,
        FailureReason.STORE_AWAY,
        FailureReason.STORE_DAMAGED,
    }
)

_BAD = (VerdictStatus.RETRY, VerdictStatus.QUARANTINE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A stem that is in the store."""

    commit: StemCommit
    size_bytes: int  #: what it took of the disk; 0 if it was there before


class Bad(NamedTuple):
    """A try that has failed."""

    reason: FailureReason
    detail: str


def render_stem(engine: Engines | EngineProcess, lease: StemLease, ledger: Ledger | None = None) -> Rendered | Bad:
    """Render a leased stem unless the store has it or it is to be made again, and take it into the store if it is sound.

    A stem that failed before gets an engine that has rendered nothing yet; an engine whose stem is bad is replaced. Where
    its MIDI file is lost or damaged in the store, that is made again with the help of `ledger`, for the next try.

    Raises:
        DiskFullError: there is no room for it; nothing is left behind.
        EngineError: of cause `slot_lost`: the engine was told to stop.
        LedgerError: a replaced engine could not be reported.
        StoreAwayError: the store does not answer, or refuses; the stem is not to blame.
    """
    store = open_store(lease.store_root)
    known = None if lease.again else store.find_stem(lease.job.spec_hash)
    if known is not None:
        return Rendered(StemCommit(lease.stem_id, lease.epoch, known, RenderCost(render_s=0.0, cached=True)), 0)
    if lease.tries:
        engine.freshen(f"{lease.song_name}/{lease.stem_name} failed before")
    try:
        return _render(engine, lease, store)
    except EngineError as error:
        cause = FailureReason(error.cause)
        if cause is FailureReason.SLOT_LOST:
            raise
        if cause is FailureReason.DISK_FULL:
            raise DiskFullError(error.message, hint="Free some space and run the same command again") from error
        return _bad(cause, error, lease, ledger)
    except (DiskFullError, LedgerError, StoreAwayError):
        raise
    except FarmError as error:
        return _bad(reason_of(error), error, lease, ledger)


def _bad(reason: FailureReason, error: FarmError, lease: StemLease, ledger: Ledger | None) -> Bad:
    if reason is FailureReason.STORE_DAMAGED and ledger is not None:
        mend_song(ledger, lease.song_id)
    return Bad(reason, str(error))


def _render(engine: Engines | EngineProcess, lease: StemLease, store: Store) -> Rendered | Bad:
    part = store.part_path(lease.job.spec_hash, lease.epoch)
    try:
        outcome = engine.render(lease.job, store.midi_path(lease.job.midi_sha256), part)
        verdict = judge(
            outcome.report,
            outcome.measured,
            lease.job,
            other_hashes=lease.other_hashes,
            data_hash=outcome.data_hash,
            loudest_db=_asked_level(store, lease.job) if outcome.measured.peak <= SOUND_FLOOR else None,
        )
        if verdict.status in _BAD:
            reason = verdict.findings[0]
            engine.recycle(RecycleCause.VERDICT, f"{reason.value}: {verdict.detail}")
            return Bad(reason, verdict.detail)
        result = StemResult(
            spec_hash=lease.job.spec_hash,
            data_hash=outcome.data_hash,
            engine=outcome.report,
            measured=outcome.measured,
            verdict=verdict,
        )
        size_bytes = part.stat().st_size
        store.commit_stem(part, result)
    finally:
        part.unlink(missing_ok=True)
    return Rendered(StemCommit(lease.stem_id, lease.epoch, result, outcome.cost), size_bytes)


def _asked_level(store: Store, job: RenderJob) -> float | None:
    """Return how loud the MIDI of a silent stem asks its loudest note to be; a file of a whole song is not looked at."""
    if job.patch.whole:
        return None
    return loudest_db(played_midi(store.midi_path(job.midi_sha256).read_bytes(), job.rules))
