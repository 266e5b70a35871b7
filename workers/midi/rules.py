"""Other keys for the notes of a stem: what an instrument is sent, and what then sounds.

A stem as it was split has the keys that the song has. The rules of its patch make of it what is *played*: the bytes that
the engine gets. A patch may sound octaves away from what it is sent; with that it becomes what *sounds*: the labels.

Where two keys become one, a note ends at the latest where the next one strikes its key, as on any keyboard, and never by
the release of another: every note of the result has one note-off of its own. Note-offs that end nothing are left out then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from schemas.rules import MidiRules
from workers.midi.model import KEY_PRESSURE, NOTE_OFF, NOTE_ON, Bytes, Events, Ints, MidiFile, kinds
from workers.midi.parts import event_places, find_enders
from workers.midi.smf import read_midi, write_midi

_KEYS: Final = 128
_OCTAVE: Final = 12
#: Release velocity of note-offs that the stem does not have, the neutral value (MIDI 1.0, note-off).
_NEUTRAL_RELEASE: Final = 64


def played_midi(stem: bytes, rules: MidiRules | None) -> bytes:
    """Return the MIDI file that an instrument is sent for a stem; the stem itself where no note is moved.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    if rules is None:
        return stem
    return with_keys(stem, np.array([rules.key(key) for key in range(_KEYS)], np.uint8))


def sounding_midi(stem: bytes, rules: MidiRules | None, octave_offset: int) -> bytes:
    """Return the MIDI file of what sounds when a stem is played by `rules` on a patch that is some octaves off.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    played = played_midi(stem, rules)
    return played if octave_offset == 0 else with_keys(played, _octaves(octave_offset))


def sounding_key(key: int, octave_offset: int) -> int:
    """Return the key that sounds when `key` is played; beyond the 128 keys of MIDI, its nearest octave within them."""
    return int(_octaves(octave_offset)[key])


def _octaves(octave_offset: int) -> Bytes:
    rules = MidiRules(shift=_OCTAVE * octave_offset)
    return np.array([rules.key(key) for key in range(_KEYS)], np.uint8)


def with_keys(stem: bytes, key_for: Bytes) -> bytes:
    """Give the notes of a stem other keys.

    Args:
        stem: a MIDI file whose messages are all on one channel.
        key_for: the new key of each key, shape [128].

    Returns:
        The file with these keys; the very same bytes where nothing changes.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    midi = read_midi(stem)
    kind = kinds(midi.events)
    has_key = (kind == NOTE_ON) | (kind == NOTE_OFF) | (kind == KEY_PRESSURE)
    used = np.unique(midi.events["d1"][has_key])
    wanted = key_for[used]
    if np.array_equal(used, wanted):
        return stem
    events = midi.events.copy()
    events["d1"][has_key] = key_for[midi.events["d1"][has_key]]
    if len(np.unique(wanted)) < len(used):
        events = _with_own_releases(midi, events)
    return write_midi(replace(midi, events=events))


def _with_own_releases(midi: MidiFile, moved: Events) -> Events:
    """Return `moved`, the stem's events with new keys, in which each note has one note-off where it ends."""
    kind = kinds(midi.events)
    strikes = (kind == NOTE_ON) & (midi.events["d2"] > 0)
    onset = np.flatnonzero(strikes)
    ender, hanging = find_enders(midi.events, onset)
    struck_again, _ = find_enders(moved[onset], np.arange(len(onset)))
    next_onset = np.append(onset, len(moved))[struck_again]
    ends = np.minimum(ender, next_onset)
    kept = np.flatnonzero(strikes | ((kind != NOTE_ON) & (kind != NOTE_OFF)))
    closing = ~hanging | (next_onset < len(moved))
    offs = _releases(midi, moved, onset[closing], ends[closing])
    # Right before the event that ends it: at the same place note-offs stand in the order of their notes.
    place = np.concatenate([event_places(kept), event_places(ends[closing]) - 1])
    made: Events = np.concatenate([moved[kept], offs])[np.argsort(place, kind="stable")]
    return made


def _releases(midi: MidiFile, moved: Events, onset: Ints, ends: Ints) -> Events:
    """Return the note-offs of the notes struck at `onset`: the stem's own velocities where it has them."""
    offs = moved[onset].copy()
    enders = midi.events[ends]
    own = (kinds(enders) == NOTE_OFF) & (enders["d1"] == midi.events["d1"][onset])
    offs["status"] = NOTE_OFF | (offs["status"] & 0x0F)
    offs["d2"] = np.where(own, enders["d2"], _NEUTRAL_RELEASE)
    offs["tick"] = enders["tick"]
    return offs
