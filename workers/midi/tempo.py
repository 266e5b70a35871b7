"""The time of a song: ticks to seconds and back, tempo, meters, key signatures, and the beats that follow from them.

Set Tempo, Time Signature and Key Signature count wherever they stand (RP-001 wants them in the first track; files of
type 1 that have them elsewhere are played by them all the same). Until the first of them a song has 120 beats a
minute and a meter of 4/4, as the standard says. Values that mean nothing are passed over and counted:
`tempo_ignored` (zero microseconds, or not three bytes), `meter_ignored` (no beats, a note value beyond a 128th, or
fewer than two bytes), `key_ignored` (more than seven accidentals, a mode that is neither major nor minor).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from schemas.annotation import Beat, KeySignature, Meter, TempoChange
from workers.midi.beats import MeterChange, beat_table
from workers.midi.model import KEY_SIGNATURE, SET_TEMPO, TIME_SIGNATURE, Floats, Ints, Meta, MidiFile

#: Microseconds of a quarter note until the first Set Tempo: 120 a minute (RP-001, page 10).
DEFAULT_TEMPO_US: Final = 500_000
DEFAULT_METER: Final = (4, 4)
#: Smallest note value of a meter, as a power of two: a 128th.
_MAX_DENOMINATOR_POWER: Final = 7

_MAJOR: Final = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR: Final = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")

_T = TypeVar("_T")


class KeyChange(NamedTuple):
    tick: int
    tonic: str
    is_major: bool


@dataclass(frozen=True)
class TempoMap:
    """Tempo, meters and keys of a song; made by `TempoMap.from_midi`.

    Time is kept as whole numbers: second = (`_number` + (tick - `_tick`) * `_rate`) / `_per_second` in the segment that
    the tick falls into, so that long songs gather no rounding error.
    """

    ticks_per_quarter: int | None  #: None where time runs in SMPTE frames
    tempi_us: tuple[tuple[int, int], ...]  #: (tick, microseconds of a quarter note); the first at tick 0; SMPTE: empty
    meter_changes: tuple[MeterChange, ...]  #: the first at tick 0
    key_changes: tuple[KeyChange, ...]
    warnings: Mapping[str, int]
    _tick: Ints
    _number: Ints
    _rate: Ints
    _per_second: int

    @classmethod
    def from_midi(cls, midi: MidiFile) -> TempoMap:
        """Read the time of a song from its meta events."""
        warnings: Counter[str] = Counter()
        tempi = _changes(midi.metas, SET_TEMPO, _read_tempo, "tempo_ignored", warnings)
        meters = _changes(midi.metas, TIME_SIGNATURE, _read_meter, "meter_ignored", warnings)
        keys = _changes(midi.metas, KEY_SIGNATURE, _read_key, "key_ignored", warnings)
        tempi = _from_start(tempi, DEFAULT_TEMPO_US)
        frames = midi.ticks_per_second
        if frames is None:
            per_second = 1_000_000 * midi.division
            tick, rate = (np.array(column, np.int64) for column in zip(*tempi, strict=True))
        else:
            per_second, tempi = frames.numerator, []
            tick, rate = np.zeros(1, np.int64), np.array([frames.denominator], np.int64)
        number = np.zeros(len(tick), np.int64)
        number[1:] = np.cumsum(np.diff(tick) * rate[:-1])
        return cls(
            midi.ticks_per_quarter,
            tuple(tempi),
            tuple(MeterChange(at, *meter) for at, meter in _from_start(meters, DEFAULT_METER)),
            tuple(KeyChange(at, *key) for at, key in keys),
            dict(sorted(warnings.items())),
            tick,
            number,
            rate,
            per_second,
        )

    def seconds(self, ticks: npt.ArrayLike) -> Floats:
        """Return the time of each tick in seconds; any shape; ticks may be fractions. Rounds once, at the end."""
        at = np.asarray(ticks)
        segment = np.maximum(np.searchsorted(self._tick, at, side="right") - 1, 0)
        number = self._number[segment] + (at - self._tick[segment]) * self._rate[segment]
        return np.asarray(number / self._per_second, np.float64)

    def ticks(self, seconds: npt.ArrayLike) -> Floats:
        """Return the tick of each time, as a fraction; the inverse of `seconds`; any shape."""
        number = np.asarray(seconds, np.float64) * self._per_second
        segment = np.maximum(np.searchsorted(self._number, number, side="right") - 1, 0)
        return np.asarray(self._tick[segment] + (number - self._number[segment]) / self._rate[segment], np.float64)

    def tempo_changes(self) -> list[TempoChange]:
        """Return the tempo at time 0 and every change, in quarter notes a minute; empty under SMPTE time."""
        times = self.seconds([tick for tick, _ in self.tempi_us])
        return [
            TempoChange(time_s=time, bpm=60e6 / tempo)
            for time, (_, tempo) in zip(times.tolist(), self.tempi_us, strict=True)
        ]

    def meters(self) -> list[Meter]:
        """Return the meter at time 0 and every change."""
        times = self.seconds([change.tick for change in self.meter_changes])
        return [
            Meter(time_s=time, numerator=change.numerator, denominator=change.denominator)
            for time, change in zip(times.tolist(), self.meter_changes, strict=True)
        ]

    def keys(self) -> list[KeySignature]:
        """Return the key signatures the file states; none where it states none."""
        times = self.seconds([change.tick for change in self.key_changes])
        return [
            KeySignature(time_s=time, tonic=change.tonic, mode="major" if change.is_major else "minor")
            for time, change in zip(times.tolist(), self.key_changes, strict=True)
        ]

    def beats_until(self, end_s: float) -> list[Beat]:
        """Return every beat from time 0 that starts before `end_s`, with its bar and its position in the bar.

        See `workers.midi.beats` for what a beat is. SMPTE time knows no quarter notes, hence no beats: empty.

        Raises:
            MidiError: there are more beats than a song can have (`workers.midi.beats.MAX_BEATS`).
        """
        if self.ticks_per_quarter is None or end_s <= 0:
            return []
        end_tick = float(self.ticks(end_s))
        tick, bar, position = beat_table(self.meter_changes, self.ticks_per_quarter, end_tick)
        times = self.seconds(tick)
        keep = times < end_s
        columns = (times[keep].tolist(), bar[keep].tolist(), position[keep].tolist())
        return [Beat(time_s=time, bar=number, position=at) for time, number, at in zip(*columns, strict=True)]


def _changes(
    metas: Sequence[Meta], kind: int, read: Callable[[bytes], _T | None], warning: str, warnings: Counter[str]
) -> list[tuple[int, _T]]:
    """Return (tick, value) of the metas of one kind: the last at each tick, and only where the value changes."""
    latest: dict[int, _T] = {}
    for meta in metas:
        if meta.type != kind:
            continue
        value = read(meta.data)
        if value is None:
            warnings[warning] += 1
        else:
            latest[meta.tick] = value
    changes: list[tuple[int, _T]] = []
    for tick, value in sorted(latest.items(), key=lambda item: item[0]):
        if not changes or changes[-1][1] != value:
            changes.append((tick, value))
    return changes


def _from_start(changes: list[tuple[int, _T]], default: _T) -> list[tuple[int, _T]]:
    """Put the standard's default before the first change, unless that is at tick 0 or is the default itself."""
    if changes and changes[0][0] == 0:
        return changes
    rest = changes[1:] if changes and changes[0][1] == default else changes
    return [(0, default), *rest]


def _read_tempo(data: bytes) -> int | None:
    tempo_us = int.from_bytes(data, "big")
    return tempo_us if len(data) == 3 and tempo_us > 0 else None


def _read_meter(data: bytes) -> tuple[int, int] | None:
    if len(data) < 2 or data[0] == 0 or data[1] > _MAX_DENOMINATOR_POWER:
        return None
    return data[0], 1 << data[1]


def _read_key(data: bytes) -> tuple[str, bool] | None:
    if len(data) < 2 or data[1] > 1:
        return None
    accidentals = data[0] - 256 if data[0] > 127 else data[0]
    if abs(accidentals) > 7:
        return None
    names = _MAJOR if data[1] == 0 else _MINOR
    return names[accidentals + 7], data[1] == 0
