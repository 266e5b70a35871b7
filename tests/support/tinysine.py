"""A plug-in of the tests' own, compiled as VST2 and VST3, and presets of it: `python -m tests.support.tinysine PLUGIN OUT`."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from workers.engines.pipes import engine_environment

SOURCES = Path(__file__).resolve().parents[1] / "data" / "plugins" / "tinysine"
#: Where Debian's dpf-source has the framework that the plug-in is written for.
DPF = Path("/usr/share/dpf/distrho")
#: JUCE's own base 64 (MemoryBlock::toBase64Encoding): six bits a letter, the lowest first.
_LETTERS = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"
_CLASS_ID = 32


class TinySine(NamedTuple):
    """The plug-in in its formats."""

    vst2: Path
    vst3: Path


def build_tinysine(folder: Path) -> TinySine:
    """Compile it; skips where the compiler or the framework is missing."""
    if shutil.which("g++") is None or not DPF.is_dir():
        pytest.skip("no g++ or no DPF: sudo sh deploy/install-plugins")
    made = TinySine(folder / "TinySine.so", folder / "TinySine.vst3")
    inside = made.vst3 / "Contents" / f"{platform.machine()}-linux" / "TinySine.so"
    inside.parent.mkdir(parents=True)
    common = ["g++", "-std=gnu++14", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{SOURCES}", f"-I{DPF}"]
    sources = [str(SOURCES / "tinysine.cpp"), str(DPF / "DistrhoPluginMain.cpp"), "-lpthread"]
    targets = [("VST2", made.vst2), ("VST3", inside)]
    running = [
        subprocess.Popen([*common, f"-DDISTRHO_PLUGIN_TARGET_{kind}", *sources, "-o", str(path)])
        for kind, path in targets
    ]
    assert [process.wait(300) for process in running] == [0, 0]
    return made


def save_octave_up(plugin: Path, out: Path) -> Path:
    """Write the state of the plug-in with its parameter `Octave` at 1, as a preset that `out` ends in."""
    command = [sys.executable, "-m", "tests.support.tinysine", str(plugin), str(out)]
    subprocess.run(command, check=True, capture_output=True, env=engine_environment(), timeout=240)
    if out.suffix == ".vstpreset":
        out.write_bytes(_vstpreset(out.read_bytes(), out.with_suffix(".class").read_bytes()))
    return out


def _vstpreset(state: bytes, class_id: bytes) -> bytes:
    """Return a preset file (VST 3 SDK, vstpresetfile.h) with the component state that a JUCE host saved."""
    found = re.search(rb"<IComponent>(\d+)\.([^<]*)</IComponent>", state)
    assert found is not None
    component = _from_juce(found.group(2).decode(), int(found.group(1)))
    start = 4 + 4 + _CLASS_ID + 8
    entry = b"Comp" + struct.pack("<qq", start, len(component))
    head = b"VST3" + struct.pack("<i", 1) + class_id + struct.pack("<q", start + len(component))
    return head + component + b"List" + struct.pack("<i", 1) + entry


def _from_juce(text: str, size: int) -> bytes:
    bits = "".join(f"{_LETTERS.index(letter):06b}"[::-1] for letter in text)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, 8 * size, 8))


def _save(plugin: str, out: str) -> None:
    import dawdreamer

    engine = dawdreamer.RenderEngine(44100, 256)
    processor = engine.make_plugin_processor("plugin", plugin)
    names = [row["name"] for row in processor.get_parameters_description()]
    engine.load_graph([(processor, [])])
    processor.set_parameter(names.index("Octave"), 1.0)
    engine.render(0.1)
    processor.save_state(out)
    if out.endswith(".vstpreset"):
        Path(out).with_suffix(".class").write_bytes(_class_id(plugin))


def _class_id(plugin: str) -> bytes:
    """Return the identity of the first class of a VST3 factory, 32 hexadecimal digits (pluginterfaces/base/ipluginbase.h)."""
    library = ctypes.CDLL(str(next(Path(plugin).glob("Contents/*/*.so"))))
    library.GetPluginFactory.restype = ctypes.c_void_p
    factory = library.GetPluginFactory()
    table = ctypes.cast(factory, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
    get_class_info = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(table[5] or 0)
    info = ctypes.create_string_buffer(16 + 4 + 32 + 64)
    assert get_class_info(factory, 0, info) == 0
    return info.raw[:16].hex().upper().encode()


if __name__ == "__main__":
    _save(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)
