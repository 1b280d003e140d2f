"""The sockets of the synchronisation daemons: multicast UDP. Kernel: `make_send_sock`, `make_receive_sock`."""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING, Final

from pyvs.core.command import Multicast
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.flags import Proto, SyncState
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.packet import Packet
from pyvs.host import icmp

if TYPE_CHECKING:
    from pyvs.host.host import Host

GROUP: Final = bytes([224, 0, 0, 81])
PORT: Final = 8848
EPHEMERAL: Final = range(32768, 61000)


def group(spec: DaemonSpec) -> bytes:
    """The multicast group of a daemon."""
    return spec.group or GROUP


def port(spec: DaemonSpec) -> int:
    """The first port of a daemon."""
    return spec.port or PORT


def udp(source: bytes, destination: bytes, sport: int, dport: int, payload: bytes) -> bytes:
    """A UDP datagram, checksum filled in."""
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    check = checksum(head + payload, pseudo_sum(source, destination, Proto.UDP, 8 + len(payload))) or 0xFFFF
    return head[:6] + check.to_bytes(2, "big") + payload


class Sockets:
    """The ports that daemons send from: one for each daemon and channel, by chance."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._ports: dict[tuple[SyncState, str, int], int] = {}

    def datagram(self, host: Host, spec: DaemonSpec, command: Multicast) -> Packet | None:
        """The packet for a message, or None when the interface has no address of the family."""
        key = (command.role, spec.ifn, command.channel)
        if key not in self._ports:
            self._ports[key] = self._chance.choice(EPHEMERAL)
        to = group(spec)
        family = 4 if len(to) == 4 else 6
        own = host.interfaces[spec.ifn].own(family)
        if not own:
            return None
        source = own[0][0]
        datagram = udp(source, to, self._ports[key], port(spec) + command.channel, command.message)
        ttl = spec.ttl or 1
        if family == 4:
            data = icmp.ipv4(source, to, Proto.UDP, datagram, ttl=ttl, ident=host.identification())
        else:
            data = icmp.ipv6(source, to, Proto.UDP, datagram, hops=ttl, label=host.flow_label())
        packet = Packet(data, oif=spec.ifn)
        packet.ignore_df = True
        return packet
