"""What FTP clients say to be passive. Kernel: in `ip_vs_ftp_in`."""

import re
from typing import Final

from pyvs.core.flags import Family

_PASSIVE: Final = re.compile(rb"PASV\r\n|EPSV[ \r]", re.IGNORECASE)
_LEAST: Final = 6
"""Bytes that must be there from a command's first on."""
_OWN_FAMILY: Final = {Family.INET: b"1\r", Family.INET6: b"2\r"}


def asks_for_passive(data: bytes, af: Family) -> bytes | None:
    """PASV or EPSV if a client's data say it anywhere; empty for an EPSV of another family; None if neither.

    PASV is for IPv4 only.
    """
    at = 0
    while (found := _PASSIVE.search(data, at)) is not None and found.start() <= len(data) - _LEAST:
        command = found.group()
        if command[:1] in b"pP":
            if af == Family.INET:
                return b"PASV"
        elif command.endswith(b"\r") or data[found.end() : found.end() + 2] == _OWN_FAMILY[af]:
            return b"EPSV"
        else:
            return b""
        at = found.start() + 1
    return None
