"""A connection that a server begins, as a persistence engine knows such calls. Kernel: `ip_vs_new_conn_out`."""

from __future__ import annotations

from pyvs.core.connections.birth import count_new, new_connection
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import control_add, put
from pyvs.core.flags import ConnFlag, ServiceFlag
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.scheduling.persist import check_template, masked
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


def begin_from_server(
    ns: Namespace, service: Service, dest: Destination, packet: Packet, header: Header
) -> Connection | None:
    """The connection between the packet's receiver, as the client, and the server that sent it.

    Of a persistent service it gets a template with the call's name, if the packet has one; else nothing begins.
    """
    if ns.connections.full:
        ns.reasons[Reason.NO_MEMORY] += 1
        return None
    dport, cport = ns.protocols[header.protocol].ports(packet.data, header)
    caddr, daddr, vaddr, vport = header.dst, header.src, service.addr, service.port
    template = None
    if service.flags & ServiceFlag.PERSISTENT:
        template = _template(ns, service, dest, packet, header, dport)
        if template is None:
            return None
    conn = new_connection(
        ns,
        service.af,
        header.protocol,
        caddr,
        cport,
        vaddr,
        vport,
        dest.af,
        daddr,
        dport,
        service.conn_flags(header.protocol),
        dest,
    )
    if template is not None:
        control_add(conn, template)
        put(ns, template)
    count_new(ns, conn, service)
    ns.tell("persistence", "a call that a server begins")
    return conn


def _template(
    ns: Namespace, service: Service, dest: Destination, packet: Packet, header: Header, dport: int
) -> Connection | None:
    pe = service.pe
    name = None if pe is None else pe.identify(packet, header)
    if pe is None or name is None:
        ns.tell("persistence", "the engine found no name in the server's packet")
        return None
    client = masked(service, header.dst)
    vaddr, vport = service.addr, service.port
    template = ns.connections.find_named_template(header.protocol, client, vaddr, vport, pe.name, name)
    if template is not None and check_template(ns, template, dest):
        return template
    template = new_connection(
        ns,
        service.af,
        header.protocol,
        client,
        0,
        vaddr,
        vport,
        dest.af,
        header.src,
        dport,
        ConnFlag.TEMPLATE,
        dest,
        pe=pe,
        pe_data=name,
    )
    template.timeout = float(service.timeout)
    return template
