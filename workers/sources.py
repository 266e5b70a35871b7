"""The MIDI of a song where it comes from: a file of the source, or the composer."""

from __future__ import annotations

from pathlib import Path

from schemas.compose import number_of
from schemas.errors import MidiError
from schemas.plan import DatasetPlan
from schemas.song import SplitResult
from workers.composing.song import composed


def song_bytes(plan: DatasetPlan, root: str, path: str) -> bytes:
    """Return the MIDI file of a song.

    Args:
        plan: of the submission.
        root: folder of its source.
        path: of the song in it; a number where songs are composed.

    Raises:
        MidiError: the file cannot be read.
        PlanError: the song cannot be composed.
    """
    if plan.compose is not None:
        return composed(plan, number_of(path)).midi
    try:
        return (Path(root) / path).read_bytes()
    except OSError as error:
        raise MidiError(f"cannot read {path} any more: {error.strerror}") from error


def with_cues(split: SplitResult, plan: DatasetPlan, path: str) -> SplitResult:
    """Return the parts of a song with the recordings that play some of them."""
    if plan.compose is None or plan.compose.samples is None:
        return split
    cues = {layer.name: layer.sample for layer in composed(plan, number_of(path)).score.layers}
    parts = [part.model_copy(update={"sample": cues.get(part.track_name)}) for part in split.parts]
    return split.model_copy(update={"parts": parts})


def song_genre(plan: DatasetPlan, path: str) -> str:
    """Return the name of the genre that a composed song was written from; nothing for a file."""
    return "" if plan.compose is None else composed(plan, number_of(path)).genre.name
