"""From the client to the server: the heart of the walk. Kernel: `ip_vs_in_hook`."""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import expire_now, put
from pyvs.core.flags import ConnFlag, Direction, Hook, PacketType, Proto
from pyvs.core.hooks.icmp_in import icmp_in
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.watch import answer, note
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.reasons import Reason
from pyvs.core.scheduling.begin import begin
from pyvs.core.stats.count import count_in
from pyvs.core.transmit import TRANSMITTERS
from pyvs.core.verdict import Verdict, accept, drop

_ICMP = frozenset({int(Proto.ICMP), int(Proto.ICMPV6)})
_HOST = PacketType.HOST


def incoming(ns: Namespace, packet: Packet, header: Header) -> Verdict:
    """Send a packet to its server, of a known connection or a new one; else leave it to the host."""
    if packet.owned:
        return accept(Reason.OWN)
    if packet.type is not _HOST and ns.hook is not Hook.LOCAL_OUT:
        return accept(Reason.NOT_FOR_HOST)
    if ns.sysctl.backup_only and ns.sync.is_backup:
        return accept(Reason.BACKUP_ONLY)
    if header.protocol in _ICMP:
        verdict = icmp_in(ns, packet, header)
        if verdict is not None:
            return verdict
    protocol = ns.protocols.get(header.protocol)
    if protocol is None:
        if ns.sysctl.ignore_tunneled:
            packet.owned = True  # what was in the tunnel will come by again
        return accept(Reason.UNKNOWN_PROTOCOL)
    conn = protocol.find_in(packet.data, header)
    if ns.note is not None:
        known_as = "none of this client" if conn is None else f"found, {protocol.state_name(conn.state)}"
        ns.tell("connection", known_as)
    if conn is not None:
        known = _still_good(ns, packet, header, protocol, conn)
        if isinstance(known, Verdict):
            return known
        conn = known
        if conn is not None and conn.watch is not None and conn.watch.ending:
            return answer(ns, conn, packet, header, Direction.INPUT)
    if conn is None:
        begun = begin(ns, packet, header, protocol)
        if isinstance(begun, Verdict):
            return begun
        conn = begun
    return forward(ns, conn, packet, header, protocol)


def forward(ns: Namespace, conn: Connection, packet: Packet, header: Header, protocol: Protocol) -> Verdict:
    """Count, move the state on, send, and restart the timer."""
    count_in(ns, conn, packet)
    protocol.transition(conn, Direction.INPUT, packet.data, header)
    if conn.dest is not None and conn.dest.terms is not None and conn.dest.terms.watched:
        note(conn, packet.data, header, Direction.INPUT)
    if ns.note is not None:
        ns.tell("state", f"{protocol.state_name(conn.state)}, {conn.timeout:.0f} s")
    transmitter = TRANSMITTERS[conn.flags & 7]
    verdict = transmitter(ns, conn, packet, header)
    if ns.note is not None:
        ns.tell("transmit", f"{transmitter.__name__}: {verdict.reason.sentence}")
    if conn.flags & ConnFlag.ONE_PACKET:
        packets = ns.sysctl.sync_threshold[0]
    else:
        conn.in_pkts += 1
        packets = conn.in_pkts
    if ns.sync.master is not None:
        ns.sync.note_packet(conn, packets)
    elif conn.flags & ConnFlag.ONE_PACKET and conn.control is not None:
        conn.control.in_pkts += 1
    put(ns, conn)
    return verdict


def _still_good(
    ns: Namespace, packet: Packet, header: Header, protocol: Protocol, conn: Connection
) -> Connection | Verdict | None:
    """The connection, None when the packet is to be scheduled anew, or a verdict."""
    dest = conn.dest
    if not header.fragment_offset and protocol.is_new(packet.data, header):
        old = again = False
        if ns.sysctl.expire_nodest_conn and dest is not None and dest.weight == 0:
            again, old = True, uses_old_tracking(ns, conn, packet)
        elif ns.sysctl.conn_reuse_mode and conn.control is None and protocol.may_reuse(conn):
            old = uses_old_tracking(ns, conn, packet)
            # One that controls others goes on while conntrack still knows it.
            again = not conn.n_control or not old
        if again:
            ns.tell("connection", "it is over: this packet is scheduled anew")
            if not old:
                conn.flags &= ~ConnFlag.NFCT
            if not conn.n_control:
                expire_now(ns, conn)
            return drop(Reason.OLD_CONNTRACK) if old else None
    if dest is not None and not dest.available:
        leaves = conn.protocol == Proto.UDP and dest.terms is not None and dest.terms.udp_leaves
        if not ns.sysctl.expire_nodest_conn and not leaves:
            return drop(Reason.SERVER_GONE)
        old = uses_old_tracking(ns, conn, packet)
        if not old:
            conn.flags &= ~ConnFlag.NFCT
        expire_now(ns, conn)
        return drop(Reason.OLD_CONNTRACK) if old else None
    return conn


def uses_old_tracking(ns: Namespace, conn: Connection, packet: Packet) -> bool:
    """Whether conntrack already confirmed the packet's connection. Kernel: `ip_vs_conn_uses_old_conntrack`."""
    return bool(conn.flags & ConnFlag.NFCT) and ns.tracking.uses_old(packet)
