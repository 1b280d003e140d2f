"""Who looks at packets that leave by a device of this host: what goes straight to the far end of a pair passes them.

Packet sockets for all protocols (tcpdump), chains of nftables at the way out of a device, a queueing discipline, and
programs and filters of tc. What stands at the far end sees all packets in either way, but for a program of XDP.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from pyvs.datapath.nfqueue.messages import NETLINK_NETFILTER
from pyvs.datapath.rtnetlink import DUMP, Link, Questions, Rtnetlink, RtnetlinkError, attributes
from pyvs.fastpath.links import programs_leaving

PACKET: Final = Path("/proc/thread-self/net/packet")
_ALL: Final = 0x0003
"""Only sockets for all protocols are shown what leaves. Kernel: `ETH_P_ALL`."""
_GET_CHAIN: Final = 10 << 8 | 4
_NETDEV: Final = bytes((5, 0, 0, 0))
_CHAIN_HOOK: Final = 4
_HOOK_NUMBER: Final = 1
_EGRESS: Final = 1


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
    try:
        with closing(Questions(NETLINK_NETFILTER)) as questions:
            chains = list(questions.ask(_GET_CHAIN, DUMP, _NETDEV, "chains"))
    except BlockingIOError:  # no answer: there may be some
        return True
    except (OSError, RtnetlinkError):  # a kernel without nftables
        return False
    return any(map(_leaves, chains))


def _leaves(chain: bytes) -> bool:
    for kind, value in attributes(chain, len(_NETDEV)):
        if kind == _CHAIN_HOOK:
            hook = dict(attributes(value))
            return int.from_bytes(hook.get(_HOOK_NUMBER, b""), "big") == _EGRESS
    return False
