"""Tempo, meters, keys, beats and downbeats of a song, as far as its audio goes."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

from schemas.annotation import Beat, KeySignature, Meter, TempoChange
from workers.annotating.notes import TIME_DIGITS
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap

_BPM_DIGITS = 6
_Timed = TypeVar("_Timed", TempoChange, Meter, KeySignature, Beat)


class SongTime(NamedTuple):
    """Everything that the tempo map says before the end of the audio."""

    tempo: list[TempoChange]
    meters: list[Meter]
    keys: list[KeySignature]
    beats: list[Beat]

    @property
    def downbeats_s(self) -> list[float]:
        """Times of the first beat of every bar."""
        return [beat.time_s for beat in self.beats if beat.position == 1]


def song_time(source_midi: bytes, *, duration_s: float, music_s: float = math.inf) -> SongTime:
    """Read the tempo map of a song's MIDI file.

    Args:
        source_midi: the file.
        duration_s: length of the audio: nothing is later.
        music_s: end of the last note: where nobody plays any more there is no beat.

    Raises:
        MidiError: the file is damaged, or has more beats than any song.
    """
    tempo_map = TempoMap.from_midi(read_midi(source_midi))
    tempo = [change.model_copy(update={"bpm": round(change.bpm, _BPM_DIGITS)}) for change in tempo_map.tempo_changes()]
    return SongTime(
        tempo=_inside(tempo, duration_s),
        meters=_inside(tempo_map.meters(), duration_s),
        keys=_inside(tempo_map.keys(), duration_s),
        beats=_inside(tempo_map.beats_until(min(music_s, duration_s)), duration_s),
    )


def _inside(items: list[_Timed], duration_s: float) -> list[_Timed]:
    """Keep what lies before the end, with times in whole microseconds."""
    rounded = [item.model_copy(update={"time_s": round(item.time_s, TIME_DIGITS)}) for item in items]
    return [item for item in rounded if item.time_s < duration_s]
