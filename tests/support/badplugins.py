"""Plug-ins that misbehave, compiled for tests: they crash, leave, hang or are nothing at all when they are loaded."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

#: What a library does when it is loaded.
_LOADED = "__attribute__((constructor)) static void loaded(void) {{ {} }}\n"
_SOURCES = {
    "bad-crash": "#include <signal.h>\n" + _LOADED.format("raise(SIGSEGV);"),
    "bad-exit": "#include <stdio.h>\n#include <unistd.h>\n"
    + _LOADED.format('fputs("no dongle\\n", stderr); _exit(3);'),
    "bad-hang": "#include <unistd.h>\n" + _LOADED.format("for (;;) pause();"),
    "bad-empty": "int nothing;\n",
}
#: Where an ELF file names its machine, and a machine that nobody has.
_MACHINE, _ELSEWHERE = slice(18, 20), b"\x5c\x00"


def build_bad_plugins(folder: Path) -> Path:
    """Compile them as VST2 into a folder, and one for another machine; skips where there is no compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc: sudo sh deploy/install-plugins")
    folder.mkdir()
    for name, source in _SOURCES.items():
        command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(folder / f"{name}.so")]
        subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    other = bytearray((folder / "bad-empty.so").read_bytes())
    other[_MACHINE] = _ELSEWHERE
    (folder / "bad-machine.so").write_bytes(other)
    return folder
