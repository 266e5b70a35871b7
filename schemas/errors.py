"""The errors of the product: one root, one class per cause, each message saying what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from schemas.quality import Rejection


class FarmError(Exception):
    """Root of every error that the farm raises on purpose.

    Args:
        message: what was wrong and where (file, key, value).
        hint: what the person can do about it.
    """

    #: Exit code of the command line when this error ends a command.
    exit_code: ClassVar[int] = 2
    #: Stable name for reports, counted and listed; subclasses or instances may override it.
    reason: ClassVar[str] = "farm_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(
            message if not hint else f"{message} {hint}" if message.endswith("?") else f"{message}. {hint}"
        )


class PlanError(FarmError):
    """A plan, a flag or a source that cannot be used as it stands."""

    reason = "bad_plan"


class SourceError(FarmError):
    """A source of MIDI that is missing, empty or unreadable as a whole."""

    reason = "bad_source"


class OutputError(FarmError):
    """An output folder that belongs to another plan, is locked, read-only or full."""

    reason = "bad_output"


class DiskFullError(OutputError):
    """No room left where the farm writes."""

    exit_code = 3
    reason = "disk_full"


class MidiError(FarmError):
    """A MIDI file that cannot be read; it is rejected by name and the submission goes on."""

    exit_code = 3
    reason = "unreadable"


class NoNotesError(MidiError):
    """A sound MIDI file in which no note is played."""

    reason = "no_notes"


class RefusedError(FarmError):
    """A song that could not be composed well enough, however often it was tried; `rejected` are all tries."""

    exit_code = 3
    reason = "low_score"

    def __init__(self, message: str, *, hint: str = "", rejected: Sequence[Rejection] = ()) -> None:
        super().__init__(message, hint=hint)
        self.rejected = list(rejected)


class MidiNotFoundError(MidiError):
    """A MIDI file that is not where the source named it."""

    reason = "not_found"


class AssetError(FarmError):
    """A soundfont, library or other asset that is missing or not the one whose hash was recorded."""

    reason = "missing_asset"


class LicenceError(FarmError):
    """A soundfont, a patch or a corpus whose licence the plan forbids."""

    reason = "licence_forbidden"


class MissingDependencyError(FarmError):
    """An optional library is not installed; the hint names the command that installs it."""

    reason = "missing_dependency"


class EngineError(FarmError):
    """An engine that failed on a stem: it crashed, hung, ran out of memory or refused the job."""

    exit_code = 3
    reason = "engine_failed"

    def __init__(self, message: str, *, hint: str = "", cause: str = "engine_failed") -> None:
        super().__init__(message, hint=hint)
        #: One of the engine causes of `schemas.states.FailureReason`.
        self.cause = cause


class AnnotationError(FarmError):
    """An annotation that would say something else than the audio does, such as a note after its end."""

    exit_code = 3
    reason = "false_annotation"


class StoreError(FarmError):
    """A file of the store that is missing, short or not what its name says."""

    exit_code = 3
    reason = "store_damaged"


class StoreAwayError(FarmError):
    """A store that cannot be reached or refuses its keys: nothing in it is known to be lost."""

    exit_code = 3
    reason = "store_away"


class LedgerError(FarmError):
    """A ledger that cannot be opened, is of another version, or refuses a change of state."""

    exit_code = 3
    reason = "ledger"


class LedgerAwayError(LedgerError):
    """A ledger that does not answer now and may answer again: its database restarts, or somebody holds its lock."""

    reason = "ledger_away"


class UnknownIdError(LedgerError):
    """No submission, song or task has this id."""

    exit_code = 2
    reason = "unknown_id"


class StateError(LedgerError):
    """What was asked is not possible in the state that the thing is in; the hint says what is."""

    exit_code = 2
    reason = "state"


class ServiceError(FarmError):
    """A broker or another service that cannot be reached or started."""

    exit_code = 3
    reason = "service"


class QueryError(FarmError):
    """A question to a dataset that cannot be read; the message shows the place."""

    reason = "bad_query"


class DatasetError(FarmError):
    """A published dataset that cannot be read as one."""

    exit_code = 1
    reason = "bad_dataset"


class NoDatasetError(DatasetError):
    """A folder that is not there, holds no dataset, or one that is not finished: nothing was looked at."""

    exit_code = 2
    reason = "no_dataset"


def error_of(said: dict[str, str]) -> FarmError:
    """Return the error that another process told: of the class that has its reason, with its message and hint."""
    known = {kind.reason: kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, FarmError)}
    return known.get(said["reason"], ServiceError)(said["message"], hint=said.get("hint", ""))
