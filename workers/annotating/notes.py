"""The notes of a stem, read from the MIDI file of what sounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import Notes
from schemas.errors import AnnotationError
from schemas.words import counted
from workers.midi.notes import NoteTable, read_notes
from workers.midi.smf import read_midi

#: Digits of every time: microseconds, a fraction of a sample.
TIME_DIGITS: Final = 6


def stem_notes(
    midi: bytes,
    *,
    duration_s: float,
    grid_s: float,
    silent_notes: Iterable[tuple[float, int]] = (),
    sounding: bool = True,
) -> Notes:
    """Return the notes of a stem, sorted by onset, then pitch.

    Args:
        midi: the MIDI file of what sounds.
        duration_s: length of the song's audio.
        grid_s: the engine's timing grid; a release may lie half of it behind the last frame, and is put there.
        silent_notes: onset and sounding pitch of the notes for which the patch started no voice.
        sounding: false where the stem has no audio; what pedals hold beyond the song's end is then cut there.

    Raises:
        MidiError: the file is damaged.
        AnnotationError: a note is not inside the audio.
    """
    table = read_notes(read_midi(midi))
    _check_inside(table, table.offset_s if sounding else table.onset_s, duration_s + grid_s)
    return Notes(
        onset_s=_times(table.onset_s, duration_s),
        offset_s=_times(table.offset_s, duration_s),
        key_off_s=_times(table.key_off_s, duration_s),
        pitch=table.pitch.tolist(),
        velocity=table.velocity.tolist(),
        bent=table.bent.tolist(),
        sounding=_sounding(table, silent_notes) if sounding else [False] * len(table),
    )


def _check_inside(table: NoteTable, times_s: NDArray[np.float64], end_s: float) -> None:
    late = np.flatnonzero((times_s > end_s) | (table.onset_s >= end_s))
    if len(late):
        first = int(late[0])
        raise AnnotationError(
            f"{counted(len(late), 'note')} not inside the audio, which ends at {end_s:.3f} s; the first has pitch "
            f"{table.pitch[first]} and lasts from {table.onset_s[first]:.3f} s to {table.offset_s[first]:.3f} s"
        )


def _times(seconds: NDArray[np.float64], duration_s: float) -> list[float]:
    times: list[float] = np.round(np.minimum(seconds, duration_s), TIME_DIGITS).tolist()
    return times


def _sounding(table: NoteTable, silent_notes: Iterable[tuple[float, int]]) -> list[bool]:
    """Return which notes the patch has a sound for."""
    silent = {(round(onset_s, TIME_DIGITS), pitch) for onset_s, pitch in silent_notes}
    if not silent:
        return [True] * len(table)
    onsets = np.round(table.onset_s, TIME_DIGITS).tolist()
    return [(onset_s, pitch) not in silent for onset_s, pitch in zip(onsets, table.pitch.tolist(), strict=True)]
