"""Find the versions of one song among many: transposed, faster or slower, cut, played by other instruments.

Every song has a sketch (`SongFacts.sketch`): the smallest hashes of its melodic turns. Up to the smaller of the largest
hashes of two full sketches, both hold all their hashes; of those, the share that the shorter side has in common with
the other estimates how much of the one song is in the other (Broder, "On the resemblance and containment of documents",
1997). Pairs are not all looked at: songs that have a hash in common stand in a row behind it, and each is compared with
the one before it, so that the work grows with the number of songs. A cluster is what hangs together by such pairs: a
medley joins the songs that it is made of, which is what a split without leaks needs.
"""

from __future__ import annotations

import base64
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from schemas.song import SKETCH_SIZE, SongFacts

#: Hashes that two songs must share, and the part of the lesser one that these must be, to be versions of one song. Of
#: 33,000 pairs of pieces by one composer or of one style none that was not a version of the other shared more than 4,
#: and halves and quarters of real songs share from 9 on.
MIN_SHARED: Final = 6
MIN_CONTAINED: Final = 0.15
#: Hashes are looked at in so many groups by their last bits, so that the rows of only one are held at a time.
_GROUPS: Final = 8
#: Songs of one step: some tens of milliseconds.
_STEP: Final = 1_000
_NAME_DIGITS: Final = 16


def clusters(facts: Sequence[SongFacts]) -> dict[str, str]:
    """Return the cluster of every song by its hash: songs that are versions of one another share one.

    A cluster is named after the smallest hash of its songs, so that the order of `facts` changes nothing. Songs of the
    same notes are versions of one another, too; songs without a sketch, such as drums alone, have no other versions.
    """
    return next(found for found in clusters_by_steps(facts) if found is not None)


def clusters_by_steps(facts: Sequence[SongFacts]) -> Iterator[dict[str, str] | None]:
    """Do the same, some thousand songs at each step; yields None after each but the last."""
    songs = {song.song_hash: song for song in facts}
    order = sorted(songs)
    family = _Family(len(order))
    _join_equal(family, [songs[song_hash].fingerprint for song_hash in order])
    distinct = _join_equal(family, [songs[song_hash].sketch for song_hash in order])
    sketches = {index: decoded(text) for text, index in distinct.items()}
    yield None
    for group in range(_GROUPS):
        yield from _join_versions(family, sketches, group)
    names: dict[int, str] = {}
    for index, song_hash in enumerate(order):
        names.setdefault(family.root(index), song_hash[:_NAME_DIGITS])
    yield {song_hash: names[family.root(index)] for index, song_hash in enumerate(order)}


def decoded(sketch: str) -> array[int]:
    """Return the hashes of a sketch, rising; empty where the text is none."""
    hashes = array("I")
    try:
        hashes.frombytes(base64.b64decode(sketch, validate=True))
    except ValueError:
        return array("I")
    if sys.byteorder == "big":
        hashes.byteswap()
    return hashes


def same_song(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two sketches, rising, are those of versions of one song."""
    limit = min(_reach(one), _reach(other))
    ours, theirs = set(one[: bisect_right(one, limit)]), set(other[: bisect_right(other, limit)])
    shared = len(ours & theirs)
    return shared >= MIN_SHARED and shared >= MIN_CONTAINED * min(len(ours), len(theirs))


def _reach(sketch: Sequence[int]) -> int:
    """Return up to where a sketch holds every hash of its song."""
    return sketch[-1] if len(sketch) >= SKETCH_SIZE else 2**32


class _Family:
    """Songs by number, and which are known to belong together (union by smallest number, paths halved)."""

    def __init__(self, count: int) -> None:
        self._parent = array("L", range(count))

    def root(self, index: int) -> int:
        """Return the smallest number of the songs that a song is known to belong with."""
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Let two songs, and all that belong with them, belong together."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first


def _join_equal(family: _Family, texts: Sequence[str]) -> dict[str, int]:
    """Join the songs of equal texts, but not those of none; returns the first song of each text."""
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        if text and first.setdefault(text, index) != index:
            family.join(first[text], index)
    return first


def _join_versions(family: _Family, sketches: dict[int, array[int]], group: int) -> Iterator[None]:
    """Join what the hashes of one group bring together; yields now and then."""
    last: dict[int, int] = {}
    refused: set[tuple[int, int]] = set()
    for done, (index, sketch) in enumerate(sketches.items()):
        for value in [value for value in sketch if value % _GROUPS == group]:
            before = last.get(value)
            last[value] = index
            if before is None or family.root(before) == family.root(index) or (before, index) in refused:
                continue
            if same_song(sketches[before], sketch):
                family.join(before, index)
            else:
                refused.add((before, index))
        if done % _STEP == _STEP - 1:
            yield None
    yield None
