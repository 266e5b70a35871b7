"""Score audio files that belong to no dataset: each by itself, without labels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.convert import Note, ReworkReport, ScoreFilesOrder
from schemas.errors import DatasetError, FarmError
from schemas.quality import AudioScore
from workers.reworking.pool import each_track
from workers.reworking.score import Progress
from workers.scoring.audio import score_audio

_BLOCK_FRAMES: Final = 65536


def score_files(order: ScoreFilesOrder, progress: Progress) -> ReworkReport:
    """Score audio files; what cannot be read is listed as failed."""
    calls = {file: partial(score_file, Path(file)) for file in order.files}
    failed: list[Note] = []
    parts: dict[str, AudioScore] = {}
    for file, result in each_track(calls, order.jobs):
        if isinstance(result, FarmError):
            failed.append(Note(track=file, code=result.reason, message=str(result)))
        else:
            parts[file] = result
        progress(len(parts) + len(failed), len(calls))
    parts = {file: parts[file] for file in order.files if file in parts}
    return ReworkReport(
        folder="", tracks=len(calls), reworked=len(parts), verifiable=False, failed=sorted(failed, key=lambda note: note.track),
        scores={file: score.score for file, score in parts.items()}, parts=parts,
    )  # fmt: skip


def score_file(path: Path) -> AudioScore:
    """Return the score of any file that libsndfile reads.

    Raises:
        DatasetError: it cannot be read, is empty, or has samples that are no numbers.
    """
    hint = "Name a WAV, FLAC, OGG, MP3 or AIFF file"
    if not path.is_file():
        raise DatasetError(f"there is no file {path}", hint=hint)
    try:
        with soundfile.SoundFile(path) as file:
            if not file.frames:
                raise DatasetError(f"{path} is empty", hint=hint)
            return score_audio(_blocks(file, path), int(file.samplerate))
    except (soundfile.SoundFileError, OSError) as error:
        why = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        raise DatasetError(f"{path} cannot be read: {str(why).rstrip('.')}", hint=hint) from error


def _blocks(file: soundfile.SoundFile, path: Path) -> Iterator[NDArray[np.float32]]:
    for block in file.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True):
        if not np.isfinite(block).all():
            raise DatasetError(f"{path} has samples that are no numbers", hint="Save it anew as WAV or FLAC")
        yield block
