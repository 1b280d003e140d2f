"""A service without a server for a packet. Kernel: `ip_vs_leave`."""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.birth import new_connection
from pyvs.core.connections.expiry import put
from pyvs.core.flags import Direction, Family, Forward
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.services.service import Service
from pyvs.core.stats.count import count_in
from pyvs.core.transmit import TRANSMITTERS, icmp
from pyvs.core.verdict import Verdict, accept, drop

FTP_PORT: Final = 21


def leave(ns: Namespace, service: Service, packet: Packet, header: Header, ports: tuple[int, int]) -> Verdict:
    """Bypass if the sysctl says so, leave other ports of an FTP address alone, or tell the client."""
    if ns.sysctl.cache_bypass and service.fwmark and not header.inverse and not header.icmp:
        route = ns.environment.route(header.dst)
        if route is not None and route.unicast and not route.local:
            return _bypass(ns, service, packet, header, ports)
    if service.port == FTP_PORT and ports[0 if header.inverse else 1] != FTP_PORT:
        return accept(Reason.FTP_DATA_PORT)
    if not header.icmp:
        icmp.port_unreachable(ns, packet, header)
    return drop(Reason.NO_DESTINATION)


def _bypass(
    ns: Namespace, service: Service, packet: Packet, header: Header, ports: tuple[int, int]
) -> Verdict:
    conn = new_connection(
        ns,
        service.af,
        header.protocol,
        header.src,
        ports[0],
        header.dst,
        ports[1],
        service.af,
        bytes(4 if service.af == Family.INET else 16),
        0,
        Forward.BYPASS | service.conn_flags(header.protocol),
        None,
        fwmark=packet.mark,
    )
    count_in(ns, conn, packet)
    ns.protocols[header.protocol].transition(conn, Direction.INPUT, packet.data, header)
    verdict = TRANSMITTERS[conn.forward](ns, conn, packet, header)
    conn.in_pkts += 1
    put(ns, conn)
    return verdict
