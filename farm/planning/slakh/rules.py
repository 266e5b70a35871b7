"""Slakh's MIDI rules (`midi_rules/pitch.json`): per class, changes of the notes that are sent to the instrument.

Slakh runs all rules of a class as soon as one of them is enabled; here `enabled` means what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.planning.slakh.jsonfile import bad, read_object
from schemas.errors import PlanError
from schemas.rules import MidiRules

ROLE: Final = "the MIDI rules"
#: Where Slakh looks for them, in the folder in which it is started.
PLACE: Final = "midi_rules/pitch.json"

FOLD, SHIFT, MOVE = "min_max_octave", "shift_all_notes", "move_note"
#: The order in which the farm applies them.
_ORDER: Final = ("fold", "shift", "moves")


@dataclass(frozen=True, slots=True)
class MidiRule:
    """One rule of a class."""

    inst_class: str
    name: str
    enabled: bool
    #: What it does, as keys of the farm's rules: fold, shift or moves.
    does: dict[str, Any]

    @property
    def words(self) -> str:
        """What it is called and does."""
        ((key, value),) = self.does.items()
        return f"{self.inst_class}: {self.name} ({key} {value})"


def read_rules(path: Path) -> list[MidiRule]:
    """Read MIDI rules.

    Raises:
        PlanError: unreadable, an unknown rule, or one without its numbers.
    """
    rules = []
    for inst_class, listed in read_object(path, ROLE).items():
        if not isinstance(listed, list):
            raise _bad(path, f"the rules of {inst_class} are no list")
        rules += [_rule(path, inst_class, value) for value in listed]
    return rules


def class_rules(rules: Iterable[MidiRule]) -> dict[str, dict[str, Any]]:
    """Return for each class what its enabled rules do, one after the other; a class without any is left out.

    The farm folds, shifts and moves, in this order; rules that stand in another order become a table of moves.
    """
    by_class: dict[str, list[dict[str, Any]]] = {}
    for rule in rules:
        if rule.enabled:
            by_class.setdefault(rule.inst_class, []).append(rule.does)
    return {inst_class: _together(does) for inst_class, does in by_class.items()}


def _together(does: list[dict[str, Any]]) -> dict[str, Any]:
    order = [_ORDER.index(key) for step in does for key in step]
    if order == sorted(set(order)):
        return {key: value for step in does for key, value in step.items()}
    steps = [MidiRules.model_validate(step) for step in does]
    return {"moves": {key: moved for key in range(128) if (moved := _through(steps, key)) != key}}


def _through(steps: list[MidiRules], key: int) -> int:
    for step in steps:
        key = step.key(key)
    return key


def _rule(path: Path, inst_class: str, value: Any) -> MidiRule:
    if not isinstance(value, dict) or not isinstance(value.get("enabled"), bool):
        raise _bad(path, f"a rule of {inst_class} does not say whether it is enabled")
    name = value.get("rule_name")
    try:
        does = _does(name, value)
    except (KeyError, TypeError, ValueError) as error:
        raise _bad(path, f"the rule {name!r} of {inst_class} lacks its numbers ({error})") from error
    if does is None:
        raise _bad(path, f"{inst_class} has an unknown rule {name!r}")
    try:
        MidiRules.model_validate(does)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise _bad(path, f"the rule {name!r} of {inst_class} cannot be played: {problem}") from error
    return MidiRule(inst_class, str(name), value["enabled"], does)


def _does(name: object, params: Any) -> dict[str, Any] | None:
    if name == FOLD:
        return {"fold": [int(params["min"]), int(params["max"])]}
    if name == SHIFT:
        return {"shift": int(params["shift"])}
    if name == MOVE:
        return {"moves": {int(move["old"]): int(move["new"]) for move in params["note_rules"]}}
    return None


def _bad(path: Path, what: str) -> PlanError:
    hint = f'A rule reads {{"rule_name": "{SHIFT}", "enabled": true, "shift": 12}}; others are {FOLD} and {MOVE}'
    return bad(path, ROLE, what, hint)
