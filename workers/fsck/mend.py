"""MIDI files of a store that are lost or damaged are made again from the song that they were split from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from schemas.errors import MidiError, PlanError, RefusedError, StoreError
from schemas.plan import DatasetPlan
from schemas.quality import Rejection
from workers.midi.split import split_song
from workers.sources import song_bytes
from workers.store import Kind, Store


def mend_midi(
    store: Store,
    song_hash: str,
    source: Path,
    wanted: Collection[str],
    plan: DatasetPlan | None = None,
    rejected: Sequence[Rejection] = (),
) -> list[str]:
    """Split a song again, and put back what of `wanted` is not sound; returns what is sound now, sorted.

    The song is read from the store's own copy of it, else from where it was found; with a plan that composes, it is
    composed again, as the try after those that are `rejected`. The split is a pure function of the song, so what it
    writes is what was there.

    Raises:
        StoreError: neither copy of the song is the song any more.
        DiskFullError, OutputError, StoreAwayError: the store cannot be written.
    """
    data = _song(store, song_hash, source, plan, rejected)
    try:
        made = {hashlib.sha256(midi).hexdigest(): midi for midi in split_song(data)[1].values()}
    except MidiError as error:
        raise StoreError(f"the song {song_hash[:12]} cannot be split any more: {error.message}") from error
    made[song_hash] = data
    mended = sorted(name for name in wanted if name in made)
    for name in mended:
        if not is_sound(store, name):
            store.remove(Kind.MIDI, name)
            store.put_midi(made[name])
    return mended


def is_sound(store: Store, sha256: str) -> bool:
    """Whether a MIDI file is in the store, and what its name says."""
    try:
        store.get_midi(sha256)
    except StoreError:
        return False
    return True


def _song(store: Store, song_hash: str, source: Path, plan: DatasetPlan | None, rejected: Sequence[Rejection]) -> bytes:
    with suppress(StoreError):
        return store.get_midi(song_hash)
    with suppress(OSError, PlanError, RefusedError):
        data = source.read_bytes() if plan is None else song_bytes(plan, "", source.name, rejected)
        if hashlib.sha256(data).hexdigest() == song_hash:
            return data
    raise StoreError(
        f"the store has lost the song {song_hash[:12]}, and {source.name} is not that file any more",
        hint="Put the source file back as it was, then run `farm fsck --repair`",
    )
