"""A new connection for a packet of none. Kernel: `ip_vs_try_to_schedule`, `tcp_conn_schedule`, `ip_vs_schedule`."""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.birth import count_new, new_connection
from pyvs.core.connections.connection import Connection
from pyvs.core.defense import todrop
from pyvs.core.flags import ServiceFlag
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.reasons import Reason
from pyvs.core.schedulers.scheduler import Request
from pyvs.core.scheduling.leave import leave
from pyvs.core.scheduling.persist import schedule_persistent
from pyvs.core.services.service import Service
from pyvs.core.verdict import Verdict, accept, drop

FTP_DATA_PORT: Final = 20
_INSIDE: Final = frozenset({"", "lo"})


def begin(ns: Namespace, packet: Packet, header: Header, protocol: Protocol) -> Connection | Verdict:
    """The connection that this packet begins, or what becomes of it instead."""
    if header.fragment_offset:
        return accept(Reason.LATER_FRAGMENT)
    try:
        if not protocol.opens(packet, header):
            if ns.note is not None:
                ns.tell("protocol", f"{protocol.name}: this packet can't begin a connection")
            return accept(Reason.NOT_AN_OPENER)
        sport, dport = protocol.ports(packet.data, header)
    except Malformed as malformed:
        return drop(malformed.reason)
    if header.inverse:
        service = ns.services.find(header.af, packet.mark, header.protocol, header.src, sport)
    else:
        service = ns.services.find(header.af, packet.mark, header.protocol, header.dst, dport)
    if service is None:
        ns.tell("service", "none for this address, port and mark")
        return accept(Reason.NO_SERVICE)
    if ns.note is not None:
        ns.tell("service", str(service))
    if todrop(ns):
        return drop(Reason.DROP_PACKET)
    if ns.connections.full:
        return drop(Reason.NO_MEMORY)
    found = schedule(ns, service, packet, header, protocol, (sport, dport))
    if found is None:
        return leave(ns, service, packet, header, (sport, dport))
    return found


def schedule(
    ns: Namespace,
    service: Service,
    packet: Packet,
    header: Header,
    protocol: Protocol,
    ports: tuple[int, int],
) -> Connection | Verdict | None:
    """A connection with a server of the service; None when it has none to give. Kernel: `ip_vs_schedule`."""
    if header.inverse:
        caddr, vaddr, vport, cport = header.dst, header.src, *ports
    else:
        caddr, vaddr, cport, vport = header.src, header.dst, *ports
    if cport == FTP_DATA_PORT:
        ns.tell("scheduling", "packets from port 20 are never scheduled")
        return accept(Reason.NOT_SCHEDULED)
    if packet.iif in _INSIDE:
        header.inverse = not header.inverse
        known = protocol.find_in(packet.data, header)
        header.inverse = not header.inverse
        if known is not None:
            ns.tell("scheduling", "a reply of a server on this host")
            return accept(Reason.NOT_SCHEDULED)
    if service.flags & ServiceFlag.PERSISTENT:
        return schedule_persistent(ns, service, packet, header, caddr, cport, vaddr, vport)
    if not service.fwmark and vport != service.port:
        return None
    if service.scheduler is None:
        ns.tell("scheduler", "the service has none")
        return None
    dest = service.scheduler.pick(Request(header.protocol, caddr, vaddr, cport, vport))
    if dest is None:
        if ns.note is not None:
            ns.tell("scheduler", f"{service.scheduler_name}: no server can take it")
        return None
    if ns.note is not None:
        ns.tell("scheduler", f"{service.scheduler_name} chose {ns.name_of(dest.addr, dest.port)}")
    conn = new_connection(
        ns,
        service.af,
        header.protocol,
        caddr,
        cport,
        vaddr,
        vport,
        dest.af,
        dest.addr,
        dest.port or vport,
        service.conn_flags(header.protocol),
        dest,
        fwmark=packet.mark,
        in_key=b"" if header.inverse else header.key,
    )
    count_new(ns, conn, service)
    return conn
