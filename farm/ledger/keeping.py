"""The ledger's face for those who look after what it names: files of the stores, ended submissions, its own counters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from farm.ledger import audit, inventory, upkeep
from farm.ledger.face import Face
from farm.ledger.inventory import Ended, SongFiles, StemFile

_T = TypeVar("_T")


class Keeping(Face):
    """What `farm fsck`, `farm purge` and `farm selftest` ask of the ledger; see `Ledger` for what holds of all methods."""

    def stem_files(self, submission_id: int) -> Iterator[StemFile]:
        """Yield the stems of a submission with the names of their files, page by page."""
        return self._pages(inventory.stem_page, submission_id, lambda stem: stem.stem_id)

    def all_song_files(self, submission_id: int) -> Iterator[SongFiles]:
        """Yield the songs of a submission with the names of their MIDI files, page by page."""
        return self._pages(inventory.song_page, submission_id, lambda song: song.song_id)

    def _pages(
        self, page: Callable[[Connection, int, int], list[_T]], submission_id: int, id_of: Callable[[_T], int]
    ) -> Iterator[_T]:
        after = 0
        while items := self._db.read(partial(_page, page=page, submission_id=submission_id, after=after)):
            yield from items
            after = id_of(items[-1])

    def song_files(self, song_id: int) -> SongFiles | None:
        """Return a song under way with the names of its MIDI files; None if it has ended, or is not there."""
        return self._db.read(lambda conn: inventory.song_files(conn, song_id))

    def midi_in_use(self, song_id: int) -> set[str]:
        """Return the MIDI files of a song that other, unfinished songs share: they must stay."""
        return self._db.read(lambda conn: inventory.midi_in_use(conn, song_id))

    def render_anew(self, song_id: int, stem_ids: Collection[int], detail: str) -> int:
        """Have stems rendered again whose files are lost or damaged; the song's mix waits. Returns how many.

        Each counts as a loss of the stem. 0 where the song is mixed or has ended, or one of them was lost too often.
        """
        return self._db.write(lambda tx: upkeep.render_anew(tx, song_id, stem_ids, detail)) if stem_ids else 0

    # ------------------------------------------------------------ ended submissions

    def ended_submissions(self, age_s: float = 0.0) -> list[Ended]:
        """Return the submissions that ended longer than `age_s` ago, the oldest first."""
        return self._db.read(lambda conn: inventory.ended(conn, age_s))

    def check_ended(self, submission_id: int) -> None:
        """Raise UnknownIdError or StateError unless a submission is there and has ended."""
        self._db.write(lambda tx: upkeep.check_ended(tx, submission_id))

    def store_rivals(self, submission_id: int) -> list[int]:
        """Return the other submissions with the same store."""
        return self._db.read(lambda conn: inventory.rivals(conn, submission_id))

    def folder_successor(self, submission_id: int) -> int | None:
        """Return an unfinished submission into the same folder, if there is one."""
        return self._db.read(lambda conn: inventory.successor(conn, submission_id))

    def note_purge(self, submission_id: int, detail: str) -> None:
        """Record that what an ended submission had left was removed."""
        self._db.write(lambda tx: upkeep.note_purge(tx, submission_id, detail))

    def forget(self, submission_id: int) -> None:
        """Remove an ended submission from the ledger, some thousand rows in a transaction; published songs stay.

        Raises:
            UnknownIdError, StateError: there is none, or it has not ended.
        """
        while self._db.write(lambda tx: upkeep.forget_some(tx, submission_id)):
            pass

    # ------------------------------------------------------------ the ledger itself

    def audit(self) -> list[str]:
        """Return every counter that differs from what it counts, in words."""
        return self._db.read(audit.audit)

    def commits(self, submission_id: int) -> dict[int, int]:
        """Return how often each stem was recorded as rendered."""
        return self._db.read(lambda conn: audit.commits(conn, submission_id))

    def outcomes(self, submission_id: int) -> dict[tuple[str, str | None, bool], int]:
        """Count the tries of stems by (outcome, reason, whether found in the store)."""
        return self._db.read(lambda conn: audit.outcomes(conn, submission_id))


def _page(
    conn: Connection, *, page: Callable[[Connection, int, int], list[_T]], submission_id: int, after: int
) -> list[_T]:
    return page(conn, submission_id, after)
