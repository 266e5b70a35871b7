"""When a channel is bent or silent: spans of ticks, from its wheel, tuning, volume and expression.

Controllers act as in FluidSynth 2 (`fluid_synth_cc_LOCAL`, `fluid_channel_init_ctrl`): the bend range is the most
significant byte of RPN 0 in semitones, two at the start; fine and coarse tuning are RPN 1 and 2; a data entry counts
when its most significant byte (CC 6) comes, unless an NRPN was chosen last. Reset All Controllers (CC 121) centres
wheel and tuning, sets expression to 127 and forgets the chosen RPN; range and volume stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from workers.midi.model import BEND, CONTROL, Events, Ints, kinds

#: End of a span that nothing ends: later than any tick.
OPEN: Final = 2**62

Spans = tuple[Ints, Ints]  #: starts and ends, ticks, [spans] each, in order and apart

_DATA_ENTRY: Final = 6
_VOLUME: Final = 7
_EXPRESSION: Final = 11
_DATA_ENTRY_LSB: Final = 38
_NRPN_LSB, _NRPN_MSB, _RPN_LSB, _RPN_MSB = 98, 99, 100, 101
_RESET_CONTROLLERS: Final = 121
#: Data entry and the choice of a registered parameter: bend range and tuning of a channel.
TUNING_CONTROLS: Final = (
    _DATA_ENTRY, _DATA_ENTRY_LSB, _NRPN_LSB, _NRPN_MSB, _RPN_LSB, _RPN_MSB,
)  # fmt: skip
_TUNING_CONTROLS: Final = (*TUNING_CONTROLS, _RESET_CONTROLLERS)
_RPN_NULL: Final = 127
_RPN_BEND_RANGE, _RPN_FINE_TUNING, _RPN_COARSE_TUNING = 0, 1, 2

#: Values at the start: FluidSynth's, which are those of General MIDI.
_START_VOLUME: Final = 100
_START_EXPRESSION: Final = 127
_START_BEND_RANGE: Final = 2
_BEND_CENTRE: Final = 8192
_COARSE_CENTRE: Final = 64


def silent_spans(events: Events) -> Spans:
    """Return the spans of ticks in which channel volume or expression of a stem is zero."""
    wanted = (kinds(events) == CONTROL) & np.isin(events["d1"], (_VOLUME, _EXPRESSION, _RESET_CONTROLLERS))
    return _spans(_silences(events[wanted]))


def bent_spans(events: Events) -> Spans:
    """Return the spans of ticks in which wheel or channel tuning take a stem's pitch off its keys."""
    kind = kinds(events)
    tuning = (kind == CONTROL) & np.isin(events["d1"], _TUNING_CONTROLS)
    return _spans(_bends(events[tuning | (kind == BEND)]))


def bend_steps(events: Events, bend_range: float) -> list[tuple[int, float]]:
    """Return by how many semitones wheel and channel tuning of a stem take its pitch off its keys: (tick, from there on).

    Args:
        events: the stem's messages in play order.
        bend_range: semitones of a full bend until RPN 0 says otherwise.
    """
    kind = kinds(events)
    tuning = (kind == CONTROL) & np.isin(events["d1"], _TUNING_CONTROLS)
    pitch = _Pitch(bend_range)
    steps = []
    for tick, _, status, d1, d2 in events[tuning | (kind == BEND)].tolist():
        pitch.take(status, d1, d2)
        steps.append((tick, pitch.semitones))
    return steps


def _spans(states: Iterable[tuple[int, bool]]) -> Spans:
    """Turn a sequence of (tick, state from there on) into the spans in which the state holds; empty ones vanish."""
    starts, ends, since = [], [], -1
    for tick, state in states:
        if state and since < 0:
            since = tick
        elif not state and since >= 0:
            if tick > since:
                starts.append(since)
                ends.append(tick)
            since = -1
    if since >= 0:
        starts.append(since)
        ends.append(OPEN)
    return np.array(starts, np.int64), np.array(ends, np.int64)


def _silences(events: Events) -> Iterator[tuple[int, bool]]:
    volume, expression = _START_VOLUME, _START_EXPRESSION
    for tick, _, _, control, value in events.tolist():
        if control == _VOLUME:
            volume = value
        elif control == _EXPRESSION:
            expression = value
        else:
            expression = _START_EXPRESSION
        yield tick, volume == 0 or expression == 0


def _bends(events: Events) -> Iterator[tuple[int, bool]]:
    pitch = _Pitch()
    for tick, _, status, d1, d2 in events.tolist():
        pitch.take(status, d1, d2)
        yield tick, pitch.is_off


class _Pitch:
    """Wheel, bend range and tuning of a channel, and the parameter that a data entry would set."""

    def __init__(self, bend_range: float = _START_BEND_RANGE) -> None:
        self.bend = 0
        self._range = bend_range
        self._fine = self._coarse = 0
        self._parameter = [_RPN_NULL, _RPN_NULL]  # RPN: most, then least significant byte
        self._is_nrpn = False
        self._data_lsb = 0

    @property
    def is_off(self) -> bool:
        """Whether a key sounds at another pitch than its own."""
        return (self.bend != 0 and self._range > 0) or self._fine != 0 or self._coarse != 0

    @property
    def semitones(self) -> float:
        """How far off its key a note sounds."""
        return (self.bend * self._range + self._fine) / _BEND_CENTRE + self._coarse

    def take(self, status: int, d1: int, d2: int) -> None:
        """Take a message of the wheel or one of `_TUNING_CONTROLS`."""
        if status & 0xF0 == BEND:
            self.bend = (d2 << 7 | d1) - _BEND_CENTRE
        else:
            self.control(d1, d2)

    def control(self, number: int, value: int) -> None:
        """Take one of `_TUNING_CONTROLS`."""
        if number == _DATA_ENTRY:
            self._enter(value)
        elif number == _DATA_ENTRY_LSB:
            self._data_lsb = value
        elif number in (_NRPN_LSB, _NRPN_MSB):
            self._is_nrpn = True
        elif number == _RESET_CONTROLLERS:
            self.bend = self._fine = self._coarse = self._data_lsb = 0
            self._parameter = [_RPN_NULL, _RPN_NULL]
        else:
            self._is_nrpn = False
            self._parameter[0 if number == _RPN_MSB else 1] = value

    def _enter(self, value: int) -> None:
        if self._is_nrpn or self._parameter[0] != 0:
            return
        if self._parameter[1] == _RPN_BEND_RANGE:
            self._range = value
        elif self._parameter[1] == _RPN_FINE_TUNING:
            self._fine = (value << 7 | self._data_lsb) - _BEND_CENTRE
        elif self._parameter[1] == _RPN_COARSE_TUNING:
            self._coarse = value - _COARSE_CENTRE
