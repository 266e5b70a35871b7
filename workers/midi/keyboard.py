"""Keys and pedals of one channel, as in FluidSynth 2 (fluid_synth.c, fluid_voice.c; tried with 2.3.1 and 2.5.7).

* A note-on of a sounding key releases the note that sounds, as a note-off of that key does.
* While CC 64 is 64 or more, a released note sounds on until CC 64 falls below 64. Struck again under the pedal, a key
  sounds twice.
* CC 66 at 64 or more holds the notes struck before it, until it falls below 64, whatever CC 64 says. A key struck
  again while a note of it is held so gives a note that is held as well.
* CC 123 releases every key, pedals heeded; CC 121 lifts both pedals; CC 120 ends every note at once.
* A key or pedal that nothing releases is taken to be released where the tracks end.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from workers.midi.model import CONTROL, NOTE_OFF, NOTE_ON, Events, Ints, kinds
from workers.midi.parts import ALL_NOTES_OFF, ALL_SOUND_OFF, find_enders

SUSTAIN: Final = 64
SOSTENUTO: Final = 66
RESET_CONTROLLERS: Final = 121
#: A pedal is down from this value on (MIDI 1.0, switch controllers).
PEDAL_DOWN: Final = 64
_KEY_CONTROLS: Final = (SUSTAIN, SOSTENUTO, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF)


def holds(events: Events, onset: Ints, end_tick: int) -> tuple[Ints, Ints]:
    """Return when the key of each note is released, and when the note is by key and pedals; ticks, [notes] each.

    Args:
        events: messages of one channel, in play order.
        onset: indices of the note-ons.
        end_tick: where the tracks end.
    """
    control = kinds(events) == CONTROL
    pedal = control & ((events["d1"] == SUSTAIN) | (events["d1"] == SOSTENUTO)) & (events["d2"] >= PEDAL_DOWN)
    if pedal.any():
        return _play(events, len(onset), end_tick)
    ender, hanging = find_enders(events, onset)
    key_off = events["tick"][np.minimum(ender, max(len(events) - 1, 0))] if len(onset) else np.zeros(0, np.int64)
    key_off[hanging] = end_tick
    return key_off, key_off.copy()


def _play(events: Events, count: int, end_tick: int) -> tuple[Ints, Ints]:
    """Send the messages that matter to a keyboard, one by one."""
    kind = kinds(events)
    control = (kind == CONTROL) & np.isin(events["d1"], _KEY_CONTROLS)
    keyboard = Keyboard(count, end_tick)
    for tick, _, status, d1, d2 in events[(kind == NOTE_ON) | (kind == NOTE_OFF) | control].tolist():
        if status & 0xF0 == CONTROL:
            keyboard.control(tick, d1, d2)
        elif status & 0xF0 == NOTE_ON and d2 > 0:
            keyboard.strike(tick, d1)
        else:
            keyboard.release(tick, d1)
    return np.array(keyboard.key_off, np.int64), np.array(keyboard.offset, np.int64)


class Keyboard:
    """Which notes of a channel are down, which sound on by a pedal, and when each was let go.

    Notes are numbered in the order in which they are struck.
    """

    def __init__(self, count: int, end_tick: int) -> None:
        self.key_off = [end_tick] * count
        self.offset = [end_tick] * count
        self._struck = 0
        self._rank = list(range(count))  # a note's place in the order of striking, for sostenuto
        self._down: dict[int, int] = {}  # key -> note
        self._sustained: dict[int, list[int]] = {}  # key -> notes, by CC 64
        self._held: dict[int, list[int]] = {}  # key -> notes, by CC 66
        self._sustain = False
        self._sostenuto_below = 0  # sostenuto holds notes of lower rank; 0 when the pedal is up

    def strike(self, tick: int, key: int) -> None:
        """Take a note-on."""
        note, self._struck = self._struck, self._struck + 1
        if key in self._held:
            self._rank[note] = self._rank[self._held[key][-1]]
        self._catch(key)
        self.release(tick, key)
        self._down[key] = note

    def release(self, tick: int, key: int) -> None:
        """Take a note-off."""
        note = self._down.pop(key, None)
        if note is None:
            return
        self.key_off[note] = tick
        if self._rank[note] < self._sostenuto_below:
            self._held.setdefault(key, []).append(note)
        elif self._sustain:
            self._sustained.setdefault(key, []).append(note)
        else:
            self.offset[note] = tick

    def control(self, tick: int, number: int, value: int) -> None:
        """Take one of the controllers that touch keys or pedals."""
        if number == SUSTAIN:
            self._set_sustain(tick, value >= PEDAL_DOWN)
        elif number == SOSTENUTO:
            self._set_sostenuto(tick, value >= PEDAL_DOWN)
        elif number == RESET_CONTROLLERS:
            self._set_sustain(tick, False)
            self._set_sostenuto(tick, False)
        elif number == ALL_NOTES_OFF:
            for key in [*self._sustained, *self._down]:
                self._catch(key)
                self.release(tick, key)
        else:
            self._silence(tick)

    def _set_sustain(self, tick: int, down: bool) -> None:
        self._sustain = down
        if not down:
            self._let_go(tick, self._sustained)

    def _set_sostenuto(self, tick: int, down: bool) -> None:
        self._sostenuto_below = self._struck if down else 0
        if not down:
            self._let_go(tick, self._held)

    def _catch(self, key: int) -> None:
        """Hand notes of a key that CC 64 holds over to CC 66, where that went down after them: a release does so."""
        caught = [note for note in self._sustained.get(key, ()) if self._rank[note] < self._sostenuto_below]
        if caught:
            self._held.setdefault(key, []).extend(caught)
            left = [note for note in self._sustained.pop(key) if note not in caught]
            if left:
                self._sustained[key] = left

    def _let_go(self, tick: int, notes: dict[int, list[int]]) -> None:
        for note in (note for held in notes.values() for note in held):
            self.offset[note] = tick
        notes.clear()

    def _silence(self, tick: int) -> None:
        """Take All Sound Off: whatever sounds ends at once."""
        for note in self._down.values():
            self.key_off[note] = self.offset[note] = tick
        self._down.clear()
        self._let_go(tick, self._sustained)
        self._let_go(tick, self._held)
