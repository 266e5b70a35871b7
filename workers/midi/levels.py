"""How loud a stem's MIDI asks its notes to be: velocity, volume and expression on the curve of General MIDI."""

from __future__ import annotations

from typing import Final

import numpy as np

from workers.midi.model import CONTROL, Events, Floats, kinds
from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap

_VOLUME: Final = 7
_EXPRESSION: Final = 11
_RESET: Final = 121  #: sets expression to 127 and leaves volume (MIDI RP-015)
_VOLUME_AT_START: Final = 100
_FULL: Final = 127


def loudest_db(data: bytes) -> float | None:
    """Return how far below full velocity, volume and expression the loudest note of a stem is asked to be, dB, 0 or less.

    Each of the three is worth 40 log10(value / 127) (SoundFont 2.04, 8.4.1 and 8.4.8; General MIDI 2, 3.3.5). Of
    controllers that move while a note sounds, the loudest moment counts. None where no note can be heard at all.

    Raises:
        MidiError: the bytes are no MIDI file, or no stem.
    """
    midi = read_midi(data)
    tempo = TempoMap.from_midi(midi)
    notes = read_notes(midi, tempo)
    when_s, factors = _faders(midi.events, tempo)
    first = np.searchsorted(when_s, notes.onset_s, side="right") - 1
    behind = np.maximum(np.searchsorted(when_s, notes.offset_s, side="left"), first + 1)
    spans = zip(first.tolist(), behind.tolist(), strict=True)
    highest = np.array([factors[start:end].max() for start, end in spans], np.float64)
    loudest = float((highest * notes.velocity * ~notes.muted).max(initial=0.0)) / _FULL
    return 40.0 * float(np.log10(loudest)) if loudest > 0.0 else None


def _faders(events: Events, tempo: TempoMap) -> tuple[Floats, Floats]:
    """Return from which second on volume times expression has which value, 0 .. 1; the first is before everything."""
    wanted = events[(kinds(events) == CONTROL) & np.isin(events["d1"], (_VOLUME, _EXPRESSION, _RESET))]
    volume, expression = _VOLUME_AT_START, _FULL
    products = [volume * expression]
    for control, value in zip(wanted["d1"].tolist(), wanted["d2"].tolist(), strict=True):
        if control == _VOLUME:
            volume = value
        else:
            expression = _FULL if control == _RESET else value
        products.append(volume * expression)
    return np.concatenate([[-1.0], tempo.seconds(wanted["tick"])]), np.array(products) / float(_FULL**2)
