"""What a device of this network namespace is."""

from __future__ import annotations

import fcntl
import socket
from struct import pack
from typing import Final

_SIOCGIFHWADDR: Final = 0x8927
_ETHERNET: Final = 1
"""Kernel: `ARPHRD_ETHER`."""


def ethernet_address(name: str) -> bytes | None:
    """The link-layer address of an Ethernet device; None for others, and when it is gone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFHWADDR, pack("16s24x", name.encode()[:15]))
        except OSError:
            return None
    if int.from_bytes(answer[16:18], "little" if pack("=H", 1)[0] else "big") != _ETHERNET:
        return None
    return answer[18:24]
