"""Finds the connection of a packet that was just played, for the table of flows."""

from __future__ import annotations

from ipaddress import ip_address

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Hook
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict
from pyvs.replay.tally import FlowKey, Tally, endpoint, protocol_name

_WITH_FLOW = frozenset(
    {Reason.FORWARDED, Reason.LOCAL_NODE, Reason.REPLY, Reason.REPLY_SEEN, Reason.SERVER_GONE}
)


def note_flow(
    ns: Namespace, tally: Tally, data: bytes, hook: Hook, verdict: Verdict, sent_to: bytes | None
) -> None:
    """Count a packet for its connection.

    data: the packet as the hook got it; sent_to: where the engine sends it, for connections of one packet, which are
    gone again.
    """
    if verdict.reason not in _WITH_FLOW:
        return
    try:
        header = parse(data)
    except Malformed:
        return
    protocol = ns.protocols.get(header.protocol)
    if protocol is None or header.fragment_offset:
        return
    conn = (protocol.find_in if hook is Hook.LOCAL_IN else protocol.find_out)(data, header)
    if conn is not None:
        first = hook is Hook.LOCAL_IN and conn.in_pkts <= 1
        key, place = _key(conn), conn.daddr + conn.dport.to_bytes(2, "big")
        state = protocol.state_name(conn.state)
        if not tally.known(key, place, state, first=first):  # most are: their names are not made again
            names = endpoint(conn.caddr, conn.cport), service_name(conn), endpoint(conn.daddr, conn.dport)
            tally.packet(key, place, names, state, first=first)
    elif sent_to is not None and protocol.has_ports:
        sport, dport = protocol.ports(data, header)
        service = f"{protocol_name(header.protocol)} {endpoint(header.dst, dport)}"
        key = (header.protocol, *_ends(header.src, sport, header.dst, dport))
        names = endpoint(header.src, sport), service, str(ip_address(sent_to))
        tally.packet(key, sent_to, names, "one packet", first=True)


def _key(conn: Connection) -> FlowKey:
    return (conn.protocol, *_ends(conn.caddr, conn.cport, conn.vaddr, conn.vport))


def _ends(client: bytes, cport: int, virtual: bytes, vport: int) -> tuple[bytes, bytes]:
    return client + cport.to_bytes(2, "big"), virtual + vport.to_bytes(2, "big")


def service_name(conn: Connection) -> str:
    """`TCP 192.0.2.1:80`, or `FWM 1`."""
    if conn.fwmark:
        return f"FWM {conn.fwmark}"
    return f"{protocol_name(conn.protocol)} {endpoint(conn.vaddr, conn.vport)}"
