"""Submixes: every stem in one group of each, every group the exact sum of its stems, its levels as written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from schemas.annotation import SongAnnotation
from schemas.submix import SubmixGroup
from schemas.words import counted
from workers.audio.files import Block
from workers.verifying.report import Code
from workers.verifying.sums import FLOAT_SUM_TOLERANCE, difference
from workers.verifying.track import TrackCheck


def groups_by_file(song: SongAnnotation) -> dict[str, SubmixGroup]:
    """Return the groups of all submixes of a song by their audio files."""
    return {group.audio: group for submix in song.submixes for group in submix.groups}


def check_partition(track: TrackCheck, song: SongAnnotation) -> None:
    """Every stem that has audio is in exactly one group of each submix, and nothing else is."""
    audible = Counter(stem.name for stem in song.stems if stem.audio is not None)
    for submix in song.submixes:
        grouped = Counter(stem for group in submix.groups for stem in group.stems)
        if grouped != audible:
            wrong = sorted((grouped - audible) + (audible - grouped))
            message = f"the submix {submix.recipe} has stems that are missing, doubled or none: {', '.join(wrong)}"
            track.add("", Code.SUBMIX_WRONG, message)


class GroupSums:
    """Compares every group with the sum of its stems, block by block."""

    def __init__(self, song: SongAnnotation) -> None:
        audio = {stem.name: stem.audio for stem in song.stems}
        self._rate_hz = song.rate_hz
        self._members = {
            file: [audio.get(stem) for stem in group.stems] for file, group in groups_by_file(song).items()
        }
        self._wrong: dict[str, int] = {}
        self._first: dict[str, int] = {}

    def push(self, start: int, blocks: Mapping[str, Block | None]) -> None:
        """Take the next block of every file, None where it broke off, which begins at frame `start`."""
        for file, members in self._members.items():
            parts = {member: blocks.get(member or "") for member in members}
            if blocks.get(file) is None or any(block is None for block in parts.values()):
                continue  # a finding of its own
            whole = {name: block for name, block in {**parts, file: blocks[file]}.items() if block is not None}
            missed = difference({str(name): block for name, block in whole.items()}, file)
            tolerance = FLOAT_SUM_TOLERANCE if missed.dtype == np.float64 else 0
            wrong = np.flatnonzero((np.abs(missed) > tolerance).any(axis=1))
            if len(wrong):
                self._first.setdefault(file, start + int(wrong[0]))
                self._wrong[file] = self._wrong.get(file, 0) + len(wrong)

    def tell(self, track: TrackCheck) -> None:
        """Note what is wrong, after the last block."""
        for file, frames in self._wrong.items():
            where = f"from {self._first[file] / self._rate_hz:.3f} s on"
            track.add(
                file, Code.NOT_THE_SUM, f"in {counted(frames, 'frame')} it is not the sum of the group's stems, {where}"
            )
