"""Drum kits that have other drums on the keys of General MIDI: patterns are written for the standard kit and mean its drums."""

from __future__ import annotations

from typing import Final

#: Orchestra: there the keys 41 to 53 are timpani (General MIDI Level 2, RP-024, percussion sound set).
ORCHESTRA: Final = 48
#: What stands for the drums of the standard kit there: hi-hats, ride and cymbals have keys of their own, and toms are played on
#: the side drum and the two bass drums.
_ORCHESTRA_KEYS: Final = {
    42: 27, 44: 28, 46: 29, 51: 30, 53: 30, 49: 57, 52: 57,
    50: 40, 48: 40, 47: 38, 45: 36, 43: 36, 41: 35,
}  # fmt: skip


def on_kit(key: int, kit: int) -> int:
    """Return the key on which a kit has what General MIDI's standard kit has on `key`."""
    return _ORCHESTRA_KEYS.get(key, key) if kit == ORCHESTRA else key
