"""The MIDI of a song where it comes from: a file of the source, or the composer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.compose import number_of
from schemas.errors import MidiError
from schemas.plan import DatasetPlan
from schemas.quality import Rejection
from schemas.song import SplitResult
from workers.composing.song import Composed, composed


def song_bytes(plan: DatasetPlan, root: str, path: str, rejected: Sequence[Rejection] = ()) -> bytes:
    """Return the MIDI file of a song.

    Args:
        plan: of the submission.
        root: folder of its source.
        path: of the song in it; a number where songs are composed.
        rejected: tries at a composed song before the one that it is, as far as they are known.

    Raises:
        MidiError: the file cannot be read.
        PlanError, RefusedError: the song cannot be composed.
    """
    if plan.compose is not None:
        return composed(plan, number_of(path), rejected).midi
    try:
        return (Path(root) / path).read_bytes()
    except OSError as error:
        raise MidiError(f"cannot read {path} any more: {error.strerror}") from error


def of_composer(split: SplitResult, song: Composed) -> SplitResult:
    """Return the split of a composed song with its genre, and with the recordings that play some of its parts."""
    cues = {layer.name: layer.sample for layer in song.score.layers}
    parts = [part.model_copy(update={"sample": cues.get(part.track_name)}) for part in split.parts]
    return split.model_copy(update={"genre": song.genre.name, "parts": parts})
