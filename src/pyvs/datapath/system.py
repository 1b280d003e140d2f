"""The few system calls that Python offers only from 3.12, by libc."""

import ctypes
import os
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 1 << 18
PR_SET_PDEATHSIG: Final = 1

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: ctypes.c_int | ctypes.c_ulong | ctypes.c_char_p) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def unshare(flags: int) -> None:
    """Leave the namespaces named by CLONE_NEW* flags for new ones (the calling thread only).

    Raises OSError.
    """
    _call("unshare", ctypes.c_int(flags))


def setns(descriptor: int, kind: int) -> None:
    """Put the calling thread into the namespace behind the descriptor, which is of this CLONE_NEW* kind.

    Raises OSError.
    """
    _call("setns", ctypes.c_int(descriptor), ctypes.c_int(kind))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount a file system, or change the propagation of one.

    Raises OSError.
    """
    texts = [ctypes.c_char_p(text.encode()) for text in (source, target, kind, data)]
    _call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])


def die_with_parent(signal: int) -> None:
    """Have the kernel send this process the signal as soon as its parent has ended.

    Raises OSError.
    """
    _call("prctl", ctypes.c_int(PR_SET_PDEATHSIG), ctypes.c_ulong(signal))
