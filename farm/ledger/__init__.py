"""The ledger: the queue of record. `open_ledger` is the one door, for both planes."""

from __future__ import annotations

from farm.ledger.ledger import Ledger, open_ledger
from farm.ledger.records import (
    ChosenSong,
    DrawnStem,
    Failure,
    Outcome,
    RejectedFile,
    SlotRef,
    SongReport,
    SongWork,
    StemCommit,
    StemDecision,
    StemLease,
    StemWork,
    Submission,
    SubmissionStatus,
    TaskRef,
)
from farm.ledger.watch import Watch

__all__ = [
    "ChosenSong",
    "DrawnStem",
    "Failure",
    "Ledger",
    "Outcome",
    "RejectedFile",
    "SlotRef",
    "SongReport",
    "SongWork",
    "StemCommit",
    "StemDecision",
    "StemLease",
    "StemWork",
    "Submission",
    "SubmissionStatus",
    "TaskRef",
    "Watch",
    "open_ledger",
]
