"""Facts of parts: how much each plays, for how long, and between which keys."""

from __future__ import annotations

from typing import Final

import numpy as np

from schemas.gm import program_class
from schemas.song import PartFacts
from workers.midi.model import Floats, Ints, MidiFile
from workers.midi.parts import PartKey, SongNotes

#: Decimals of seconds in facts: a millisecond.
_DECIMALS: Final = 3


def part_facts(midi: MidiFile, notes: SongNotes, onset_s: Floats, end_s: Floats) -> list[PartFacts]:
    """Return the facts of every part, in their order.

    Args:
        onset_s, end_s: of each note, seconds, shape [notes].
    """
    parts = len(notes.keys)
    key = midi.events["d1"][notes.onset].astype(np.int64)
    low, high = np.full(parts, 127), np.zeros(parts, np.int64)
    np.minimum.at(low, notes.part, key)
    np.maximum.at(high, notes.part, key)
    active = active_seconds(notes.part, onset_s, end_s, parts).round(_DECIMALS)
    rows = zip(notes.keys, notes.counts(), active.tolist(), low.tolist(), high.tolist(), strict=True)
    return [_facts(*row) for row in rows]


def active_seconds(part: Ints, onset_s: Floats, end_s: Floats, parts: int) -> Floats:
    """Return for how long each part has a key down; notes that sound together count once.

    Args:
        part: which part each note is of, shape [notes]; notes in the order of their onsets.
        onset_s, end_s: of each note, seconds.
        parts: their number.
    """
    order = np.argsort(part, kind="stable")
    part = part[order]
    # Each part gets a stretch of time of its own, so that one running maximum serves all.
    shift = part * (float(end_s.max(initial=0.0)) + 1.0)
    onset, end = onset_s[order] + shift, end_s[order] + shift
    reached = np.concatenate([[0.0], np.maximum.accumulate(end)[:-1]])
    gained = np.maximum(0.0, end - np.maximum(onset, reached))
    return np.asarray(np.bincount(part, gained, minlength=parts), np.float64)


def longest_rest(onset_s: Floats, end_s: Floats) -> float:
    """Return the longest time in which no note sounds, before the first one or between two; milliseconds are exact.

    Args:
        onset_s, end_s: of each note of all parts, seconds, shape [notes].
    """
    order = np.argsort(onset_s, kind="stable")
    reached = np.concatenate([[0.0], np.maximum.accumulate(end_s[order])])[:-1]
    return round(float(np.max(onset_s[order] - reached, initial=0.0)), _DECIMALS)


def _facts(key: PartKey, notes: int, active_s: float, low: int, high: int) -> PartFacts:
    return PartFacts(
        program=key.program,
        is_drum=key.is_drum,
        inst_class=program_class(key.program, is_drum=key.is_drum),
        notes=notes,
        active_s=active_s,
        low_key=low,
        high_key=high,
    )
