"""MIDI rules: what is done to the keys of a part before an instrument plays them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, field_validator

from schemas.base import FarmModel

Key = Annotated[int, Field(ge=0, le=127)]
KeyRange = tuple[Key, Key]

_OCTAVE: Final = 12
_KEYS: Final = range(128)


class MidiRules(FarmModel):
    """What is done to every key of a part before it is played, in the order fold, shift, moves (Slakh's MIDI rules).

    What would leave the 128 keys of MIDI comes back into them by octaves.
    """

    #: Semitones that every key is moved by.
    shift: Annotated[int, Field(ge=-127, le=127)] = 0
    #: Lowest and highest key; what lies outside moves into it by octaves.
    fold: KeyRange | None = None
    #: Single keys that become others, such as drums that a kit lacks.
    moves: dict[Key, Key] = {}
    #: Whether the rules are applied; false keeps them written down and changes nothing.
    enabled: bool = True

    @field_validator("fold")
    @classmethod
    def _wide_enough(cls, value: KeyRange | None) -> KeyRange | None:
        if value is not None and value[1] - value[0] < _OCTAVE - 1:
            raise ValueError("the range must hold a whole octave (12 keys), or some keys fit nowhere in it")
        return value

    def __hash__(self) -> int:
        """Rules are parts of patches, which are keys of dictionaries."""
        return hash((self.shift, self.fold, tuple(sorted(self.moves.items())), self.enabled))

    @property
    def changes(self) -> bool:
        """Whether any key would be moved."""
        return any(self.key(key) != key for key in _KEYS)

    def key(self, key: int) -> int:
        """Return the key that is played where `key` is written."""
        if not self.enabled:
            return key
        if self.fold is not None:
            key = _folded(key, *self.fold)
        key = _folded(key + self.shift, _KEYS.start, _KEYS.stop - 1)
        return self.moves.get(key, key)


def _folded(key: int, low: int, high: int) -> int:
    """Move a key by octaves into a range of at least one octave."""
    if key < low:
        key += -((key - low) // _OCTAVE) * _OCTAVE
    if key > high:
        key -= -((high - key) // _OCTAVE) * _OCTAVE
    return key
