"""Write the dataset's manifest and record from the ledger, when every song has come to its end."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from farm.dataset.filtering import moved_out
from farm.dataset.folder import set_aside, translated_os_errors
from farm.dataset.notice import NOTICE, notice
from farm.dataset.places import where_they_lie
from farm.ledger import Failure, Ledger
from schemas import DISTRIBUTION
from schemas.base import canonical_json
from schemas.dataset import DATASET, MANIFEST, DatasetRecord, RejectedRecord, SplitsRecord, TrackRecord
from schemas.permits import credits_of
from schemas.plan import DatasetPlan, StorePlan
from schemas.states import RejectReason


def write_dataset(ledger: Ledger, submission_id: int) -> None:
    """Write `manifest.jsonl`, `NOTICE`, then `dataset.json`, the sign of completeness; the same ledger gives the same bytes.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    submission = ledger.submission(submission_id)
    out = Path(submission.out_dir)
    gone = moved_out(out)
    tracks = [track for track in where_they_lie(out, ledger.finished_tracks(submission_id)) if track.track not in gone]
    with translated_os_errors(out):
        if submission.plan.rerender_existing:
            set_aside(out, {track.folder for track in tracks})
        _replace(out / MANIFEST, "".join(canonical_json(track) + "\n" for track in tracks))
        record = _record(ledger, submission_id, tracks, gone.values())
        _replace(out / NOTICE, notice(record))
        _replace(out / DATASET, record.text)


def _record(
    ledger: Ledger, submission_id: int, tracks: list[TrackRecord], gone: Iterable[RejectedRecord]
) -> DatasetRecord:
    submission = ledger.submission(submission_id)
    facts = submission.engine_facts
    failures = ledger.failures(submission_id)
    rejected = [_rejected(item) for item in failures if item.kind == "file"]
    return DatasetRecord(
        name=submission.plan.name,
        plan=_portable(submission.plan),
        plan_sha256=submission.plan.plan_hash,
        farm_version=importlib.metadata.version(DISTRIBUTION),
        engine="" if facts is None else facts.engine,
        engine_version="" if facts is None else facts.version,
        soundfont="" if facts is None else facts.soundfont.name,
        soundfont_sha256="" if facts is None else facts.soundfont.sha256,
        soundfont_licence="" if facts is None else facts.soundfont.licence,
        soundfonts={} if facts is None else facts.map_hashes,
        credits=credits_of(submission.plan, facts),
        engines={} if facts is None else facts.engines,
        patches={} if facts is None else facts.uses,
        tracks=len(tracks),
        failed=sum(item.kind == "song" for item in failures),
        rejected=sorted([*rejected, *gone], key=lambda item: item.source),
        splits=SplitsRecord.of(tracks),
        duration_s=round(sum(track.duration_s for track in tracks), 6),
        stem_audio_s=round(sum(track.stem_audio_s for track in tracks), 6),
    )


def _rejected(item: Failure) -> RejectedRecord:
    """Return what is said of a file; of a composed song that was refused, what all tries at it came to."""
    detail = item.detail if item.reason == RejectReason.LOW_SCORE else ""
    return RejectedRecord(source=item.name, reason=item.reason, detail=detail)


def _portable(plan: DatasetPlan) -> DatasetPlan:
    """Return the plan with names in place of this machine's paths, and without its store."""
    soundfont = plan.engine.soundfont
    engine = plan.engine.model_copy(update={"soundfont": None if soundfont is None else Path(soundfont).name})
    instruments = plan.instruments
    if instruments.loaded is not None:
        instruments = instruments.model_copy(update={"map": instruments.loaded.portable()})
    names = {
        "source": Path(plan.source).name,
        "engine": engine,
        "compose": None if plan.compose is None else plan.compose.portable(),
        "instruments": instruments,
        "store": StorePlan(),
        "rerender_existing": False,
    }
    return plan.model_copy(update=names)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
