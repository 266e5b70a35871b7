"""What a stem asks of an instrument besides its notes, and what the farm does of it in the instrument's place.

A plug-in or a Faust instrument may know nothing of pedals, of volume, of the pitch wheel. `SoundSettings.plays` says what it
does know. For the rest, notes last as the pedals hold them, and volume, expression and pan become gains of the audio; bend
and modulation become curves, which an engine may feed to a parameter.

Curves as General MIDI has them: volume and expression give 40 log10(value / 127) dB each (General MIDI 2, section 3.3.2),
pan is of constant power, cos and sin of pi/2 (value - 1) / 126 (RP-036, "Default Pan Curve"); here relative to the centre,
since what is panned has two channels already, and one that is left alone should stay as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.patch import SoundSettings
from workers.midi.controls import TUNING_CONTROLS, bend_steps
from workers.midi.keyboard import RESET_CONTROLLERS, SOSTENUTO, SUSTAIN, holds
from workers.midi.model import (
    BEND,
    CONTROL,
    EVENT,
    KEY_PRESSURE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    Bools,
    Events,
    Floats,
    Ints,
    MidiFile,
    kinds,
)
from workers.midi.notes import NoteTable, read_notes
from workers.midi.parts import BANK_LSB, BANK_MSB, event_places, find_enders, playable
from workers.midi.smf import read_midi, write_midi
from workers.midi.tempo import TempoMap

MODULATION: Final = 1
VOLUME: Final = 7
PAN: Final = 10
EXPRESSION: Final = 11

#: Values until a message says otherwise (General MIDI 1, response to Reset; RP-015 for what CC 121 resets).
_START: Final = {MODULATION: 0, VOLUME: 100, PAN: 64, EXPRESSION: 127}
_RESET_TO: Final = {MODULATION: 0, EXPRESSION: 127}
#: How long a curve takes from one value to the next: long enough that no step clicks, short enough to be heard as one.
RAMP_S: Final = 0.005
#: Drums of which one ends the other: the hi-hats, the whistles, the guiros, the cuicas, the triangles, the scratches and the
#: surdos (General MIDI 2, appendix B: mutually exclusive key numbers).
CHOKES: Final = ((42, 44, 46), (29, 30), (71, 72), (73, 74), (78, 79), (80, 81), (86, 87))
#: Release velocity of a note-off that the stem does not have.
_NEUTRAL_RELEASE: Final = 64
_WHEEL_CENTRE: Final = 8192


class PlayedNote(NamedTuple):
    """One note as it is played."""

    start_s: float
    end_s: float  #: when it is let go, by key and pedals
    key: int
    velocity: int
    audible_s: float  #: when it can first be heard; infinity where volume or expression is zero all along
    choke_s: float = np.inf  #: when another drum ends it at once


@dataclass(frozen=True)
class Curve:
    """A controller over time: straight lines between points, constant before the first and after the last."""

    time_s: Floats
    value: Floats

    @property
    def constant(self) -> float | None:
        """Its value, where it has one only."""
        first = float(self.value[0])
        return first if bool((self.value == first).all()) else None

    def at(self, time_s: Floats) -> Floats:
        """Return the values at these times, seconds; any shape."""
        return np.interp(time_s, self.time_s, self.value)

    def frames(self, start: int, count: int, rate_hz: int) -> Floats:
        """Return the values of `count` frames from frame `start`."""
        return self.at((start + np.arange(count)) / rate_hz)

    def varies(self, start_s: float, end_s: float) -> bool:
        """Whether it moves between two times."""
        inside = self.value[(self.time_s > start_s) & (self.time_s < end_s)]
        ends = self.at(np.array([start_s, end_s]))
        return not bool((inside == ends[0]).all() and ends[0] == ends[1])


@dataclass(frozen=True)
class Performance:
    """A stem as an instrument plays it: its notes, and curves of everything else."""

    notes: list[PlayedNote]  #: by start, then key
    muted: int  #: of them, those whose volume or expression is zero all along
    release_s: float  #: when the last note is let go
    bend: Curve  #: semitones; 0 throughout where the instrument plays no bends
    modulation: Curve  #: 0 to 1
    gain: Curve  #: factor of the audio: volume and expression, of those that the instrument does not play
    pan: Curve  #: 0 left, 0.5 centre, 1 right; 0.5 throughout where the instrument plays it

    @property
    def bends(self) -> bool:
        """Whether wheel or tuning ever take a note off its key."""
        return any(self.bend.varies(note.start_s, note.end_s) or self._bent_at(note) for note in self.notes)

    @cached_property
    def flat_gains(self) -> tuple[float, float] | None:
        """Factors of left and right, where they are the same throughout."""
        gain, pan = self.gain.constant, self.pan.constant
        if gain is None or pan is None:
            return None
        left, right = pan_gains(np.array([pan]))
        return gain * float(left[0]), gain * float(right[0])

    def apply_gains(self, audio: NDArray[np.float32], start: int, rate_hz: int) -> None:
        """Give the frames from `start` on their volume, expression and pan, in place.

        Args:
            audio: float32 [frames, 2].
            start: the frame at which it begins.
            rate_hz: sample rate.
        """
        if self.flat_gains is not None:
            audio *= np.array(self.flat_gains, np.float32)
            return
        gain = self.gain.frames(start, len(audio), rate_hz)
        for channel, factor in enumerate(pan_gains(self.pan.frames(start, len(audio), rate_hz))):
            audio[:, channel] *= (gain * factor).astype(np.float32)

    def _bent_at(self, note: PlayedNote) -> bool:
        return bool(self.bend.at(np.array([note.start_s]))[0] != 0.0)


def volume_gain(value: Floats) -> Floats:
    """Return the factor of a volume or expression of 0 to 127: 40 log10(value / 127) dB."""
    return np.square(value / 127.0)


def pan_gains(position: Floats) -> tuple[Floats, Floats]:
    """Return the factors of left and right for positions of 0 (left) to 1 (right): of constant power, 1 at the centre."""
    angle = position * (np.pi / 2)
    return np.sqrt(2.0) * np.cos(angle), np.sqrt(2.0) * np.sin(angle)


def pan_position(value: Floats) -> Floats:
    """Return the position of a pan of 0 to 127, of which 64 is the centre, and 0 as far left as 1."""
    return (np.maximum(value, 1.0) - 1.0) / 126.0


def make_curve(steps: Sequence[tuple[float, float]], start: float) -> Curve:
    """Return the curve of a controller that jumps: each step becomes a ramp of `RAMP_S` that begins at it.

    A step at time 0 is where the curve starts.

    Args:
        steps: (seconds, value from there on), in order.
        start: value before the first.
    """
    points: list[tuple[float, float]] = [(0.0, start)]
    for time_s, value in steps:
        if time_s <= 0.0:
            points = [(0.0, value)]
            continue
        if value == points[-1][1]:
            continue
        if points[-1][0] > time_s:  # the ramp before it is not yet done
            (since_s, low), (until_s, high) = points[-2], points.pop()
            points.append((time_s, low + (high - low) * (time_s - since_s) / (until_s - since_s)))
        else:
            points.append((time_s, points[-1][1]))
        points.append((time_s + RAMP_S, value))
    columns = np.array(points, np.float64)
    return Curve(columns[:, 0].copy(), columns[:, 1].copy())


def perform(data: bytes, settings: SoundSettings) -> Performance:
    """Read a stem as an instrument with these settings plays it.

    Args:
        data: the MIDI file of a stem, its rules applied.
        settings: of the instrument.

    Raises:
        MidiError: the bytes are no MIDI file, or no stem.
    """
    midi = read_midi(data)
    tempo = TempoMap.from_midi(midi)
    table = read_notes(midi, tempo)
    steps = bend_steps(midi.events, settings.bend_range) if "bend" in settings.plays else []
    volume = _control_curve(midi.events, tempo, VOLUME, settings)
    expression = _control_curve(midi.events, tempo, EXPRESSION, settings)
    pan = _control_curve(midi.events, tempo, PAN, settings)
    depth = _control_curve(midi.events, tempo, MODULATION, None)
    return Performance(
        notes=_notes(table, settings),
        muted=int(table.muted.sum()),
        release_s=float(table.offset_s.max(initial=0.0)),
        bend=make_curve(_timed(steps, tempo), 0.0),
        modulation=Curve(depth.time_s, depth.value / 127.0),
        gain=_product(_gains(volume), _gains(expression)),
        pan=Curve(pan.time_s, pan_position(pan.value)),
    )


def _notes(table: NoteTable, settings: SoundSettings) -> list[PlayedNote]:
    """Return the notes, held as the pedals hold them, with the keys that a drum kit has for them."""
    ends_s = table.key_off_s if "sustain" in settings.plays else table.offset_s
    audible_s = np.where(table.muted, np.inf, table.audible_s)
    chokes_s = _chokes(table) if settings.drums else np.full(len(table), np.inf)
    columns = (table.onset_s, ends_s, table.pitch, table.velocity, audible_s, chokes_s)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        PlayedNote(start_s, end_s, settings.drum_map.get(key, key), velocity, heard_s, choke_s)
        for start_s, end_s, key, velocity, heard_s, choke_s in rows
    ]


def _chokes(table: NoteTable) -> Floats:
    """Return when each drum is ended by another of its group, infinity for never; shape [notes]."""
    ended_s = np.full(len(table), np.inf)
    for group in CHOKES:
        struck = np.flatnonzero(np.isin(table.pitch, group))
        onset_s = table.onset_s[struck]
        later = np.searchsorted(onset_s, onset_s, side="right")
        ended_s[struck] = np.append(onset_s, np.inf)[later]
    return ended_s


def _control_curve(events: Events, tempo: TempoMap, number: int, settings: SoundSettings | None) -> Curve:
    """Return the curve of a controller; its neutral value throughout where the instrument plays it by itself."""
    name = {VOLUME: "volume", EXPRESSION: "expression", PAN: "pan"}.get(number)
    if settings is not None and name in settings.plays:
        return make_curve([], 64.0 if number == PAN else 127.0)
    steps: list[tuple[int, float]] = []
    for tick, _, _, control, value in events[_controls(events, (number, RESET_CONTROLLERS))].tolist():
        if control == number:
            steps.append((tick, float(value)))
        elif number in _RESET_TO:
            steps.append((tick, float(_RESET_TO[number])))
    return make_curve(_timed(steps, tempo), float(_START[number]))


def _timed(steps: list[tuple[int, float]], tempo: TempoMap) -> list[tuple[float, float]]:
    times_s = tempo.seconds([tick for tick, _ in steps]).tolist() if steps else []
    return [(time_s, value) for time_s, (_, value) in zip(times_s, steps, strict=True)]


def _gains(curve: Curve) -> Curve:
    return Curve(curve.time_s, volume_gain(curve.value))


def _product(one: Curve, other: Curve) -> Curve:
    times_s = np.union1d(one.time_s, other.time_s)
    return Curve(times_s, one.at(times_s) * other.at(times_s))


def sent_midi(data: bytes, settings: SoundSettings) -> bytes:
    """Return the MIDI file that a plug-in is sent for a stem: what it plays by itself, and the notes as the farm holds them.

    Program changes and bank selects are left out, since the patch says what plays. Every note has one note-off of its own,
    and none is left hanging.

    Args:
        data: the MIDI file of a stem, its rules applied.
        settings: of the plug-in.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    midi = read_midi(data)
    events = _in_range(midi.events[playable(midi.events)], settings)
    sent = np.flatnonzero(_is_sent(events, settings))
    kept = events[sent].copy()
    pressed = kinds(kept) == KEY_PRESSURE
    kept["d1"][pressed] = _mapped(kept["d1"][pressed], settings)
    notes, places = _note_events(midi, events, settings)
    joined = np.concatenate([kept, notes])
    order = np.lexsort((np.concatenate([event_places(sent), places]), joined["tick"]))
    return write_midi(replace(midi, events=joined[order]))


def _in_range(events: Events, settings: SoundSettings) -> Events:
    """Return the messages with bends for an instrument of one fixed range: wheel, RPN 0 and tuning become its wheel alone.

    What lies beyond the range is bent as far as it goes.
    """
    if "bend" not in settings.plays or "bend_range" in settings.plays:
        return events
    told = np.flatnonzero((kinds(events) == BEND) | _controls(events, (*TUNING_CONTROLS, RESET_CONTROLLERS)))
    replaced = ~_controls(events[told], (RESET_CONTROLLERS,))  # that one brings the wheel to its centre by itself
    steps = np.array([value for _, value in bend_steps(events, settings.bend_range)], np.float64)
    tuned, semitones = told[replaced], steps[replaced]
    places = np.rint(_WHEEL_CENTRE * (1.0 + semitones / settings.bend_range))
    wheel = np.clip(places, 0, 2 * _WHEEL_CENTRE - 1).astype(np.int64)
    bent = events.copy()
    bent["status"][tuned] = BEND | (events["status"][tuned] & 0x0F)
    bent["d1"][tuned], bent["d2"][tuned] = wheel & 0x7F, wheel >> 7
    return bent


def _is_sent(events: Events, settings: SoundSettings) -> Bools:
    """Return which messages besides notes an instrument is sent."""
    kind = kinds(events)
    dropped = [BANK_MSB, BANK_LSB]
    controls = {"volume": (VOLUME,), "expression": (EXPRESSION,), "pan": (PAN,), "modulation": (MODULATION,)}
    for name, numbers in {**controls, "sustain": (SUSTAIN, SOSTENUTO)}.items():
        if name not in settings.plays:
            dropped.extend(numbers)
    if "bend" not in settings.plays:
        dropped.extend(TUNING_CONTROLS)
    sent: Bools = (kind != NOTE_ON) & (kind != NOTE_OFF) & (kind != PROGRAM) & ~_controls(events, dropped)
    if "bend" not in settings.plays:
        sent &= kind != BEND
    return sent


def _note_events(midi: MidiFile, events: Events, settings: SoundSettings) -> tuple[Events, Ints]:
    """Return a note-on and a note-off for every note of a stem, and their places among the other events of a tick.

    A note ends at the latest where its key is struck again, and lasts a tick at least.
    """
    onset = np.flatnonzero((kinds(events) == NOTE_ON) & (events["d2"] > 0))
    ons = events[onset].copy()
    ons["d1"] = _mapped(ons["d1"], settings)
    struck_again = _struck_again(ons)
    end, place = _ends(events, onset, max(midi.end_ticks, default=0), settings)
    place[struck_again <= end] = -1
    offs = ons.copy()
    offs["tick"] = np.maximum(np.minimum(end, struck_again), ons["tick"] + 1)
    offs["status"] = NOTE_OFF | (ons["status"] & 0x0F)
    offs["d2"] = _NEUTRAL_RELEASE
    single = struck_again > ons["tick"]  # of two strikes of a key at once, the last
    made: Events = np.concatenate([ons[single], offs[single]]).astype(EVENT)
    return made, np.concatenate([event_places(onset[single]), place[single]])


def _ends(events: Events, onset: Ints, end_tick: int, settings: SoundSettings) -> tuple[Ints, Ints]:
    """Return when each note is let go, and at which place of that tick.

    That is where its key is let go and among the pedals as they stand there, if the instrument knows pedals; else where key
    and pedals are, before all else.
    """
    key_off, offset = holds(events, onset, end_tick)
    if "sustain" not in settings.plays:
        return offset, np.full(len(onset), -1, np.int64)
    ender, _ = find_enders(events, onset)
    return key_off, event_places(ender) - 1


def _struck_again(ons: Events) -> Ints:
    """Return the tick of the next note-on of each note's key; the largest number where there is none."""
    never = np.iinfo(np.int64).max
    following = np.full(len(ons), never, np.int64)
    order = np.lexsort((np.arange(len(ons)), ons["d1"]))
    same = ons["d1"][order][1:] == ons["d1"][order][:-1]
    following[order[:-1][same]] = ons["tick"][order[1:][same]]
    return following


def _mapped(keys: NDArray[np.uint8], settings: SoundSettings) -> NDArray[np.uint8]:
    table = np.array([settings.drum_map.get(key, key) for key in range(128)], np.uint8)
    mapped: NDArray[np.uint8] = table[keys]
    return mapped


def _controls(events: Events, numbers: Sequence[int]) -> Bools:
    found: Bools = (kinds(events) == CONTROL) & np.isin(events["d1"], numbers)
    return found
