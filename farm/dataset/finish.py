"""Write the dataset's manifest and record from the ledger, when every song has come to its end."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from farm.dataset.folder import set_aside, translated_os_errors
from farm.dataset.places import where_they_lie
from farm.ledger import Ledger
from schemas import DISTRIBUTION
from schemas.base import canonical_json
from schemas.dataset import DATASET, MANIFEST, DatasetRecord, RejectedRecord, SplitsRecord, TrackRecord
from schemas.plan import DatasetPlan, StorePlan


def write_dataset(ledger: Ledger, submission_id: int) -> None:
    """Write `manifest.jsonl`, then `dataset.json`, the sign of completeness; the same ledger gives the same bytes.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    submission = ledger.submission(submission_id)
    out = Path(submission.out_dir)
    tracks = where_they_lie(out, ledger.finished_tracks(submission_id))
    with translated_os_errors(out):
        if submission.plan.rerender_existing:
            set_aside(out, {track.folder for track in tracks})
        _replace(out / MANIFEST, "".join(canonical_json(track) + "\n" for track in tracks))
        record = _record(ledger, submission_id, tracks)
        _replace(out / DATASET, json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")


def _record(ledger: Ledger, submission_id: int, tracks: list[TrackRecord]) -> DatasetRecord:
    submission = ledger.submission(submission_id)
    facts = submission.engine_facts
    failures = ledger.failures(submission_id)
    rejected = [RejectedRecord(source=item.name, reason=item.reason) for item in failures if item.kind == "file"]
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
        engines={} if facts is None else facts.engines,
        patches={} if facts is None else facts.uses,
        tracks=len(tracks),
        failed=sum(item.kind == "song" for item in failures),
        rejected=sorted(rejected, key=lambda item: item.source),
        splits=SplitsRecord.of(tracks),
        duration_s=round(sum(track.duration_s for track in tracks), 6),
        stem_audio_s=round(sum(track.stem_audio_s for track in tracks), 6),
    )


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
        "instruments": instruments,
        "store": StorePlan(),
        "rerender_existing": False,
    }
    return plan.model_copy(update=names)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
