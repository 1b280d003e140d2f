"""The end of a GUE or GRE tunnel on a real server: python tunnel_end.py INTERFACE gue|gre FAMILY PORT.

As `pyvs.lab.decapsulate` for what that does not know. The kernel cuts what comes in one piece by its own view of the
tunnel (GUE is UDP), so a wrong mark on a large packet is seen.
"""

import socket
import sys

from pyvs.core.packet.checksum import checksum
from pyvs.lab.decapsulate import INNER, OUTER, Decapsulator, finished, frame

GRE_CHECKSUM = 0x80
UDP_NO_CHECK6_RX = 102
"""Linux. GUE over IPv6 comes without a sum over the packet unless its server asks for one."""
_LENGTH = 4


def inside_gue(data: bytes) -> bytes | None:
    """The packet of a GUE message, with its optional fields."""
    header = _LENGTH + 4 * (data[0] & 0x1F)
    return data[header:] if data[0] >> 5 == 0 and data[1] in INNER else None


def inside_gre(data: bytes) -> bytes | None:
    """The packet behind a GRE header, if its checksum is right or there is none."""
    if int.from_bytes(data[2:4], "big") not in INNER.values():
        return None
    if not data[0] & GRE_CHECKSUM:
        return data[_LENGTH:]
    # Over the packet with the transport's checksum that a device of the way would have finished.
    inner = finished(data[_LENGTH + 4 :])
    return None if checksum(data[: _LENGTH + 4] + inner) else inner


class End(Decapsulator):
    """One socket, whose packets go to the interface's own stack."""

    def __init__(self, interface: str, kind: str, family: int, port: int) -> None:
        super().__init__(interface, ())
        self.kind, self.family = kind, family
        if kind == "gue":
            self.socket = socket.socket(OUTER[family], socket.SOCK_DGRAM)
            if family == 6:
                self.socket.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
            self.socket.bind(("", port))
        else:
            self.socket = socket.socket(OUTER[family], socket.SOCK_RAW, socket.IPPROTO_GRE)

    def serve(self) -> None:
        """Until killed."""
        while True:
            data = self.socket.recv(65535)
            if self.kind == "gue":
                inner = inside_gue(data)
            else:
                inner = inside_gre(data[(data[0] & 0x0F) * 4 :] if self.family == 4 else data)
            if inner:
                self.out.send(frame(self.hardware, finished(inner)))


if __name__ == "__main__":
    End(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])).serve()
