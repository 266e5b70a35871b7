"""Leave out files that hold the music of others: the same bytes, the same notes, another version of the same song."""

from __future__ import annotations

from collections.abc import Mapping

from farm.ledger.records import RejectedFile
from schemas.filters import DuplicatePlan
from schemas.song import SongFacts
from schemas.states import RejectReason

#: Id of a file in the ledger, its path relative to the source's root, and its facts.
ScannedFile = tuple[int, str, SongFacts]


class Sieve:
    """Keeps one file of each content; files are brought to it in the order of their paths.

    Args:
        plan: which kinds of likeness are refused.
        clusters: cluster of every song by its hash.
    """

    def __init__(self, plan: DuplicatePlan, clusters: Mapping[str, str]) -> None:
        self._plan = plan
        self._clusters = clusters
        self._by_hash: dict[str, ScannedFile] = {}
        self._by_notes: dict[str, ScannedFile] = {}

    def refused(self, file: ScannedFile) -> tuple[RejectReason, str] | None:
        """Keep a file, or say why not."""
        song = file[2]
        if song.song_hash in self._by_hash:
            return RejectReason.DUPLICATE, f"same content as {self._by_hash[song.song_hash][1]}"
        if song.fingerprint and self._plan.notes == "reject":
            twin = self._by_notes.setdefault(song.fingerprint, file)
            if twin is not file:
                return RejectReason.SAME_NOTES, f"the same notes as {twin[1]}"
        self._by_hash[song.song_hash] = file
        return None

    def result(self) -> tuple[dict[str, ScannedFile], list[RejectedFile]]:
        """Return the files that are kept by their hashes, and the versions of songs that are not."""
        if self._plan.versions == "keep":
            return self._by_hash, []
        best: dict[str, ScannedFile] = {}
        for file in self._by_hash.values():
            rival = best.setdefault(self._clusters[file[2].song_hash], file)
            if file[2].notes > rival[2].notes:
                best[self._clusters[file[2].song_hash]] = file
        kept: dict[str, ScannedFile] = {}
        rejected: list[RejectedFile] = []
        for song_hash, file in self._by_hash.items():
            taken = best[self._clusters[song_hash]]
            if taken is file:
                kept[song_hash] = file
            else:
                rejected.append(RejectedFile(file[0], RejectReason.SAME_SONG, f"a version of {taken[1]}"))
        return kept, rejected
