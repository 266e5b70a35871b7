"""One voice of a Faust instrument: its source compiled once, and one note played at a call.

DawDreamer can play Faust polyphonically by itself, but then ends a released voice wherever its waveform first comes near zero,
which clicks, and gives the pitch wheel to nobody. Here the source is a plain processor with the standard parameters of a voice,
`freq` (hertz) or `key`, `gain` (0 to 1) or `vel` (0 to 127), and `gate`; `bend` (semitones) and `modulation` (0 to 1) where it
has them. Every render starts from the state in which it was compiled, so that a note sounds the same whatever came before it.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from collections import OrderedDict
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import EngineError, MissingDependencyError
from schemas.patch import FaustSettings
from schemas.states import FailureReason

#: Frames for which a parameter keeps its value: a note is let go, and bent, where such a block starts.
BLOCK_FRAMES: Final = 32
#: What decays comes to rest at zero (-ftz 2): numbers too small to be normal take a processor several times as long.
_FLAGS: Final = ("-ftz", "2")
#: Bytes of notes that are kept in case they come again, as drums do.
_KEPT_BYTES: Final = 48_000_000

_PITCH: Final = ("freq", "key", "note")
_LEVEL: Final = ("gain", "vel", "velocity")
#: Parameters that the engine moves itself.
RESERVED: Final = frozenset({*_PITCH, *_LEVEL, "gate", "bend", "modulation"})

Stereo = NDArray[np.float32]
Line = NDArray[np.float32] | float


class Pressed(NamedTuple):
    """How a key is played."""

    key: int
    velocity: int
    hold: int  #: frames for which it is down
    bend: Line = 0.0  #: semitones: one value, or one for every frame
    modulation: Line = 0.0  #: 0 to 1, likewise


def load_dawdreamer() -> Any:
    """Return the module `dawdreamer`, which belongs into processes of its own only.

    Raises:
        MissingDependencyError: it is not installed, or lacks a library of the system.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        return importlib.import_module("dawdreamer")
    except ImportError as error:
        raise MissingDependencyError(
            f"plug-ins and Faust instruments need DawDreamer, and it cannot be loaded: {error}",
            hint="Install it with `pip install 'stemfarm[plugins]'`; on Linux it needs libGL (`apt install libgl1`) too",
        ) from error


def engine_version(dawdreamer: Any) -> str:
    """Return the versions of DawDreamer and of the libfaust in it, such as `0.9.0 (libfaust 2.85.9)`."""
    faust, box = (importlib.import_module(f"dawdreamer.{name}") for name in ("faust", "faust.box"))
    with faust.FaustContext():
        code = box.boxToSource(box.boxInt(0), "cpp", "version", [])
    found = re.search(r"Faust (\d+(?:\.\d+)+)", code)
    return f"{dawdreamer.__version__} (libfaust {found.group(1) if found else 'unknown'})"


class FaustVoice:
    """A compiled source at one sample rate.

    Args:
        source: the text of the source.
        settings: of the instrument; `parameters` are set by the last part of their names.
        rate_hz: sample rate.
        name: of the instrument, for messages.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
        EngineError: the source does not compile, is no voice, or has no parameter of a name that is to be set.
    """

    def __init__(self, source: str, settings: FaustSettings, rate_hz: int, name: str) -> None:
        dawdreamer = load_dawdreamer()
        self.rate_hz = rate_hz
        self._name = name
        self._engine: Any = dawdreamer.RenderEngine(rate_hz, BLOCK_FRAMES)
        self._voice: Any = self._engine.make_faust_processor("voice")
        _compile(self._voice, source, name)
        self._outputs = int(self._voice.get_num_output_channels())
        if self._outputs not in (1, 2) or self._voice.get_num_input_channels():
            raise _refused(f"{name} is no instrument: it needs no input, and one or two outputs", "Correct its source")
        paths = [str(row["name"]) for row in self._voice.get_parameters_description()]
        self._paths = {path.rsplit("/", 1)[-1]: path for path in paths}
        self._pitch = self._one_of(_PITCH)
        self._level = self._one_of(_LEVEL)
        self._one_of(("gate",))
        if "bend" in settings.plays and "bend" not in self._paths:
            raise _refused(
                f"{name} has no parameter bend, and its patch file says that it plays bends",
                "Give the source a parameter bend (semitones), or write `plays` without it: labels go by that",
            )
        for parameter, value in sorted(settings.parameters.items()):
            self._voice.set_parameter(self._path(parameter), float(value))
        self._engine.load_graph([(self._voice, [])])
        self._kept: OrderedDict[tuple[object, ...], Stereo] = OrderedDict()
        self._kept_bytes = 0

    def play(self, pressed: Pressed, frames: int) -> Stereo:
        """Return a note from its beginning, float32 [frames, 2]; not to be written to."""
        is_plain = isinstance(pressed.bend, float) and isinstance(pressed.modulation, float)
        key = (*pressed, frames) if is_plain else None
        if key is not None and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        audio = self._render(pressed, frames)
        if key is not None:
            self._keep(key, audio)
        return audio

    def _render(self, pressed: Pressed, frames: int) -> Stereo:
        hertz = 440.0 * 2.0 ** ((pressed.key - 69) / 12.0)
        self._set(self._pitch, hertz if self._pitch == "freq" else float(pressed.key))
        self._set(self._level, pressed.velocity / 127.0 if self._level == "gain" else float(pressed.velocity))
        gate = np.zeros(frames, np.float32)
        gate[: pressed.hold] = 1.0
        self._set("gate", gate)
        for parameter, line in (("bend", pressed.bend), ("modulation", pressed.modulation)):
            if parameter in self._paths:
                self._set(parameter, line)
        self._engine.render(frames / self.rate_hz)
        audio = np.zeros((frames, 2), np.float32)
        heard = self._engine.get_audio()[:, :frames]
        audio[: heard.shape[1]] = heard[: self._outputs].T
        return audio

    def _set(self, parameter: str, line: Line) -> None:
        path = self._paths[parameter]
        if isinstance(line, np.ndarray):
            self._voice.set_automation(path, line)
        else:
            self._voice.set_parameter(path, line)

    def _keep(self, key: tuple[object, ...], audio: Stereo) -> None:
        self._kept[key] = audio
        self._kept_bytes += audio.nbytes
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes

    def _one_of(self, names: tuple[str, ...]) -> str:
        for name in names:
            if name in self._paths:
                return name
        text = f"{self._name} is no instrument: it has no parameter {' or '.join(names)}"
        raise _refused(text, "A voice in Faust has the parameters freq, gain and gate")

    def _path(self, parameter: str) -> str:
        if parameter in self._paths and parameter not in RESERVED:
            return self._paths[parameter]
        own = sorted(self._paths.keys() - RESERVED)
        near = difflib.get_close_matches(parameter, own, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise _refused(f"{self._name} has no parameter {parameter}", f"{hint}It has {', '.join(own) or 'none'}")


def _compile(voice: Any, source: str, name: str) -> None:
    """Compile a source; the compiler's own message goes to the error."""
    voice.num_voices = 0
    voice.compile_flags = list(_FLAGS)
    try:
        voice.set_dsp_string(source)
        done = voice.compile()
    except (RuntimeError, ValueError) as error:
        raise _refused(f"{name} does not compile: {error}", "Correct its source") from error
    if not done:
        raise _refused(f"{name} does not compile", "Correct its source; the compiler's message is in the log")


def _refused(message: str, hint: str) -> EngineError:
    return EngineError(message, hint=hint, cause=FailureReason.MISSING_ASSET)
