"""What a patch makes of a stem: the MIDI that its instrument is sent, and the MIDI of what then sounds, the labels.

A preset of a soundfont plays whatever MIDI asks of it. Other instruments may have their drums on other keys, which changes
what they are sent and no label; and they may play no bends, which changes no note that they are sent, but what sounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from schemas.patch import Patch, SoundSettings
from schemas.rules import MidiRules
from workers.midi.model import BEND, CONTROL, kinds
from workers.midi.notes import read_notes
from workers.midi.rules import played_midi, sounding_key, sounding_midi, with_keys
from workers.midi.smf import read_midi, write_midi

#: Data entry and registered parameters (RPN): on a stem they set the range of bends and the tuning of the channel.
_TUNING_CONTROLS: Final = (6, 38, 98, 99, 100, 101)
_KEYS: Final = 128


@dataclass(frozen=True)
class Playing:
    """How a stem is played; the default is as it stands."""

    rules: MidiRules | None = None  #: what is done to the song's keys first
    octave_offset: int = 0  #: octaves by which the instrument sounds above what it is sent
    bends: bool = True  #: whether it plays pitch bends and tuning
    drum_map: Mapping[int, int] = field(default_factory=dict)  #: key of General MIDI -> its own

    @classmethod
    def of(cls, patch: Patch | None) -> Playing:
        """Return how a patch plays; without one nothing is changed."""
        return cls() if patch is None else cls.by(patch.rules, patch.octave_offset, patch.sound)

    @classmethod
    def by(cls, rules: MidiRules | None, octave_offset: int, sound: SoundSettings | None) -> Playing:
        """Return how an instrument plays; `sound` is None for a preset of a soundfont."""
        if sound is None:
            return cls(rules, octave_offset)
        return cls(rules, octave_offset, "bend" in sound.plays, sound.drum_map)

    def sent(self, stem: bytes) -> bytes:
        """Return the MIDI file that the instrument is sent; the stem itself where no note is moved.

        Raises:
            MidiError: the bytes are no MIDI file.
        """
        played = played_midi(stem, self.rules)
        if not self.drum_map:
            return played
        return with_keys(played, np.array([self.drum_map.get(key, key) for key in range(_KEYS)], np.uint8))

    def labels_of(self, sent: int) -> list[int]:
        """Return the keys that notes have in labels where the instrument is sent the key `sent`."""
        written = [key for key in range(_KEYS) if self.drum_map.get(key, key) == sent]
        return [sounding_key(key, self.octave_offset) for key in written]

    def sounding(self, stem: bytes) -> bytes:
        """Return the MIDI file of what sounds; the stem itself where that is the same.

        Raises:
            MidiError: the bytes are no MIDI file.
        """
        sounding = sounding_midi(stem, self.rules, self.octave_offset)
        return sounding if self.bends else without_bends(sounding)


def without_bends(stem: bytes) -> bytes:
    """Return a stem with neither bends nor tuning; the very same bytes where it has none.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    midi = read_midi(stem)
    kind = kinds(midi.events)
    gone = (kind == BEND) | ((kind == CONTROL) & np.isin(midi.events["d1"], _TUNING_CONTROLS))
    return write_midi(replace(midi, events=midi.events[~gone])) if gone.any() else stem


def ignored_bends(stem: bytes, patch: Patch) -> int:
    """Return how many notes of a stem are bent and will not be, since the patch plays no bends.

    Raises:
        MidiError: the bytes are no MIDI file, or no stem.
    """
    if Playing.of(patch).bends:
        return 0
    return int(np.count_nonzero(read_notes(read_midi(stem)).bent))
