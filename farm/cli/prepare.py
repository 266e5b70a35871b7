"""Common ground of `farm run` and `farm submit`: from source, flags and folder to a sealed submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.dataset.folder import claim, farm_folder
from farm.ledger import Ledger
from farm.planning.plans import build_plan, is_plan, load_plan
from farm.planning.sources import Source, find_source
from schemas.errors import AssetError, OutputError
from schemas.plan import DatasetPlan
from schemas.states import SUBMISSION_ENDS, SubmissionState


@dataclass(frozen=True, slots=True)
class Request:
    """A checked plan, the files it is about and the folder it goes to."""

    plan: DatasetPlan
    source: Source
    out: Path


def prepare(source: Path, out: Path, overrides: Mapping[str, Any]) -> Request:
    """Check plan, source and soundfont, and claim the folder, before anything is written elsewhere.

    Raises:
        PlanError, SourceError, AssetError, OutputError: each says what to mend.
    """
    plan = _plan(source, overrides)
    found = find_source(Path(plan.source))
    if plan.engine.soundfont is not None:
        _check_soundfont(Path(plan.engine.soundfont))
    out = out.expanduser().resolve()
    claim(out, plan)
    return Request(plan, found, out)


def _check_soundfont(path: Path) -> None:
    hint = "Check --soundfont, or leave it out for the default"
    try:
        with open(path, "rb") as handle:
            head = handle.read(12)
    except OSError as error:
        raise AssetError(f"there is no soundfont at {path} ({error.strerror})", hint=hint) from error
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise AssetError(f"{path} is no soundfont: it does not begin as one (RIFF ... sfbk)", hint=hint)


def _plan(source: Path, overrides: Mapping[str, Any]) -> DatasetPlan:
    if is_plan(source):
        return load_plan(source, overrides)
    return build_plan({"source": str(source), "name": source.expanduser().resolve().stem or "dataset"}, overrides)


def enter(ledger: Ledger, request: Request) -> int:
    """Write the submission of `request` and seal it, or find the one that was begun; returns its number.

    Raises:
        OutputError: the dataset was begun from other files than the source holds now, or with another store.
    """
    plan, source = request.plan, request.source
    found = ledger.find_submission(out_dir=str(request.out), plan_hash=plan.plan_hash)
    store = str(plan.store.address(str(farm_folder(request.out) / "store")))
    if found is None:
        found = ledger.create_submission(plan, source_root=str(source.root), out_dir=str(request.out), store_root=store)
    submission = ledger.submission(found)
    state = submission.state
    if submission.store_root != store and state is not SubmissionState.DONE:
        raise OutputError(
            f"{request.out} was begun with its store at {submission.store_root}, and the plan names {store}",
            hint="Bring the plan's `store` back to what it was, or name another folder with --out",
        )
    if state is SubmissionState.SUBMITTING:
        ledger.add_files(found, source.paths)
        ledger.seal(found)
    elif set(ledger.source_paths(found)) != set(source.paths):
        raise OutputError(
            f"{request.out} was begun from other files than {source.root} holds now",
            hint="Name another folder with --out, or bring the source back to what it was",
        )
    elif state in SUBMISSION_ENDS:
        ledger.retry_failed(found)
    return found
