"""Engines by name; a class is imported only when it is asked for, since engines bring native libraries with them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from schemas.errors import EngineError
from schemas.states import FailureReason

if TYPE_CHECKING:
    from workers.engines.base import Engine

#: Name -> `module:Class` of every engine of the farm.
ENGINES: Final[dict[str, str]] = {
    "fluidsynth": "workers.engines.fluidsynth:FluidSynthEngine",
    "faust": "workers.engines.faust:FaustEngine",
    "dawdreamer": "workers.engines.dawdreamer:DawDreamerEngine",
}


def engine_class(name: str) -> type[Engine]:
    """Return the class of an engine, by its name or as `module:Class`.

    Raises:
        EngineError: no engine has this name.
    """
    module, _, attribute = ENGINES.get(name, name).partition(":")
    if not attribute:
        raise EngineError(
            f"there is no engine {name!r}; there are {', '.join(sorted(ENGINES))}",
            hint="Correct the name in the plan, or give the engine as module:Class",
            cause=FailureReason.ENGINE_FAILED,
        )
    found: type[Engine] = getattr(import_module(module), attribute)
    return found
