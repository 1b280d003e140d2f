"""The tunnel's end on a real server, for kernels without tunnel devices.

    python -m pyvs.lab.decapsulate INTERFACE FAMILY...

takes IP in IP (protocols 4 and 41, in the outer families 4, 6) from raw sockets, takes the outer header off and
sends what is inside to INTERFACE's own stack: INTERFACE is one end of a veth pair whose other end is
INTERFACE-in, and a frame that is sent there arrives here. So it needs neither /dev/net/tun nor a module.
"""

import contextlib
import selectors
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pyvs.core.packet.checksum import checksum, fold, pseudo_sum

INNER: Final = {socket.IPPROTO_IPIP: 0x0800, socket.IPPROTO_IPV6: 0x86DD}
"""What is inside, as an Ethernet type, by the outer header's protocol."""

OUTER: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
RAW: Final = {4: "raw", 6: "raw6"}
"""The kernel's lists of raw sockets, by the outer family."""
DEVICES: Final = {4: "tunl0", 6: "ip6tnl0"}
"""The kernel's own tunnel ends: in every namespace as soon as their modules are loaded."""

_SOURCE: Final = bytes.fromhex("020000000001")


def inner_packet(data: bytes, outer_family: int) -> bytes | None:
    """The packet inside what a raw socket gives (IPv4 with its outer header, IPv6 without), or None."""
    if outer_family == socket.AF_INET:
        length = (data[0] & 0x0F) * 4 if data else 0
        if length < 20:
            return None
        data = data[length:]
    if len(data) >= 20 and data[0] >> 4 == 4:
        return data[: int.from_bytes(data[2:4], "big")]
    if len(data) >= 40 and data[0] >> 4 == 6:
        return data[: 40 + int.from_bytes(data[4:6], "big")]
    return None


def finished(packet: bytes) -> bytes:
    """The packet with a TCP checksum that is finished.

    Between virtual devices a sender leaves it to hardware that never comes: the field holds the pseudo header's sum
    alone, which a tunnel of the kernel's own would know. Any other checksum stays as it is, right or wrong.
    """
    source, target, protocol, at = (12, 16, 9, 20) if packet[0] >> 4 == 4 else (8, 24, 6, 40)
    transport = packet[at:]
    if packet[protocol] != socket.IPPROTO_TCP or len(transport) < 20:
        return packet
    if packet[0] >> 4 == 4 and packet[0] != 0x45:
        return packet
    addresses = packet[source:target], packet[target : target + target - source]
    pseudo = pseudo_sum(*addresses, socket.IPPROTO_TCP, len(transport))
    if int.from_bytes(transport[16:18], "big") != fold(pseudo):
        return packet
    sum_ = checksum(transport[:16] + b"\0\0" + transport[18:], pseudo)
    return packet[: at + 16] + sum_.to_bytes(2, "big") + packet[at + 18 :]


def frame(destination: bytes, packet: bytes) -> bytes:
    """An Ethernet frame for the interface with this hardware address."""
    kind = INNER[socket.IPPROTO_IPIP if packet[0] >> 4 == 4 else socket.IPPROTO_IPV6]
    return struct.pack("!6s6sH", destination, _SOURCE, kind) + packet


class Decapsulator:
    """Raw sockets on one side, a veth's far end on the other."""

    def __init__(self, interface: str, families: Sequence[int]) -> None:
        """Listens at once.

        Raises OSError without the privilege, or when INTERFACE-in isn't there.
        """
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as near:
            near.bind((interface, 0))
            self.hardware: bytes = near.getsockname()[4]
        self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.out.bind((f"{interface}-in", 0))
        self.selector = selectors.DefaultSelector()
        for family in (OUTER[version] for version in families):
            for protocol in INNER:
                tunnel = socket.socket(family, socket.SOCK_RAW, protocol)
                tunnel.setblocking(False)
                self.selector.register(tunnel, selectors.EVENT_READ, family)

    def serve(self) -> None:
        """Take packets out of their tunnels until the process is ended."""
        while True:
            for key, _ in self.selector.select():
                tunnel = key.fileobj
                assert isinstance(tunnel, socket.socket)
                with contextlib.suppress(OSError):
                    packet = inner_packet(tunnel.recv(65535), key.data)
                    if packet:
                        self.out.send(frame(self.hardware, finished(packet)))


def listens(families: Sequence[int], folder: Path = Path("/proc/thread-self/net")) -> bool:
    """Whether somebody in this namespace takes packets out of tunnels of these outer families by raw sockets."""
    for family in families:
        lines = (folder / RAW[family]).read_text().splitlines()[1:]
        taken = {int(line.split()[1].rpartition(":")[2], 16) for line in lines}
        if not taken.issuperset(INNER):
            return False
    return True


if __name__ == "__main__":
    Decapsulator(sys.argv[1], [int(family) for family in sys.argv[2:]]).serve()
