"""The C interface of libfaust (`faust/dsp/llvm-dsp-c.h` and `faust/gui/CInterface.h`), as DawDreamer's binary brings it along.

DawDreamer itself plays a graph from its beginning at every render. Through this interface an effect keeps its state from block
to block, so that a stem of any length passes in little memory.
"""

from __future__ import annotations

import ctypes
import importlib
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_float, c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.effects.denormals import CAN_FLUSH
from workers.engines.faustvoice import load_dawdreamer

Audio = NDArray[np.float32]

#: All delay lines are rings: a room of eight of them takes a sixth less time than with lines that are moved along.
_OPTIONS: Final = ("-mcd", "0")
#: What decays comes to rest at zero, by additional code, where the processor does not see to it.
_FLUSHING: Final = ("-ftz", "2")
#: Length of libfaust's error messages, as its header asks for.
_ERROR_BYTES: Final = 4096
_BEST: Final = -1  #: highest level of optimisation
#: A function that only a library with the whole interface has.
_NEWEST: Final = "createCDSPFactoryFromString"

_Zone = POINTER(c_float)
_Sides = POINTER(c_float) * 2
_ON_BOX: Final = CFUNCTYPE(None, c_void_p, c_char_p)
_ON_CLOSE: Final = CFUNCTYPE(None, c_void_p)
_ON_BUTTON: Final = CFUNCTYPE(None, c_void_p, c_char_p, _Zone)
_ON_SLIDER: Final = CFUNCTYPE(None, c_void_p, c_char_p, _Zone, c_float, c_float, c_float, c_float)
_ON_BARGRAPH: Final = CFUNCTYPE(None, c_void_p, c_char_p, _Zone, c_float, c_float)
_ON_SOUNDFILE: Final = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p, c_void_p)
_ON_DECLARE: Final = CFUNCTYPE(None, c_void_p, _Zone, c_char_p, c_char_p)


class _Glue(ctypes.Structure):
    """`UIGlue` of CInterface.h: what is called for every element of an effect's user interface."""

    _fields_ = (
        ("interface", c_void_p),
        ("open_tab_box", _ON_BOX), ("open_horizontal_box", _ON_BOX), ("open_vertical_box", _ON_BOX),
        ("close_box", _ON_CLOSE),
        ("add_button", _ON_BUTTON), ("add_check_button", _ON_BUTTON),
        ("add_vertical_slider", _ON_SLIDER), ("add_horizontal_slider", _ON_SLIDER), ("add_num_entry", _ON_SLIDER),
        ("add_horizontal_bargraph", _ON_BARGRAPH), ("add_vertical_bargraph", _ON_BARGRAPH),
        ("add_soundfile", _ON_SOUNDFILE),
        ("declare", _ON_DECLARE),
    )  # fmt: skip


class Slider(NamedTuple):
    """A parameter: where its value is read, and the least and the greatest that it may be."""

    zone: Any
    least: float
    greatest: float


class CompileError(Exception):
    """A source does not compile; the text says why. Never leaves the effects process."""


class Instance:
    """A compiled source with a state of its own, at one sample rate.

    Args:
        source: text of the source.
        rate_hz: sample rate.

    Raises:
        CompileError: it does not compile.
        MissingDependencyError: DawDreamer is not installed.
    """

    def __init__(self, source: str, rate_hz: int) -> None:
        self._library = library()
        self._instance = self._library.createCDSPInstance(_factory(source))
        self._library.initCDSPInstance(self._instance, rate_hz)
        self.sides = tuple(
            int(count(self._instance))
            for count in (self._library.getNumInputsCDSPInstance, self._library.getNumOutputsCDSPInstance)
        )
        self.sliders = self._find_sliders()

    def close(self) -> None:
        """Free the state; the compiled source stays."""
        self._library.deleteCDSPInstance(self._instance)

    def compute(self, before: Audio, after: Audio) -> None:
        """Process a block, and keep the state for the next: both float32 [2, frames], C-contiguous, and not the same."""
        self._library.computeCDSPInstance(self._instance, before.shape[1], _sides_of(before), _sides_of(after))

    def _find_sliders(self) -> dict[str, Slider]:
        found: dict[str, Slider] = {}

        def on_button(_: int, label: bytes, zone: Any) -> None:
            found[label.decode()] = Slider(zone, 0.0, 1.0)

        def on_slider(_: int, label: bytes, zone: Any, _init: float, least: float, greatest: float, _by: float) -> None:
            found[label.decode()] = Slider(zone, least, greatest)

        def ignore(*_: Any) -> None:
            """Boxes, bargraphs and words say nothing that is set."""

        box, button, slider, bargraph = (
            _ON_BOX(ignore),
            _ON_BUTTON(on_button),
            _ON_SLIDER(on_slider),
            _ON_BARGRAPH(ignore),
        )
        glue = _Glue(
            None, box, box, box, _ON_CLOSE(ignore), button, button, slider, slider, slider, bargraph, bargraph,
            _ON_SOUNDFILE(ignore), _ON_DECLARE(ignore),
        )  # fmt: skip
        self._library.buildUserInterfaceCDSPInstance(self._instance, ctypes.byref(glue))
        return found


def streams() -> bool:
    """Whether this build of DawDreamer shows libfaust's C interface."""
    return hasattr(library(), _NEWEST)


@cache
def library() -> ctypes.CDLL:
    """Return DawDreamer's binary as a C library.

    Raises:
        MissingDependencyError: DawDreamer is not installed, or lacks a library of the system.
    """
    load_dawdreamer()
    found = ctypes.CDLL(str(_binary()))
    if not hasattr(found, _NEWEST):
        return found
    pointers, text = POINTER(c_char_p), c_char_p
    for name, result, arguments in (
        (_NEWEST, c_void_p, [text, text, c_int, pointers, text, text, c_int]),
        ("createCDSPInstance", c_void_p, [c_void_p]),
        ("deleteCDSPInstance", None, [c_void_p]),
        ("initCDSPInstance", None, [c_void_p, c_int]),
        ("getNumInputsCDSPInstance", c_int, [c_void_p]),
        ("getNumOutputsCDSPInstance", c_int, [c_void_p]),
        ("buildUserInterfaceCDSPInstance", None, [c_void_p, c_void_p]),
        ("computeCDSPInstance", None, [c_void_p, c_int, POINTER(_Zone), POINTER(_Zone)]),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def _binary() -> Path:
    return Path(str(importlib.import_module("dawdreamer.dawdreamer").__file__))


@cache
def _factory(source: str) -> int:
    """Compile a source, once in this process."""
    options = ["-I", str(_binary().parent / "faustlibraries"), *_OPTIONS, *(() if CAN_FLUSH else _FLUSHING)]
    given = (c_char_p * len(options))(*(option.encode() for option in options))
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    made = library().createCDSPFactoryFromString(b"effect", source.encode(), len(options), given, b"", error, _BEST)
    if not made:
        raise CompileError(error.value.decode(errors="replace").strip())
    return int(made)


def _sides_of(audio: Audio) -> Any:
    start = audio.ctypes.data
    return _Sides(*(ctypes.cast(start + side * audio.strides[0], _Zone) for side in range(2)))
