"""The express way: packets of established NAT connections whose state stays as it is, IPv4 TCP and UDP.

It does in one function what the long walk does in twenty, and nothing else: whatever is not plain goes the long way
(None), before anything was changed. A property test holds the two against each other.

What the rewriting adds to checksums depends only on the service and the server, so connections share a `Passage`.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from pyvs.core.command import Transmit
from pyvs.core.connections.expiry import assure
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, PacketType, Proto
from pyvs.core.packet.checksum import delta, fold
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.tcp_states import NO_ROW as _NO_ROW
from pyvs.core.protocols.tcp_states import ROW_OF_FLAGS
from pyvs.core.reasons import Reason
from pyvs.core.timers import RESOLUTION
from pyvs.core.transmit.rewrite import ONE_BYTE
from pyvs.core.verdict import Verdict, accept, stolen

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.connections.table import Shards
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination

_TCP: Final = Struct("!BBHHHBBH4s4s2s2s9sB2sH")
_UDP: Final = Struct("!BBHHHBBH4s4s2s2s2sH")
_SHARD: Final = 255
_LOCAL_IN, _FORWARD, _HOST = Hook.LOCAL_IN, Hook.FORWARD, PacketType.HOST
_STOLEN: Final = stolen(Reason.FORWARDED)
_ACCEPT: Final = accept(Reason.REPLY)
_FORWARDED, _REPLY = Reason.FORWARDED, Reason.REPLY
_TTL_LESS: Final = 0xFEFF
"""What a time to live that is one less adds to the sum of the IP header: the complement of 0x0100."""
_NOT_PLAIN: Final = ConnFlag.NFCT | ConnFlag.ONE_PACKET | ConnFlag.NO_CPORT | ConnFlag.TEMPLATE


class Passage:
    """What NAT between one virtual and one server address changes in a packet."""

    __slots__ = (
        "daddr",
        "dest",
        "dport",
        "in_address",
        "in_ip",
        "in_transport",
        "out_ip",
        "out_transport",
        "vaddr",
        "vport",
    )

    def __init__(self, conn: Connection, dest: Destination) -> None:
        self.dest = dest
        self.vaddr, self.daddr = conn.vaddr, conn.daddr
        self.vport, self.dport = conn.vport.to_bytes(2, "big"), conn.dport.to_bytes(2, "big")
        self.in_address = delta(self.vaddr, self.daddr)
        self.in_ip = fold(self.in_address + _TTL_LESS)
        self.out_ip = delta(self.daddr, self.vaddr)
        self.in_transport = delta(self.vaddr + self.vport, self.daddr + self.dport)
        self.out_transport = delta(self.daddr + self.dport, self.vaddr + self.vport)

    def inward(self, data: bytes, check_at: int, hop: int) -> bytes:
        """A client's packet with the server's address and port.

        For headers of 20 bytes; check_at: where the transport's checksum stands, which is not 0 for UDP.
        hop: 1 when its time to live is still to be decremented, else 0.
        """
        check = (data[10] << 8 | data[11]) ^ 0xFFFF
        check += self.in_ip if hop else self.in_address
        check = (check & 0xFFFF) + (check >> 16) ^ 0xFFFF
        sum_ = ((data[check_at] << 8 | data[check_at + 1]) ^ 0xFFFF) + self.in_transport
        sum_ = (sum_ & 0xFFFF) + (sum_ >> 16) ^ 0xFFFF
        if not sum_ and check_at == UDP_CHECK:
            sum_ = 0xFFFF
        return b"".join(
            (
                data[:8],
                ONE_BYTE[data[8] - hop],
                data[9:10],
                check.to_bytes(2, "big"),
                data[12:16],
                self.daddr,
                data[20:22],
                self.dport,
                data[24:check_at],
                sum_.to_bytes(2, "big"),
                data[check_at + 2 :],
            )
        )


TCP_CHECK: Final = 36
UDP_CHECK: Final = 26


def board(conn: Connection) -> None:
    """Let a connection's next packets take the express way, if it is of the kind that may."""
    dest = conn.dest
    if (
        dest is None
        or conn.af != Family.INET
        or conn.daf != Family.INET
        or conn.protocol not in (Proto.TCP, Proto.UDP)
        or conn.app is not None
        or conn.flags & _NOT_PLAIN
        or conn.forward != Forward.MASQ
    ):
        return
    place = (conn.vaddr, conn.vport, conn.dport)
    passage = dest.passages.get(place)
    if passage is None:
        if len(dest.passages) >= MOST_PASSAGES:
            dest.passages.clear()
        passage = dest.passages[place] = Passage(conn, dest)
    conn.express = passage


MOST_PASSAGES: Final = 64
"""A service by mark or for all ports has one for each address and port that clients name: they are made anew."""


def express(ns: Namespace, packet: Packet, hook: Hook) -> Verdict | None:
    """The verdict of a packet that may take the express way, else None and nothing was done."""
    data = packet.data
    if len(data) < 28 or data[0] != 0x45 or packet.owned or packet.checksum_partial or ns.note is not None:
        return None
    protocol = data[9]
    if protocol == 6:
        if len(data) < 40 or data[33] & 2:
            return None
        (v, tos, total, ident, frag, ttl, _, check, src, dst, sport, dport, middle, flags, window, sum_) = (
            _TCP.unpack_from(data)
        )
        row = ROW_OF_FLAGS[flags]
        if row == _NO_ROW:
            return None
    elif protocol == 17:
        v, tos, total, ident, frag, ttl, _, check, src, dst, sport, dport, length, sum_ = _UDP.unpack_from(
            data
        )
        if not sum_:
            return None
        row = flags = 0
    else:
        return None
    if frag & 0x3FFF or total != len(data):
        return None
    key = data[12:24]
    at = hash(key) & _SHARD
    table = ns.connections
    shards: Shards | None = table.outgoing.get(protocol)
    if shards is None:
        return None
    conn = shards[at].get(key)
    if hook is _LOCAL_IN:
        if conn is not None:
            return None
        conn = table.incoming[protocol][at].get(key)
        if conn is None:
            return None
        passage = conn.express
        if passage is None or ttl < 2 or src[0] == 127 or packet.type is not _HOST:
            return None
        dest = passage.dest
        route = dest.route
        if (
            not dest.available
            or dest.route_generation != ns.environment.generation
            or route is None
            or route.local
            or (total > route.mtu and frag & 0x4000)
        ):
            return None
        sysctl = ns.sysctl
        if (
            sysctl.nat_icmp_send
            or sysctl.backup_only
            or ns.sync.master is not None
            or ns.services.conn_out_services
        ):
            return None
        transport = ns.protocols[protocol]
        terms = dest.terms
        if terms is None:
            timeouts = transport.timeouts
        elif terms.watched:
            return None
        else:
            timeouts = terms.timeouts[protocol]
        if protocol == 6:
            state = conn.state
            if transport.table[0][row][state] != state:  # type: ignore[attr-defined]
                return None
            timeout = timeouts[state]
        else:
            timeout = timeouts[0]
        stats = dest.stats
        stats.inpkts += 1
        stats.inbytes += total
        stats = dest.service.stats
        stats.inpkts += 1
        stats.inbytes += total
        stats = ns.stats
        stats.inpkts += 1
        stats.inbytes += total
        conn.in_pkts += 1
        conn.timeout = timeout
        expires = conn.expires = ns.now + timeout
        if conn.slot > expires * RESOLUTION + 1:
            ns.timers.set(conn)
        check = (check ^ 0xFFFF) + passage.in_ip
        check = (check & 0xFFFF) + (check >> 16) ^ 0xFFFF
        sum_ = (sum_ ^ 0xFFFF) + passage.in_transport
        sum_ = (sum_ & 0xFFFF) + (sum_ >> 16) ^ 0xFFFF
        if protocol == 6:
            packet.data = (
                _TCP.pack(
                    v, tos, total, ident, frag, ttl - 1, 6, check, src, passage.daddr, sport, passage.dport,
                    middle, flags, window, sum_,
                )
                + data[38:]
            )  # fmt: skip
        else:
            packet.data = (
                _UDP.pack(
                    v, tos, total, ident, frag, ttl - 1, 17, check, src, passage.daddr, sport, passage.dport,
                    length, sum_ or 0xFFFF,
                )
                + data[28:]
            )  # fmt: skip
        packet.ignore_df = packet.owned = packet.untracked = True
        packet.conntrack = None
        ns.commands.append(Transmit(packet, route, passage.daddr))
        ns.reasons[_FORWARDED] += 1
        return _STOLEN
    if conn is None or hook is not _FORWARD:
        return None
    passage = conn.express
    if passage is None:
        return None
    dest = passage.dest
    if not dest.available:
        return None
    transport = ns.protocols[protocol]
    terms = dest.terms
    if terms is None:
        timeouts = transport.timeouts
    elif terms.watched:
        return None
    else:
        timeouts = terms.timeouts[protocol]
    if protocol == 6:
        state = conn.state
        if transport.table[1][row][state] != state:  # type: ignore[attr-defined]
            return None
        conn.timeout = timeout = timeouts[state]
    else:
        conn.timeout = timeout = timeouts[0]
        assure(conn)
    stats = dest.stats
    stats.outpkts += 1
    stats.outbytes += total
    stats = dest.service.stats
    stats.outpkts += 1
    stats.outbytes += total
    stats = ns.stats
    stats.outpkts += 1
    stats.outbytes += total
    expires = conn.expires = ns.now + timeout
    if conn.slot > expires * RESOLUTION + 1:
        ns.timers.set(conn)
    check = (check ^ 0xFFFF) + passage.out_ip
    check = (check & 0xFFFF) + (check >> 16) ^ 0xFFFF
    sum_ = (sum_ ^ 0xFFFF) + passage.out_transport
    sum_ = (sum_ & 0xFFFF) + (sum_ >> 16) ^ 0xFFFF
    if protocol == 6:
        packet.data = (
            _TCP.pack(
                v, tos, total, ident, frag, ttl, 6, check, passage.vaddr, dst, passage.vport, dport,
                middle, flags, window, sum_,
            )
            + data[38:]
        )  # fmt: skip
    else:
        packet.data = (
            _UDP.pack(
                v, tos, total, ident, frag, ttl, 17, check, passage.vaddr, dst, passage.vport, dport,
                length, sum_ or 0xFFFF,
            )
            + data[28:]
        )  # fmt: skip
    packet.owned = packet.untracked = True
    packet.conntrack = None
    ns.reasons[_REPLY] += 1
    return _ACCEPT
