"""A composed song that is published may be a later try than the one that a farm without its ledger would begin with."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from farm.ledger import SongWork
from schemas.annotation import SongAnnotation
from schemas.compose import number_of
from schemas.dataset import ANNOTATION
from schemas.errors import RefusedError
from schemas.quality import Rejection
from schemas.song import ComposedAnew, SongSpec
from workers.composing.song import composed
from workers.scanning.scan import scan_song
from workers.tasks.staging import track_folder


def as_published(work: SongWork) -> tuple[SongSpec, ComposedAnew | None]:
    """Return a song as the try at it that is published, and what that is where the ledger knows another one.

    Whether it is the song that is published there is not looked at.
    """
    rejected = [] if work.plan.compose is None else _rejected(track_folder(work))
    if rejected == work.song.rejected or not any(item.is_late for item in rejected):
        return work.song, None
    try:
        facts = scan_song(composed(work.plan, number_of(work.song.source), rejected).midi)
    except RefusedError:
        return work.song, None
    values = {"song_hash": facts.song_hash, "facts": facts, "rejected": rejected}
    return work.song.model_copy(update=values), ComposedAnew(facts=facts, rejected=rejected)


def _rejected(final: Path) -> list[Rejection]:
    """Return the tries that a published song was made after; none where nothing is published that can be read."""
    path = final / ANNOTATION
    if not path.is_file():
        return []
    try:
        made = SongAnnotation.model_validate_json(path.read_bytes()).composed
    except ValidationError:
        return []
    return [] if made is None else made.rejected
