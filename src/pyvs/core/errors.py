"""Refusals of the control verbs: one exception class, with the errno that the kernel answers.

`raise ControlError(Errno.ESRCH, "there is no service TCP 192.0.2.1:80")`. The number goes over netlink, the
sentence into logs and to our own tools.
"""

from __future__ import annotations

from enum import IntEnum


class Errno(IntEnum):
    """The error numbers that IPVS answers (Linux, all architectures of today)."""

    EPERM = 1
    ENOENT = 2
    ESRCH = 3
    EINTR = 4
    EIO = 5
    ENOMEM = 12
    EFAULT = 14
    EBUSY = 16
    EEXIST = 17
    ENODEV = 19
    EINVAL = 22
    ENOSPC = 28
    EROFS = 30
    ERANGE = 34
    EMSGSIZE = 90
    ENOPROTOOPT = 92
    EOPNOTSUPP = 95
    EAFNOSUPPORT = 97
    EADDRINUSE = 98
    EADDRNOTAVAIL = 99
    EDQUOT = 122

    @classmethod
    def known(cls, number: int | None, otherwise: Errno) -> Errno:
        """An error number of the system's, or `otherwise` where IPVS has none such."""
        return cls(number or 0) if number in cls.__members__.values() else otherwise


class PyvsError(Exception):
    """A refusal in a sentence: what is wrong, where, and what to do."""


class ControlError(PyvsError):
    """A control verb refused, with the kernel's errno; nothing was changed."""

    def __init__(self, errno: Errno, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.change: int | None = None
        """Of many changes in one step, which one was refused, from 0."""
