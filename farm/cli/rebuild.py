"""`farm fsck --rebuild`: a farm whose ledger is lost goes on from what its datasets' folders and stores hold."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from farm.cli.door import open_service_ledger
from farm.cli.fsck import look
from farm.cli.output import counted, print_json, size
from farm.cli.prepare import Request, enter
from farm.config import Settings
from farm.dataset.folder import claimed_plan, published_tracks
from farm.ledger import Ledger
from farm.planning.sources import source_of
from schemas.errors import PlanError
from schemas.upkeep import CheckOrder


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    submission: int
    out: str
    files: int  #: of the source
    published: int  #: complete songs in the dataset's folder: recognised, not made again
    stems: int  #: sound stems in the store: adopted, not rendered again
    read: int  #: files whose content was compared with their names
    removed: int  #: damaged or half-written files of the store, rendered again where they are needed
    store_bytes: int


def rebuild_command(where: str | None, *, share: float, seed: str, as_json: bool) -> int:
    """Submit the dataset in a folder again, after its store was checked; returns 0."""
    if where is None or where.isdigit():
        raise PlanError(
            "--rebuild needs the folder of a dataset",
            hint="farm fsck --rebuild FOLDER, once for each that was being made",
        )
    out = Path(where).expanduser().resolve()
    plan = claimed_plan(out).model_copy(update={"rerender_existing": False})
    request = Request(plan, source_of(plan), out)
    ledger = open_service_ledger(Settings())
    try:
        rebuilt = _rebuild(ledger, request, share=share, seed=seed, quiet=as_json)
    finally:
        ledger.close()
    print_json(rebuilt) if as_json else sys.stdout.write(_words(rebuilt))
    return 0


def _rebuild(ledger: Ledger, request: Request, *, share: float, seed: str, quiet: bool) -> _Rebuilt:
    number = enter(ledger, request)
    submission = ledger.submission(number)
    order = CheckOrder(store=submission.store_root, share=share, seed=seed, repair=True)
    seen = look(ledger, submission.store_root, [submission], order, quiet=quiet)
    removed = sum(finding.mended for finding in seen.findings)
    lost = sum(bool(finding.mended and finding.size_bytes) for finding in seen.findings)
    return _Rebuilt(
        submission=number,
        out=str(request.out),
        files=len(request.source.paths),
        published=published_tracks(request.out),
        stems=max(0, seen.totals.stems - lost),
        read=seen.totals.read,
        removed=removed,
        store_bytes=seen.totals.read_bytes,
    )


def _words(rebuilt: _Rebuilt) -> str:
    facts = asdict(rebuilt)
    return (
        f"submission {facts['submission']}: {counted(rebuilt.files, 'file')} into {rebuilt.out}\n"
        f"published already: {counted(rebuilt.published, 'song')}; they are recognised and not made again\n"
        f"in the store: {counted(rebuilt.stems, 'stem')}, adopted without a render where the songs need them"
        f" (read {counted(rebuilt.read, 'file')}, {size(rebuilt.store_bytes)};"
        f" {counted(rebuilt.removed, 'file')} not sound, removed)\n"
        f"the scheduler goes on with it; `farm status {rebuilt.submission} --watch` shows it\n"
    )
