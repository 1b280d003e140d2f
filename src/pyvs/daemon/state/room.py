"""Room on a disk, taken before it is needed: so that a change can be refused that could not be kept."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any, Final

KEEP_SIZE: Final = 1
"""The file does not become longer. FALLOC_FL_KEEP_SIZE of fallocate(2)."""
_UNKNOWN: Final = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTSUP))


@cache
def _fallocate() -> Any:
    function = ctypes.CDLL(None, use_errno=True).fallocate
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


def take(fd: int, at: int, size: int) -> bool:
    """See that so many bytes can be written at a place of a file; False where the file system can't tell.

    Raises OSError: ENOSPC, EDQUOT, EROFS, EIO.
    """
    while _fallocate()(fd, KEEP_SIZE, at, size):
        number = ctypes.get_errno()
        if number in _UNKNOWN:
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return True
