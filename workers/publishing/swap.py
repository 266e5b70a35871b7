"""Two folders change places in one step, so that no moment shows neither or a mixture of them."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

#: Of renameat2(2), Linux 3.15 and glibc 2.28.
_RENAME_EXCHANGE: Final = 2
#: "Paths are relative to the working folder": ours are not, and the call wants a descriptor.
_AT_FDCWD: Final = -100
#: Of renamex_np(2), macOS 10.12.
_RENAME_SWAP: Final = 2
#: What a kernel or a file system answers that cannot exchange.
_CANNOT: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


def swap(one: Path, two: Path) -> None:
    """Exchange two folders of one filesystem.

    Where the file system has no exchange, `two` is moved aside, `one` takes its place, and `two` goes where `one` was; a
    process killed between these steps leaves each of the folders whole under one of the names.

    Raises:
        OSError: one of them is not there, or they cannot be renamed; both are as they were.
    """
    if not _exchange(one, two):
        _by_three_renames(one, two)


def _exchange(one: Path, two: Path) -> bool:
    """Have the kernel exchange two paths; False where it cannot."""
    call = _kernel_call()
    if call is None:
        return False
    first, second = os.fsencode(one), os.fsencode(two)
    if sys.platform == "darwin":
        failed = call(first, second, _RENAME_SWAP)
    else:
        failed = call(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    number = ctypes.get_errno()
    if failed and number not in _CANNOT:
        raise OSError(number, os.strerror(number), str(one), None, str(two))
    return not failed


@lru_cache(maxsize=1)
def _kernel_call() -> Any:
    """Return the C library's function that exchanges paths, or None where it has none."""
    library = ctypes.CDLL(None, use_errno=True)
    return getattr(library, "renamex_np" if sys.platform == "darwin" else "renameat2", None)


def _by_three_renames(one: Path, two: Path) -> None:
    aside = one.with_name(f"{one.name}.aside.part")
    two.rename(aside)
    try:
        one.rename(two)
    except OSError:
        aside.rename(two)
        raise
    aside.rename(one)
