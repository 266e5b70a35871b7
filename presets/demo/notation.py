"""The notation that the demo songs are written in: melodies as text, chords, basses and drums as patterns.

Times are in quarter-note beats from the start, pitches are MIDI numbers (C4 = 60), levels are MIDI velocities. What
makes the playing uneven is drawn from a generator seeded by song and part, so that a song is the same bytes each time.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import mido

TICKS = 480  # per quarter note
SEMITONE = 4096  # of pitch bend, at the default range of two semitones
DRUM_CHANNEL = 9
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHAPES = {"": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10), "6": (0, 4, 7, 9), "5": (0, 7)}
DRUMS = {
    "kick": 36, "stick": 37, "snare": 38, "low": 41, "hat": 42, "floor": 43, "open": 46, "mid": 47, "crash": 49,
    "high": 50, "ride": 51, "tamb": 54, "bell": 56, "block": 76, "triangle": 81,
}  # fmt: skip
LEVELS = {"X": 112, "x": 94, "o": 76, "g": 46}  # letters of a drum pattern: accent, plain, soft, ghost

Chord = tuple[float, float, str]  # start, length, name


def pitch(name: str) -> int:
    """Return the MIDI number of a pitch such as `F#4`."""
    step, alter, octave = _match(r"([A-G])([#b]?)(-?\d)", name)
    return STEPS[step] + {"": 0, "#": 1, "b": -1}[alter] + 12 * (int(octave) + 1)


def tones(chord: str) -> list[int]:
    """Return the pitch classes of a chord such as `F#m7`, root first."""
    step, alter, shape = _match(r"([A-G])([#b]?)(.*)", chord)
    root = STEPS[step] + {"": 0, "#": 1, "b": -1}[alter]
    return [(root + interval) % 12 for interval in SHAPES[shape]]


def _match(pattern: str, text: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, text)
    if found is None:
        raise SystemExit(f"{text!r} is neither a pitch nor a chord")
    return found.groups()


def voicing(chord: str, previous: list[int]) -> list[int]:
    """Return the close position of a chord that moves least from the previous one."""
    classes = tones(chord)
    found = []
    for low in range(min(previous) - 7, min(previous) + 8):
        if low % 12 in classes:
            turn = classes.index(low % 12)
            steps = [(pc - low) % 12 for pc in classes[turn:] + classes[:turn]]
            found.append([low + step for step in sorted(steps)])
    middle = sum(previous) / len(previous)
    return min(found, key=lambda notes: (abs(sum(notes) / len(notes) - middle), notes))


class Part:
    """One track: notes with a player's unevenness, and the controllers between them."""

    def __init__(
        self, song: Song, name: str, program: int, *, volume: int = 100, pan: int = 64, drums: bool = False
    ) -> None:
        self.song, self.name, self.drums = song, name, drums
        self.channel = DRUM_CHANNEL if drums else song.channel()
        self.draw = random.Random(f"{song.title}/{name}").random
        self.notes: list[list[int]] = []
        self.controls: list[tuple[int, mido.Message]] = []
        self.program(0, program)
        self.control(0, 7, volume)
        self.control(0, 10, pan)
        song.parts.append(self)

    def send(self, beat: float, kind: str, **fields: int) -> None:
        """Add a channel message."""
        self.controls.append((round(beat * TICKS), mido.Message(kind, channel=self.channel, **fields)))

    def program(self, beat: float, program: int) -> None:
        self.send(beat, "program_change", program=program)

    def control(self, beat: float, control: int, value: float) -> None:
        self.send(beat, "control_change", control=control, value=max(0, min(127, round(value))))

    def swell(self, beat: float, length: float, low: int, high: int) -> None:
        """Let the expression (CC 11) rise from low to high and fall half way back."""
        for step in range(9):
            shape = math.sin(math.pi * step / 12) if step < 7 else 1 - (step - 6) / 4
            self.control(beat + length * step / 9, 11, low + (high - low) * shape)

    def scoop(self, beat: float, length: float, semitones: float) -> None:
        """Slide the pitch wheel from a distance to the centre."""
        for step in range(9):
            self.send(beat + length * step / 8, "pitchwheel", pitch=round(semitones * SEMITONE * (1 - step / 8) ** 1.5))

    def shake(self, beat: float, length: float, cents: float = 18) -> None:
        """Play a vibrato that grows, six to the half note, and end in the centre."""
        count = int(length * 16)
        for step in range(count):
            depth = cents / 100 * SEMITONE * step / count
            self.send(beat + step / 16, "pitchwheel", pitch=round(depth * math.sin(2 * math.pi * step / 5)))
        self.send(beat + length, "pitchwheel", pitch=0)

    def pedal(self, beat: float, length: float) -> None:
        """Hold the sustain pedal (CC 64) for a length."""
        self.control(beat + 0.04, 64, 127)
        self.control(beat + length - 0.06, 64, 0)

    def note(self, beat: float, length: float, key: int, level: float) -> None:
        """Play a note: a few ticks and a few velocity steps off, as a hand would."""
        start = max(0, round(self.song.feel(beat) * TICKS + (self.draw() - 0.5) * 10))
        end = round(self.song.feel(beat + length) * TICKS) - 6
        velocity = max(12, min(126, round(level + (self.draw() - 0.5) * 9)))
        self.notes.append([start, max(end, start + 20), key, velocity])

    def line(self, at: float, text: str, level: float, *, unit: float = 1.0, up: int = 0, hold: float = 0.94) -> None:
        """Play a melody: `pitch:length` words in units, `r` for a rest, bars closed by `|` and counted.

        Phrases of four bars swell and fade, downbeats are leaned on.
        """
        phrase, beat = 4 * self.song.bar, at
        for word in text.split():
            if word == "|":
                self.song.check_bar(beat, self.name)
                continue
            name, length = word.split(":")
            size = float(length) * unit
            if name != "r":
                arch = 11 * math.sin(math.pi * ((beat - at) % phrase) / phrase)
                lean = 6 if beat % self.song.bar == 0 else 0
                for key in name.split("+"):
                    self.note(beat, size * hold, pitch(key) + up, level + arch + lean)
            beat += size

    def comp(self, chords: list[Chord], around: str, hits: str, level: float, *, hold: float = 0.9) -> None:
        """Play chords in a rhythm, led from voicing to voicing by the nearest way.

        A hit is `offset/length/voices`: voices are indexes from below (`0`, `12`), `*` for all, `b` for the root an
        octave down; `'` raises it by an octave, `!` leans on it. Offsets count from the bar.
        """
        notes = [pitch(around), pitch(around) + 4, pitch(around) + 7]
        for start, length, name in chords:
            notes = voicing(name, notes)
            for offset, size, voices in (hit.split("/") for hit in hits.split()):
                beat = start - start % self.song.bar + float(offset)
                if not start <= beat < start + length:
                    continue
                up, lean = 12 * voices.count("'"), 12 * voices.count("!")
                for key in self.pick(voices.strip("'!"), notes, name):
                    self.note(beat, float(size) * hold, key + up, level + lean)

    @staticmethod
    def pick(voices: str, notes: list[int], chord: str) -> list[int]:
        if voices == "*":
            return notes
        if voices == "b":
            root = tones(chord)[0]
            return [notes[0] - 12 - (notes[0] - root) % 12]
        return [notes[int(voice) % len(notes)] + 12 * (int(voice) // len(notes)) for voice in voices]

    def bass(self, chords: list[Chord], low: str, hits: str, level: float, *, hold: float = 0.9) -> None:
        """Play a bass: `offset/length/degree`, degree one of 1 3 5 8, or `>` for a half step below the next root."""
        floor = pitch(low)
        for index, (start, length, name) in enumerate(chords):
            classes, after = tones(name), tones(chords[(index + 1) % len(chords)][2])[0]
            root = floor + (classes[0] - floor) % 12
            keys = {"1": root, "8": root + 12, "3": root + (classes[1] - classes[0]) % 12}
            keys["5"] = root + 7 if root + 7 < floor + 12 else root - 5
            keys[">"] = floor - 1 + (after - floor) % 12
            for offset, size, degree in (hit.split("/") for hit in hits.split()):
                beat = start - start % self.song.bar + float(offset)
                if start <= beat < start + length:
                    self.note(beat, float(size) * hold, keys[degree], level + (8 if offset == "0" else 0))

    def beat(self, at: float, bars: int, step: float, **patterns: str) -> None:
        """Play drum patterns, one letter a step (see `LEVELS`), repeated to the end of the bars."""
        for name, pattern in patterns.items():
            for index in range(round(bars * self.song.bar / step)):
                level = LEVELS.get(pattern[index % len(pattern)])
                if level:
                    self.note(at + index * step, step * 0.9, DRUMS[name], level)

    def messages(self) -> Iterator[tuple[int, int, mido.Message]]:
        """Yield (tick, order, message); a key that is struck again is released first."""
        yield from ((tick, 1, message) for tick, message in self.controls)
        last: dict[int, list[int]] = {}
        for note in sorted(self.notes):
            before = last.get(note[2])
            if before is not None:
                before[1] = min(before[1], note[0])
            last[note[2]] = note
        for start, end, key, velocity in self.notes:
            yield start, 2, mido.Message("note_on", channel=self.channel, note=key, velocity=velocity)
            yield end, 0, mido.Message("note_off", channel=self.channel, note=key, velocity=64)


class Song:
    """A song: its meter, key and tempo map, and its parts."""

    def __init__(self, title: str, credit: str, meter: tuple[int, int], key: str, *, swing: float = 0.5) -> None:
        self.title, self.credit, self.meter, self.key, self.swing = title, credit, meter, key, swing
        self.bar = meter[0] * 4 / meter[1]
        self.parts: list[Part] = []
        self.tempos: list[tuple[float, float]] = []
        self.marks: list[tuple[float, str]] = []

    def channel(self) -> int:
        """Return the next free channel that is not the drums'."""
        return [channel for channel in range(16) if channel != DRUM_CHANNEL][sum(not part.drums for part in self.parts)]

    def feel(self, beat: float) -> float:
        """Bend straight eighths into swung ones: the off-beat comes at `swing` of the beat."""
        whole, part = divmod(beat, 1.0)
        return whole + (part * 2 * self.swing if part < 0.5 else self.swing + (part - 0.5) * 2 * (1 - self.swing))

    def check_bar(self, beat: float, who: str) -> None:
        """Stop where a melody's bar is not full."""
        if abs(beat / self.bar - round(beat / self.bar)) > 1e-9:
            raise SystemExit(f"{self.title}, {who}: the bar that ends at beat {beat:g} is not full")

    def chords(self, at: float, text: str) -> list[Chord]:
        """Read chord names, bars divided by `|`; several names share their bar equally."""
        bars = [bar.split() for bar in text.split("|")]
        return [
            (at + index * self.bar + place * self.bar / len(names), self.bar / len(names), name)
            for index, names in enumerate(bars)
            for place, name in enumerate(names)
        ]

    def slope(self, start: float, length: float, first: float, last: float) -> None:
        """Change the tempo evenly from first to last (quarter notes a minute), one step a beat."""
        count = max(1, round(length))
        self.tempos += [(start + i * length / count, first + (last - first) * (i + 1) / count) for i in range(count)]

    def write(self, path: Path) -> None:
        """Write a standard MIDI file of type 1: track 0 holds tempo and texts, every part is a track of its own."""
        file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
        meta = mido.MetaMessage
        top = [
            (0, 0, meta("track_name", name=self.title)),
            (0, 0, meta("copyright", text=self.credit)),
            (0, 0, meta("time_signature", numerator=self.meter[0], denominator=self.meter[1])),
            (0, 0, meta("key_signature", key=self.key)),
        ]
        top += [(round(b * TICKS), 1, meta("set_tempo", tempo=mido.bpm2tempo(bpm))) for b, bpm in self.tempos]
        top += [(round(b * TICKS), 2, meta("marker", text=text)) for b, text in self.marks]
        file.tracks.append(self.track(top))
        for part in self.parts:
            name = (0, -1, meta("track_name", name=part.name))
            file.tracks.append(self.track([name, *part.messages()]))
        file.save(path)

    @staticmethod
    def track(events: list[tuple[int, int, mido.Message]]) -> mido.MidiTrack:
        track, now = mido.MidiTrack(), 0
        for tick, _, message in sorted(events, key=lambda event: event[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        track.append(mido.MetaMessage("end_of_track", time=0))
        return track
