"""Who looks at packets that leave by a device of this host: what goes straight to the far end of a pair passes them.

Packet sockets for all protocols (tcpdump), chains of nftables at the way out of a device, a queueing discipline, and
programs and filters of tc. What stands at the far end sees all packets in either way, but for a program of XDP.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

from pyvs.datapath.rtnetlink import Link, Rtnetlink, RtnetlinkError, attributes
from pyvs.fastpath.links import programs_leaving

PACKET: Final = Path("/proc/thread-self/net/packet")
_ALL: Final = 0x0003
"""Only sockets for all protocols are shown what leaves. Kernel: `ETH_P_ALL`."""
_NLMSG: Final = struct.Struct("=IHHII")
_GET_CHAIN: Final = 10 << 8 | 4
_NEW_CHAIN: Final = 10 << 8 | 3
_DUMP: Final = 0x301
_NETDEV: Final = bytes((5, 0, 0, 0))
_CHAIN_HOOK: Final = 4
_HOOK_NUMBER: Final = 1
_EGRESS: Final = 1
_ROOM: Final = 1 << 16
_PATIENCE: Final = struct.pack("@ll", 1, 0)
_NETLINK_NETFILTER: Final = 12


class Onlookers:
    """What there was at the last look."""

    def __init__(self, rtnetlink: Rtnetlink) -> None:
        self._rtnetlink = rtnetlink
        self._sockets: frozenset[int] = frozenset()
        self._chains = False
        self.look()

    def look(self) -> None:
        """See what there is for all devices together."""
        self._sockets = packet_sockets()
        self._chains = has_egress_chains()

    def at(self, link: Link) -> str:
        """Who looks there now, in a word or two; empty: nobody."""
        if 0 in self._sockets or link.index in self._sockets:
            return "a packet socket"
        if self._chains:
            return "nftables"
        try:
            link = self._rtnetlink.link(link.index)
            if link.queues:
                return "a queueing discipline"
            if programs_leaving(link.index) or self._rtnetlink.filters_leaving(link.index):
                return "tc"
        except (OSError, RtnetlinkError):
            return "unknown"
        return "" if link.reaches_out else "no pair"


def packet_sockets(file: Path = PACKET) -> frozenset[int]:
    """Numbers of the devices that have sockets for all packets; 0: all devices have."""
    found = set()
    try:
        for line in file.read_text("ascii").splitlines()[1:]:
            words = line.split()
            if int(words[3], 16) == _ALL:
                found.add(int(words[4]))
    except (OSError, ValueError, IndexError):
        return frozenset({0})
    return frozenset(found)


def has_egress_chains() -> bool:
    """Whether nftables has chains of the family netdev for what leaves, at whatever device."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        try:
            door.send(_NLMSG.pack(_NLMSG.size + len(_NETDEV), _GET_CHAIN, _DUMP, 1, 0) + _NETDEV)
            found = False
            while True:
                data, at = door.recv(_ROOM), 0
                while at + _NLMSG.size <= len(data):
                    size, kind, *_ = _NLMSG.unpack_from(data, at)
                    if kind != _NEW_CHAIN:  # the end, or a kernel without nftables
                        return found
                    found = found or _leaves(data[at + _NLMSG.size + len(_NETDEV) : at + size])
                    at += (max(size, _NLMSG.size) + 3) & ~3
        except OSError:
            return False


def _leaves(chain: bytes) -> bool:
    for kind, value in attributes(chain):
        if kind == _CHAIN_HOOK:
            hook = dict(attributes(value))
            return int.from_bytes(hook.get(_HOOK_NUMBER, b""), "big") == _EGRESS
    return False
