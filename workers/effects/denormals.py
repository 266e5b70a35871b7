"""Numbers too small to be normal, which what decays comes to, and with which processors compute several times as slowly."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: glibc's `fenv_t` on x86-64 has eight words of 32 bits; the last is the control register MXCSR (sysdeps/x86_64/fpu/bits/fenv.h).
_WORDS: Final = 8
#: Bits of MXCSR: flush to zero, and denormals are zero (Intel 64 and IA-32 manual, volume 1, 10.2.3).
_FLUSH: Final = 0x8000 | 0x0040
_State = ctypes.c_uint32 * _WORDS


#: Whether the processor can be told, here, to take such numbers as zero.
CAN_FLUSH: Final = sys.platform == "linux" and platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc"


@contextmanager
def flushed() -> Iterator[None]:
    """Have this thread's processor take them as zero within a `with` block, where it can be told to.

    Only audio is computed in it: Faust's compiler, for one, reckons with the least number that there is, and fails.
    """
    if not CAN_FLUSH:
        yield
        return
    library, before, within = ctypes.CDLL("libm.so.6"), _State(), _State()
    library.fegetenv(ctypes.byref(before))
    library.fegetenv(ctypes.byref(within))
    within[_WORDS - 1] |= _FLUSH
    library.fesetenv(ctypes.byref(within))
    try:
        yield
    finally:
        library.fesetenv(ctypes.byref(before))
