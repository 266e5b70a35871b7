"""The ledger: the queue of record. `open_ledger` is the one door, for both planes."""

from __future__ import annotations

from farm.ledger.drawn import DrawnStem
from farm.ledger.inventory import Ended, SongFiles, StemFile
from farm.ledger.ledger import Ledger, open_ledger
from farm.ledger.patches import PresetReport
from farm.ledger.records import (
    ChosenSong,
    Event,
    Failure,
    FailureGroup,
    HoldReport,
    HostReport,
    LimitReport,
    NewEvent,
    Outcome,
    PatchReport,
    RejectedFile,
    SlotRef,
    SlotReport,
    SongReport,
    SongWork,
    StemCommit,
    StemDecision,
    StemLease,
    StemWork,
    StopOrder,
    Submission,
    SubmissionStatus,
    TaskRef,
)
from farm.ledger.watch import Watch

__all__ = [
    "ChosenSong",
    "DrawnStem",
    "Ended",
    "Event",
    "Failure",
    "FailureGroup",
    "HoldReport",
    "HostReport",
    "Ledger",
    "LimitReport",
    "NewEvent",
    "Outcome",
    "PatchReport",
    "PresetReport",
    "RejectedFile",
    "SlotRef",
    "SlotReport",
    "SongFiles",
    "SongReport",
    "SongWork",
    "StemCommit",
    "StemDecision",
    "StemFile",
    "StemLease",
    "StemWork",
    "StopOrder",
    "Submission",
    "SubmissionStatus",
    "TaskRef",
    "Watch",
    "open_ledger",
]
