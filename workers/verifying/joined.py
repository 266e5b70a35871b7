"""The MIDI file of all stems: the notes of those that have audio, one track for each."""

from __future__ import annotations

from typing import Final

import numpy as np

from schemas.annotation import Notes, SongAnnotation
from schemas.dataset import SLAKH_PATHS
from schemas.errors import MidiError
from schemas.words import counted
from workers.midi.join import joined_notes
from workers.midi.notes import NoteTable
from workers.verifying.report import Code
from workers.verifying.track import TrackCheck

#: Times of annotation and MIDI may differ by the rounding of either, seconds.
_TIME_TOLERANCE_S: Final = 2e-6


def check_all_stems(track: TrackCheck, song: SongAnnotation) -> None:
    """Compare the file with the annotation, unless a stem's own file differs from that already."""
    file = SLAKH_PATHS.all_stems
    if not track.has(file) or any(finding.code is Code.NOTES_DIFFER for finding in track.findings):
        return
    try:
        tables = joined_notes((track.folder / file).read_bytes())
    except MidiError as error:
        track.add(file, Code.NOTES_DIFFER, f"no MIDI file: {error.message}")
        return
    stems = [stem for stem in song.stems if stem.audio is not None]
    if len(tables) != len(stems):
        track.add(
            file,
            Code.NOTES_DIFFER,
            f"{counted(len(tables), 'track')} of notes, for {counted(len(stems), 'stem')} with audio",
        )
        return
    other = [stem.name for stem, table in zip(stems, tables, strict=True) if not _same(table, stem.notes)]
    if other:
        track.add(file, Code.NOTES_DIFFER, f"other notes than in the annotation of {', '.join(other)}")


def _same(table: NoteTable, notes: Notes) -> bool:
    if not np.array_equal(table.pitch, notes.pitch):
        return False
    return bool(np.all(np.abs(table.onset_s - np.array(notes.onset_s)) <= _TIME_TOLERANCE_S))
