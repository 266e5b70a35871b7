"""A song whose MIDI files are lost or damaged in the store gets them back before it is tried again."""

from __future__ import annotations

import logging
from pathlib import Path

from farm.ledger import Ledger
from schemas.errors import FarmError
from workers.config import WorkerSettings
from workers.fsck.mend import mend_midi
from workers.store import open_store

_log = logging.getLogger(__name__)


def mend_song(ledger: Ledger, song_id: int, settings: WorkerSettings | None = None) -> None:
    """Put the MIDI files of a song under way back into the store; a fault is logged, since the retry tells it again."""
    try:
        song = ledger.song_files(song_id)
        if song is None:
            return
        mended = mend_midi(
            open_store(song.store_root, settings),
            song.song_hash,
            Path(song.source),
            song.midi,
            song.plan,
            song.rejected,
        )
        _log.info("the MIDI files of a song were made sound", extra={"song": song.name, "files": len(mended)})
    except FarmError as error:
        _log.warning("the MIDI files of a song cannot be made again", extra={"song": song_id, "error": error.message})
