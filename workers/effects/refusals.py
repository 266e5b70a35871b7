"""How an effect is refused: by its name, with what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from schemas.effects import Effect
from schemas.errors import EngineError
from schemas.states import FailureReason


def spelt(name: str, known: Sequence[str], effect: Effect) -> str:
    """Return a parameter's name as the effect spells it.

    Raises:
        EngineError: the effect has none of this name.
    """
    found = next((other for other in known if other.casefold() == name.casefold()), None)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"It has {', '.join(known) or 'none'}"
    raise EngineError(
        f"the effect {effect.effect} has no parameter `{name}`", hint=hint, cause=FailureReason.MISSING_ASSET
    )


def refused(effect: Effect, why: str) -> EngineError:
    """Return the error of an effect that cannot be used."""
    return EngineError(
        f"the effect {effect.effect}: {why}",
        hint="Mend it in the plan's `mix`, or take it out",
        cause=FailureReason.MISSING_ASSET,
    )
