"""From the server to the client. Kernel: `ip_vs_out_hook`, `handle_response`."""

from __future__ import annotations

from pyvs.core.apps.run import app_out
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import put
from pyvs.core.flags import Direction, Proto
from pyvs.core.hooks.icmp_out import icmp_out
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.watch import answer, note
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.reasons import Reason
from pyvs.core.scheduling.from_server import begin_from_server
from pyvs.core.stats.count import count_out
from pyvs.core.transmit import icmp
from pyvs.core.transmit.rewrite import ip_header
from pyvs.core.transmit.send import mark_owned
from pyvs.core.verdict import Verdict, accept, drop

_TCP_RST = 0x04
_SCTP_ABORT = 6
_NO_CONNECTION = accept(Reason.NO_CONNECTION)
_ICMP = frozenset({int(Proto.ICMP), int(Proto.ICMPV6)})


def outgoing(ns: Namespace, packet: Packet, header: Header) -> Verdict:
    """Give a server's packet the virtual service's address; else leave it to the host."""
    if packet.owned:
        return accept(Reason.OWN)
    if header.protocol in _ICMP:
        verdict = icmp_out(ns, packet, header)
        if verdict is not None:
            return verdict
    protocol = ns.protocols.get(header.protocol)
    if protocol is None:
        return accept(Reason.UNKNOWN_PROTOCOL)
    conn = protocol.find_out(packet.data, header)
    if conn is not None:
        if conn.watch is not None and conn.watch.ending:
            return answer(ns, conn, packet, header, Direction.OUTPUT)
        if ns.note is not None:
            ns.tell("connection", f"a server's packet, {protocol.state_name(conn.state)}")
        return respond(ns, conn, packet, header, protocol)
    if ns.services.conn_out_services and header.protocol == Proto.UDP:
        conn = begun_by_server(ns, packet, header)
        if conn is not None:
            return respond(ns, conn, packet, header, protocol)
    if ns.sysctl.nat_icmp_send and header.protocol in (Proto.TCP, Proto.UDP, Proto.SCTP):
        return _unknown(ns, packet, header, protocol)
    return _NO_CONNECTION


def begun_by_server(ns: Namespace, packet: Packet, header: Header) -> Connection | None:
    """A connection that a server begins, if a persistence engine knows it. Kernel: `__ip_vs_rs_conn_out`."""
    sport, _dport = ns.protocols[header.protocol].ports(packet.data, header)
    dest = ns.services.find_server(header.af, header.protocol, header.src, sport)
    if dest is None or dest.service is None or dest.service.pe is None or not dest.service.pe.servers_begin:
        return None
    return begin_from_server(ns, dest.service, dest, packet, header)


def respond(ns: Namespace, conn: Connection, packet: Packet, header: Header, protocol: Protocol) -> Verdict:
    """Rewrite, count, move the state on. Kernel: `handle_response`."""
    if conn.masqueraded:
        changed = False
        if conn.app is not None:
            if not protocol.checksum_ok(packet, header):
                return drop(Reason.BAD_CHECKSUM)
            if not app_out(ns, conn, packet, header):
                return drop(Reason.HELPER)
            header = parse(packet.data)
            changed = True
        try:
            part = protocol.rewrite(packet, header, conn, Direction.OUTPUT, payload_changed=changed)
        except Malformed as malformed:
            return drop(malformed.reason)
        packet.data = ip_header(packet.data[: header.offset] + part, src=conn.vaddr)
    if conn.dest is not None and conn.dest.terms is not None and conn.dest.terms.watched:
        note(conn, packet.data, header, Direction.OUTPUT)
    count_out(ns, conn, packet)
    mark_owned(ns, conn, packet, inward=False)
    protocol.transition(conn, Direction.OUTPUT, packet.data, header)
    if ns.note is not None:
        ns.tell("state", f"{protocol.state_name(conn.state)}, {conn.timeout:.0f} s")
    put(ns, conn)
    return accept(Reason.REPLY if conn.masqueraded else Reason.REPLY_SEEN)


def _unknown(ns: Namespace, packet: Packet, header: Header, protocol: Protocol) -> Verdict:
    """A server's packet of no connection: tell it, if the sysctl says so."""
    data, at = packet.data, header.offset
    if header.fragment_offset or len(data) < at + 4:
        return accept(Reason.NO_CONNECTION)
    sport, _dport = protocol.ports(data, header)
    dest = ns.services.find_server(header.af, header.protocol, header.src, sport)
    if dest is None:
        return accept(Reason.NO_CONNECTION)
    if header.protocol == Proto.TCP and len(data) > at + 13 and data[at + 13] & _TCP_RST:
        return accept(Reason.NO_CONNECTION)
    if header.protocol == Proto.SCTP and len(data) > at + 12 and data[at + 12] == _SCTP_ABORT:
        return accept(Reason.NO_CONNECTION)
    icmp.port_unreachable(ns, packet, header)
    return drop(Reason.UNKNOWN_SERVER_PACKET)
