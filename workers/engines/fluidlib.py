"""A thin ctypes binding of libfluidsynth 2: what a stem needs, floats included, and nothing else.

Where the library is looked for: the configured path, then the one that the `pygame-ce` wheel brings along (Linux and
macOS; found without importing pygame), then the system's. The wheel's goes first because its version is pinned: machines
with different systems make the same samples. It is also the fastest that was measured.
"""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from collections.abc import Iterator
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from schemas.errors import MissingDependencyError

_P = ctypes.c_void_p
_I = ctypes.c_int
_D = ctypes.c_double
_S = ctypes.c_char_p
_LOGGER = ctypes.CFUNCTYPE(None, _I, _S, _P)

FLUID_FAILED: Final = -1
#: Log levels of FluidSynth: 0 panic, 1 error, 2 warning, 3 information, 4 debug.
_ERROR_LEVELS: Final = (0, 1)
_QUIET_LEVELS: Final = (2, 3, 4)

#: Function -> result type and argument types (fluidsynth.h of 2.0; unchanged since).
_API: Final[dict[str, tuple[Any, ...]]] = {
    "fluid_version_str": (_S,),
    "fluid_set_log_function": (_P, _I, _P, _P),
    "new_fluid_settings": (_P,),
    "delete_fluid_settings": (None, _P),
    "fluid_settings_setint": (_I, _P, _S, _I),
    "fluid_settings_setnum": (_I, _P, _S, _D),
    "fluid_settings_setstr": (_I, _P, _S, _S),
    "new_fluid_synth": (_P, _P),
    "delete_fluid_synth": (None, _P),
    "fluid_synth_sfload": (_I, _P, _S, _I),
    "fluid_synth_get_sfont_by_id": (_P, _P, _I),
    "fluid_synth_add_sfont": (_I, _P, _P),
    "fluid_synth_remove_sfont": (_I, _P, _P),
    "fluid_synth_set_interp_method": (_I, _P, _I, _I),
    "fluid_synth_program_select": (_I, _P, _I, _I, _I, _I),
    "fluid_synth_program_change": (_I, _P, _I, _I),
    "fluid_synth_program_reset": (_I, _P),
    "fluid_synth_get_channel_preset": (_P, _P, _I),
    "fluid_preset_get_name": (_S, _P),
    "fluid_preset_get_banknum": (_I, _P),
    "fluid_preset_get_num": (_I, _P),
    "fluid_synth_noteon": (_I, _P, _I, _I, _I),
    "fluid_synth_noteoff": (_I, _P, _I, _I),
    "fluid_synth_cc": (_I, _P, _I, _I, _I),
    "fluid_synth_pitch_bend": (_I, _P, _I, _I),
    "fluid_synth_channel_pressure": (_I, _P, _I, _I),
    "fluid_synth_key_pressure": (_I, _P, _I, _I, _I),
    "fluid_synth_get_active_voice_count": (_I, _P),
    "fluid_synth_write_float": (_I, _P, _I, _P, _I, _I, _P, _I, _I),
}

_SYSTEM_NAMES: Final = (
    ("libfluidsynth.3.dylib", "/opt/homebrew/lib/libfluidsynth.dylib", "/usr/local/lib/libfluidsynth.dylib")
    if sys.platform == "darwin"
    else ("libfluidsynth.so.3", "libfluidsynth.so.2")
)


class FluidLibrary:
    """A loaded libfluidsynth; its functions are attributes under their C names.

    FluidSynth's own log is cut down to errors, and those are kept in `errors` and not printed.
    """

    def __init__(self, library: ctypes.CDLL, path: str) -> None:
        self.path = path
        self.errors: deque[str] = deque(maxlen=20)
        for name, (result, *arguments) in _API.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self._log = _LOGGER(self._keep)
        for level in _ERROR_LEVELS:
            self.fluid_set_log_function(level, ctypes.cast(self._log, _P), None)
        for level in _QUIET_LEVELS:
            self.fluid_set_log_function(level, None, None)
        self.version = str(self.fluid_version_str().decode())

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"libfluidsynth's {name} is not bound")

    def last_error(self) -> str:
        """Take the errors that FluidSynth has logged since the last call, as one line."""
        text = "; ".join(self.errors)
        self.errors.clear()
        return text

    def _keep(self, _level: int, message: bytes, _data: object) -> None:
        self.errors.append(message.decode(errors="replace"))


_loaded: dict[str | None, FluidLibrary] = {}
#: Every library ever opened, by its path: FluidSynth calls their loggers for as long as the process lives.
_opened: Final[dict[str, FluidLibrary]] = {}


def load_library(configured: str | None = None) -> FluidLibrary:
    """Load libfluidsynth, once per process.

    Args:
        configured: path of the library to use, and of no other; None searches.

    Raises:
        MissingDependencyError: no library of version 2 or later was found; the hint has the command that installs it.
    """
    if configured not in _loaded:
        _loaded[configured] = _open([configured] if configured else _candidates())
    return _loaded[configured]


def _open(candidates: Iterator[str] | list[str]) -> FluidLibrary:
    tried = []
    for path in candidates:
        try:
            if path not in _opened:
                _opened[path] = FluidLibrary(ctypes.CDLL(path), path)
            return _opened[path]
        except (OSError, AttributeError) as error:
            tried.append(f"{path} ({error})")
    raise MissingDependencyError(
        "libfluidsynth 2 was not found; looked at " + "; ".join(tried),
        hint="Install it with `pip install pygame-ce` (no root), `apt install libfluidsynth3` or "
        "`brew install fluid-synth`, or set FARM_FLUIDSYNTH to its path",
    )


def _candidates() -> Iterator[str]:
    """Yield names and paths to try; the dear search by `find_library`, which may start a compiler, comes last."""
    yield from bundled_libraries()
    yield from _SYSTEM_NAMES
    found = find_library("fluidsynth")
    if found is not None:
        yield found


def bundled_libraries() -> list[str]:
    """Return the libraries that the pygame-ce wheel brings along; empty where it is not installed."""
    spec = find_spec("pygame")
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    folders = (package.parent / "pygame_ce.libs", package / ".dylibs")
    return sorted(str(path) for folder in folders for path in folder.glob("libfluidsynth*"))
