"""Common ground of `farm run` and `farm submit`: from source, flags and folder to a sealed submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.dataset.folder import claim, farm_folder
from farm.ledger import Ledger, Submission
from farm.planning.instruments import is_path
from farm.planning.licences import check_named
from farm.planning.plans import build_plan, is_plan, load_plan
from farm.planning.presets import plan_preset
from farm.planning.sources import Source, source_of
from farm.planning.splits import with_split_file
from schemas.dataset import DATASET
from schemas.errors import AssetError, OutputError
from schemas.plan import DatasetPlan
from schemas.states import SUBMISSION_ENDS, SubmissionState


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person typed: where the music is, where the dataset goes, flags as dotted keys of a plan, a preset's name."""

    source: Path
    out: Path
    overrides: Mapping[str, Any]
    preset: str | None = None
    values: Mapping[str, Any] | None = None  #: a plan that needs no source; the source counts for nothing


@dataclass(frozen=True, slots=True)
class Request:
    """A checked plan, the files it is about and the folder it goes to."""

    plan: DatasetPlan
    source: Source
    out: Path


def prepare(asked: Asked) -> Request:
    """Check plan, source and soundfont, and claim the folder, before anything is written elsewhere.

    Raises:
        PlanError, SourceError, AssetError, LicenceError, OutputError: each says what to mend.
    """
    plan = _plan(asked)
    found = source_of(plan)
    if plan.engine.soundfont is not None:
        _check_soundfont(Path(plan.engine.soundfont), "Check --soundfont, or leave it out for the default")
    if (instruments := plan.instruments.loaded) is not None:
        for font in filter(is_path, instruments.soundfonts):
            _check_soundfont(Path(font), f"Check the patches of the instrument map {instruments.name}")
    for font in filter(is_path, [] if plan.compose is None else plan.compose.soundfont_words):
        _check_soundfont(Path(font), "Check the pools of soundfonts in `compose.soundfonts`")
    check_named(plan)
    out = asked.out.expanduser().resolve()
    claim(out, plan)
    return Request(plan, found, out)


def _check_soundfont(path: Path, hint: str) -> None:
    try:
        with open(path, "rb") as handle:
            head = handle.read(12)
    except OSError as error:
        raise AssetError(f"there is no soundfont at {path} ({error.strerror})", hint=hint) from error
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise AssetError(f"{path} is no soundfont: it does not begin as one (RIFF ... sfbk)", hint=hint)


def _plan(asked: Asked) -> DatasetPlan:
    base = {} if asked.preset is None else plan_preset(asked.preset).values
    source = asked.source
    if asked.values is not None:
        return with_split_file(build_plan({**base, **asked.values}, asked.overrides))
    if is_plan(source):
        return with_split_file(load_plan(source, asked.overrides, base=base))
    name = source.expanduser().resolve().stem or "dataset"
    return with_split_file(build_plan({**base, "source": str(source), "name": name}, asked.overrides))


def supersede(ledger: Ledger, request: Request) -> None:
    """Cancel an unfinished submission that a request to make everything again comes after; no slot may be at work."""
    found = ledger.find_submission(out_dir=str(request.out), plan_hash=request.plan.plan_hash)
    if found is not None and _stands_in_the_way(ledger.submission(found), request.plan):
        ledger.cancel(found)


def _begun(ledger: Ledger, request: Request) -> int | None:
    """Return the submission of a request that is to be gone on with: none that has ended, where all is made again.

    Raises:
        OutputError: one that does not make everything again is under way.
    """
    found = ledger.find_submission(out_dir=str(request.out), plan_hash=request.plan.plan_hash)
    if found is None or not request.plan.rerender_existing:
        return found
    submission = ledger.submission(found)
    if _stands_in_the_way(submission, request.plan):
        raise OutputError(
            f"submission {found} is being made into {request.out}",
            hint=f"Wait for it to end, or `farm cancel {found}`; then everything can be made again",
        )
    return None if submission.state in SUBMISSION_ENDS else found


def _stands_in_the_way(submission: Submission, plan: DatasetPlan) -> bool:
    under_way = submission.state not in SUBMISSION_ENDS
    return plan.rerender_existing and under_way and not submission.plan.rerender_existing


def enter(ledger: Ledger, request: Request) -> int:
    """Write the submission of `request` and seal it, or find the one that was begun; returns its number.

    Raises:
        OutputError: the dataset was begun from other files than the source holds now, or with another store.
    """
    plan, source = request.plan, request.source
    found = _begun(ledger, request)
    store = str(plan.store.address(str(farm_folder(request.out) / "store")))
    if found is None:
        found = ledger.create_submission(plan, source_root=str(source.root), out_dir=str(request.out), store_root=store)
        if plan.rerender_existing:  # what stands there is no finished dataset from now on
            (request.out / DATASET).unlink(missing_ok=True)
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
