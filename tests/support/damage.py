"""Damages finished datasets, and tells what a verification found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.dataset import ANNOTATION
from schemas.plan import DatasetPlan
from tests.support.datasets import PLAN, RATE_HZ, reseal
from workers.audio.files import Block, open_writer, read_audio
from workers.verifying import VerifyReport

TRACK = "Track00001"


def found(report: VerifyReport) -> set[tuple[str, str]]:
    return {(finding.file, finding.code.value) for finding in report.findings}


def edit_annotation(dataset: Path, edit: Callable[[Any], None], *, plan: DatasetPlan = PLAN) -> None:
    path = dataset / TRACK / ANNOTATION
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    reseal(dataset, plan)


def edit_audio(dataset: Path, file: str, edit: Callable[[Block], Block], **form: Any) -> None:
    path = dataset / TRACK / file
    audio = edit(read_audio(path))
    settings = {"file_format": "flac", "bits": 24, "rate_hz": RATE_HZ, "channels": audio.shape[1], **form}
    with open_writer(path, frames=len(audio), **settings) as writer:
        writer.write(audio)
        writer.close()
