"""Room on the disks that a host renders to: looked at before a slot takes work, so that none is begun in vain."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

#: Share of a disk that is left free (Afanasy and OpenCue stop booking a host below 5 %), and the most that this can be: a
#: twentieth of a large array is more than any farm's stems under way.
RESERVE_SHARE: Final = 0.05
RESERVE_BYTES: Final = 4e9
#: Room that a batch needs: its stems, and as much again for the songs that are mixed meanwhile.
BATCHES: Final = 2
#: A host that was full works again only with so much more than the least, so that it does not stop and go with every stem.
MARGIN: Final = 1.25
#: A stem of three minutes, stereo, half of it sounding: what is expected before any was measured, bytes.
FIRST_STEM_BYTES: Final = 32e6
#: A disk that a write found full is not tried again before this, seconds.
PAUSE_S: Final = 30.0
#: Weight of a new stem in the mean.
_SMOOTHING: Final = 0.1


class Space(NamedTuple):
    """Size of a disk and what is free of it for this user, bytes."""

    total: int
    free: int


def wanted_bytes(total: int, batch_bytes: float) -> float:
    """Return how much must be free for another batch: max(5 % of the disk, 4 GB at most; two batches)."""
    return max(min(RESERVE_SHARE * total, RESERVE_BYTES), BATCHES * batch_bytes)


def lacks_room(spaces: Iterable[Space], batch_bytes: float, *, was_full: bool) -> bool:
    """Whether any of these disks has too little room for another batch.

    Args:
        spaces: disks that the work would be written to.
        batch_bytes: size of a batch.
        was_full: whether the last answer was yes; then it stays so until there is clearly more room.
    """
    factor = MARGIN if was_full else 1.0
    return any(space.free < factor * wanted_bytes(space.total, batch_bytes) for space in spaces)


def space_of(folder: Path) -> Space | None:
    """Return the room on the disk of a folder that may not be there yet; None when it cannot be known."""
    for place in (folder, *folder.parents):
        try:
            usage = shutil.disk_usage(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return Space(usage.total, usage.free)
    return None


class Disks:
    """The disks that a slot's work is written to, and whether they have room for more.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.full = False  #: the last answer of `look`
        self._clock = clock
        self._folders: tuple[Path, ...] = ()
        self._stem_bytes = FIRST_STEM_BYTES
        self._measured = False
        self._full_until_s = 0.0

    @property
    def stem_bytes(self) -> float:
        """Mean size of the stems of late."""
        return self._stem_bytes

    def know(self, roots: Iterable[str]) -> None:
        """Look at the disks of these folders from now on."""
        self._folders = tuple(Path(root) for root in sorted({*roots}))

    def add(self, size_bytes: int) -> None:
        """Take the size of a stem into account; one that took no room says nothing."""
        if size_bytes > 0:
            weight = _SMOOTHING if self._measured else 1.0
            self._stem_bytes += weight * (size_bytes - self._stem_bytes)
            self._measured = True

    def fill(self) -> None:
        """Note that a write found no room, whatever the disk says of itself (a quota may be used up)."""
        self.full = True
        self._full_until_s = self._clock() + PAUSE_S

    def look(self, stems: int) -> bool:
        """Look whether there is room for another batch of so many stems, and return whether there is none."""
        if self._clock() >= self._full_until_s:
            self.full = lacks_room(self._spaces(), stems * self._stem_bytes, was_full=self.full)
        return self.full

    def free_bytes(self) -> int | None:
        """Return the room on the fullest disk, or None when no disk is known."""
        return min((space.free for space in self._spaces()), default=None)

    def _spaces(self) -> list[Space]:
        return [space for space in map(space_of, self._folders) if space is not None]
