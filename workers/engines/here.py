"""Which engine classes this host can serve; `python -m workers.engines.here CLASS` tries one in a process of its own.

It prints one JSON object: `version` and `library` where the engine works, else `reason`, `message` and `hint`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.util import find_spec
from typing import Any, Final

from schemas.errors import FarmError
from schemas.patch import ENGINES as CLASSES
from workers.config import WorkerSettings
from workers.engines import ENGINES, engine_class

#: Package that an engine class comes with, where it is not the farm's own.
_PACKAGES: Final = {"faust": "dawdreamer", "dawdreamer": "dawdreamer"}


def installed() -> tuple[str, ...]:
    """Return the engine classes whose packages are installed; nothing is imported, so that it costs nothing."""
    return tuple(name for name in CLASSES if name in ENGINES and _is_there(_PACKAGES.get(name)))


def _is_there(package: str | None) -> bool:
    return package is None or find_spec(package) is not None


def attempt(name: str, library: str | None = None) -> dict[str, Any]:
    """Start an engine of a class in this process and say what it is, or what is missing."""
    try:
        engine = engine_class(name)(library)
        found = {"engine": name, "version": engine.version, "library": engine.library}
        engine.close()
    except FarmError as error:
        return {"engine": name, "reason": error.reason, "message": error.message, "hint": error.hint}
    except (ImportError, OSError) as error:
        hint = "Run `farm doctor`: it says what is missing and the command that mends it"
        return {"engine": name, "reason": "missing_dependency", "message": str(error), "hint": hint}
    return found


def main(arguments: list[str] | None = None) -> int:
    """Try one class; exit code 0 where it works."""
    parser = argparse.ArgumentParser(prog="python -m workers.engines.here", description=__doc__)
    parser.add_argument("engine", help="name of the engine class")
    options = parser.parse_args(arguments)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native code prints is no answer
    library = WorkerSettings().fluidsynth if options.engine == CLASSES[0] else None
    found = attempt(options.engine, library)
    replies.write(json.dumps(found) + "\n")
    replies.flush()
    return 0 if "version" in found else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no time is spent on freeing what ends with the process
