"""Ethernet frames: cut and made."""

from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import PacketType

IPV4: Final = 0x0800
ARP: Final = 0x0806
IPV6: Final = 0x86DD
BROADCAST: Final = b"\xff" * 6


class BadMac(PyvsError):
    """A text that is no hardware address."""


def mac(text: str) -> bytes:
    """The six bytes of `02:00:00:00:00:01`. Raises BadMac."""
    parts = text.split(":")
    try:
        packed = bytes(int(part, 16) for part in parts)
    except ValueError:
        packed = b""
    if len(packed) != 6:
        raise BadMac(f"{text!r} is no hardware address: expected six bytes such as 02:00:00:00:00:01")
    return packed


def frame(destination: bytes, source: bytes, packet: bytes) -> bytes:
    """A frame with an IP packet; its version says the type."""
    return destination + source + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet


def packet_type(destination: bytes, own: bytes) -> PacketType:
    """For whom a frame to this address is at an interface with that address. Kernel: `eth_type_trans`."""
    if destination == own:
        return PacketType.HOST
    if destination == BROADCAST:
        return PacketType.BROADCAST
    return PacketType.MULTICAST if destination[0] & 1 else PacketType.OTHERHOST


def multicast_mac(group: bytes) -> bytes:
    """The hardware address of a multicast group. Kernel: `ip_eth_mc_map`, `ipv6_eth_mc_map`."""
    if len(group) == 4:
        return b"\x01\x00\x5e" + bytes([group[1] & 0x7F]) + group[2:]
    return b"\x33\x33" + group[12:]
