"""The check of a composed song before it is played: what must not be, and how well its melody is made. Some 2 ms a song."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from schemas.genre import CHORD_TYPES
from schemas.quality import Flaw, SymbolicScore
from schemas.score import Layer, Score, ScoreNote
from workers.scoring.profiles import KEY_PROFILES, standard

#: A melody more of whose notes are one pitch is stuck; one with a wider range, in semitones, is none.
_STUCK_SHARE: Final = 0.8
_WIDEST: Final = 36
_STEP: Final = 2
_PHRASE: Final = 3
_DIGITS: Final = 4


def check_score(score: Score, scale: Sequence[int]) -> SymbolicScore:
    """Return what is wrong with a song and how well it is made.

    Args:
        score: the song.
        scale: pitch classes of its key.
    """
    flaws = _flaws(score)
    notes = _melody(score.layers)
    parts = {
        "key": _key(notes),
        "scale": _share(note.key % 12 in set(scale) for note in notes),
        "steps": _share(abs(one.key - two.key) <= _STEP for one, two in pairwise(notes)),
        "variety": _variety(notes),
        "texture": _texture(notes),
        "chords": _on_chords(notes, score),
    }
    mean = 0.0 if flaws else sum(parts.values()) / len(parts)
    return SymbolicScore(
        score=round(mean, _DIGITS), flaws=flaws, **{name: round(part, _DIGITS) for name, part in parts.items()}
    )


def _melody(layers: Sequence[Layer]) -> list[ScoreNote]:
    """Return the notes of the first melody in order; without one, of the first layer that has pitches."""
    pitched = [layer for layer in layers if not layer.is_drum]
    leading = next((layer for layer in pitched if layer.role == "melody"), pitched[0] if pitched else None)
    return [] if leading is None else sorted(leading.notes)


def _flaws(score: Score) -> list[Flaw]:
    keys = [note.key for note in _melody([layer for layer in score.layers if layer.role == "melody"])]
    found = {
        Flaw.EMPTY_LAYER: not score.layers or any(not layer.notes for layer in score.layers),
        Flaw.STUCK_MELODY: len(keys) >= _PHRASE and Counter(keys).most_common(1)[0][1] > _STUCK_SHARE * len(keys),
        Flaw.WIDE_MELODY: bool(keys) and max(keys) - min(keys) > _WIDEST,
        Flaw.NOTE_OUTSIDE: any(
            note.start < 0 or note.end > score.end for layer in score.layers for note in layer.notes
        ),
        Flaw.SAME_KEY_TWICE: any(_overlaps(layer.notes) for layer in score.layers),
    }
    return [flaw for flaw, is_there in found.items() if is_there]


def _overlaps(notes: Sequence[ScoreNote]) -> bool:
    """Whether a key is struck while it sounds."""
    ends: dict[int, int] = {}
    for note in sorted(notes):
        if ends.get(note.key, note.start) > note.start:
            return True
        ends[note.key] = note.end
    return False


def _share(truths: Iterable[bool]) -> float:
    """Return how many of some truths hold; of none, all do."""
    held = list(truths)
    return sum(held) / len(held) if held else 1.0


def _key(notes: Sequence[ScoreNote]) -> float:
    if not notes:
        return 0.0
    counts = np.bincount([note.key % 12 for note in notes], minlength=12).astype(float)
    return (float((KEY_PROFILES @ standard(counts)).max()) + 1.0) / 2.0


def _variety(notes: Sequence[ScoreNote]) -> float:
    """Return the entropy of three notes in a row, relative to all of them being different."""
    threes = Counter(zip(*([note.key for note in notes][start:] for start in range(_PHRASE)), strict=False))
    total = threes.total()
    if total <= 1:
        return 0.0
    shares = np.array(list(threes.values())) / total
    return float(-(shares * np.log2(shares)).sum() / np.log2(total))


def _texture(notes: Sequence[ScoreNote]) -> float:
    raw = bytes(note.key for note in notes)
    return min(1.0, len(zlib.compress(raw)) / len(raw)) if raw else 0.0


def _on_chords(notes: Sequence[ScoreNote], score: Score) -> float:
    """Return the share of the melody's time on tones of the chord that it begins over."""
    starts = [chord.start for chord in score.chords]
    total = sum(note.end - note.start for note in notes)
    if not total or not starts:
        return 0.0
    held = 0
    for note in notes:
        chord = score.chords[max(0, bisect_right(starts, note.start) - 1)]
        if (note.key - chord.root) % 12 in {step % 12 for step in CHORD_TYPES[chord.quality]}:
            held += note.end - note.start
    return held / total
