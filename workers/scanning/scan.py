"""Reads MIDI files for their facts: identity, length, parts, notes; or says by name why a file is no song.

The farm's own reader gives the facts, the one that also splits: parts depend on channels, banks and on program
changes that stand in other tracks, which symusic does not tell, and one reader for both is what makes scan and split
agree. It needs 1 ms for a file of 40 KB, so that nothing is lost by it. symusic then reads the file a second time,
independently, in 0.3 ms; a file in which it finds another number of notes, or which it refuses, is marked by
`SongFacts.parser`, so that such files can be listed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import symusic

from schemas.errors import MidiError, MidiNotFoundError
from schemas.song import ScanResult, SongFacts
from schemas.states import RejectReason
from workers.midi.model import MidiFile
from workers.midi.parts import find_notes
from workers.midi.smf import MAX_FILE_BYTES, read_midi
from workers.midi.tempo import TempoMap
from workers.scanning.likeness import fingerprint, sketch
from workers.scanning.parts import longest_rest, part_facts

#: `SongFacts.parser` where both readers found the same number of notes, and where they did not.
CONFIRMED: Final = "smf+symusic"
UNCONFIRMED: Final = "smf"

_LOG = logging.getLogger(__name__)


def scan_file(path: Path) -> SongFacts:
    """Read one file for its facts; some 4 ms of one core for 40 KB.

    Raises:
        MidiNotFoundError: there is no file at `path`.
        NoNotesError: a sound MIDI file in which no note is played.
        MidiError: the file cannot be read, or is no Standard MIDI File, or is damaged.
        All have the `schemas.states.RejectReason` of the file as their `reason`.
    """
    return scan_song(_read(path))


def scan_song(data: bytes) -> SongFacts:
    """Read the bytes of a file for its facts.

    Raises:
        NoNotesError: a sound MIDI file in which no note is played.
        MidiError: the bytes are no Standard MIDI File, or damaged.
    """
    midi = read_midi(data)
    notes = find_notes(midi)
    tempo = TempoMap.from_midi(midi)
    onset_s, end_s = tempo.seconds(midi.events["tick"][notes.onset]), tempo.seconds(notes.end_tick)
    return SongFacts(
        song_hash=hashlib.sha256(data).hexdigest(),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        size_bytes=len(data),
        midi_type=midi.midi_type,
        duration_s=float(end_s.max()),
        notes=len(notes.onset),
        parts=part_facts(midi, notes, onset_s, end_s),
        parser=CONFIRMED if _symusic_count(data, midi) == len(notes.onset) else UNCONFIRMED,
        fingerprint=fingerprint(notes, midi, onset_s, end_s),
        longest_rest_s=longest_rest(onset_s, end_s),
        tempo_bpm=_tempi(tempo, float(end_s.max())),
        sketch=sketch(notes, midi, tempo),
    )


def _tempi(tempo: TempoMap, until_s: float) -> tuple[float, float] | None:
    """Return the slowest and the fastest tempo before a time; None where time is not counted in beats."""
    found = [round(change.bpm, 3) for change in tempo.tempo_changes() if change.time_s < until_s]
    return (min(found), max(found)) if found else None


def scan_files(files: Sequence[tuple[int, Path]]) -> list[ScanResult]:
    """Read files for their facts; whatever is wrong with one is its own result, in the order of `files`.

    Args:
        files: (file id, path) pairs.
    """
    return [_scan(file_id, path) for file_id, path in files]


def _scan(file_id: int, path: Path) -> ScanResult:
    try:
        return ScanResult(file_id=file_id, facts=scan_file(path))
    except MidiError as error:
        return ScanResult(file_id=file_id, reason=RejectReason(error.reason), detail=error.message)
    except Exception as error:  # noqa: BLE001 - one file, whatever it holds, must not stop a submission
        _LOG.exception("the reader failed on a file", extra={"action": "scan", "file_id": file_id})
        detail = f"the reader itself failed: {type(error).__name__}: {error}"
        return ScanResult(file_id=file_id, reason=RejectReason.UNREADABLE, detail=detail)


def _read(path: Path) -> bytes:
    """Read a file, but not one that is too large to be a song."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MidiError(f"the file has {size} bytes, more than the {MAX_FILE_BYTES} that a song may have")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MidiNotFoundError("there is no such file") from error
    except OSError as error:
        raise MidiError(f"the file cannot be read: {error.strerror}") from error


def _symusic_count(data: bytes, midi: MidiFile) -> int | None:
    """Return the number of notes that symusic finds; None where it refuses the file or cannot know its time."""
    if midi.midi_type == 2 or midi.ticks_per_quarter is None:
        return None
    try:
        return int(symusic.Score.from_midi(data).note_num())  # type: ignore[attr-defined]  # its stubs lack it
    except (RuntimeError, ValueError):
        return None
