"""A persistent service: the client's template says which server. Kernel: `ip_vs_sched_persist`.

template  <protocol, client & mask, 0, virtual address, its port or 0, server, its port or 0>
by mark   <IP, client & mask, 0, mark, 0, server, 0>
FTP       the port is 0, so that data connections go along
"""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.birth import count_new, new_connection
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import control_add, put
from pyvs.core.connections.table import NOWHERE
from pyvs.core.flags import ConnFlag, Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.schedulers.scheduler import Request
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.verdict import Verdict, drop

FTP_PORT: Final = 21


def masked(service: Service, addr: bytes) -> bytes:
    """The client's address as far as the service's mask goes."""
    if service.af == Family.INET6:
        bits = service.netmask
        mask = ((1 << bits) - 1) << (128 - bits) if bits else 0
        return (int.from_bytes(addr, "big") & mask).to_bytes(16, "big")
    return (int.from_bytes(addr, "big") & service.netmask).to_bytes(4, "big")


def mark_address(mark: int, af: Family) -> bytes:
    """A firewall mark in the place of a virtual address."""
    return mark.to_bytes(4, "big") + bytes(12 if af == Family.INET6 else 0)


def schedule_persistent(
    ns: Namespace,
    service: Service,
    packet: Packet,
    header: Header,
    caddr: bytes,
    cport: int,
    vaddr: bytes,
    vport: int,
) -> Connection | Verdict | None:
    """A connection to the server of the client's template, which is made if there is none."""
    client = masked(service, caddr)
    protocol, template_vaddr, template_vport = header.protocol, vaddr, 0
    if vport == service.port:
        if service.port != FTP_PORT:
            template_vport = vport
    elif service.fwmark:
        protocol, template_vaddr = Proto.IP, mark_address(service.fwmark, service.af)
    data = b""
    if service.pe is not None:
        name = service.pe.identify(packet, header)
        if name is None:
            return drop(Reason.PERSISTENCE_ENGINE)
        data = name
        template = ns.connections.find_named_template(
            protocol, client, template_vaddr, template_vport, service.pe.name, data
        )
    else:
        template = ns.connections.find_template(protocol, client, template_vaddr, template_vport)
    if template is not None and not check_template(ns, template):
        ns.tell("persistence", "the client's template no longer counts: its server is gone or quiescent")
        template = None
    if template is None:
        if service.scheduler is None:
            return None
        dest = service.scheduler.pick(Request(header.protocol, caddr, vaddr, cport, vport))
        if dest is None:
            ns.tell("scheduler", f"{service.scheduler_name}: no server can take it")
            return None
        ns.tell("scheduler", f"{service.scheduler_name} chose {ns.name_of(dest.addr, dest.port)}")
        dport = dest.port if vport == service.port and service.port != FTP_PORT else 0
        template = new_connection(
            ns,
            service.af,
            protocol,
            client,
            0,
            template_vaddr,
            template_vport,
            dest.af,
            dest.addr,
            dport,
            ConnFlag.TEMPLATE,
            dest,
            fwmark=packet.mark,
            pe=service.pe,
            pe_data=data,
        )
        template.timeout = float(service.timeout)
    else:
        found = template.dest
        if found is None:
            return None
        dest = found
        ns.tell("persistence", f"the client's template says {ns.name_of(dest.addr, dest.port)}")
    dport = dest.port if vport == service.port and dest.port else vport
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
        dport,
        service.conn_flags(header.protocol),
        dest,
        fwmark=packet.mark,
    )
    control_add(conn, template)
    put(ns, template)
    count_new(ns, conn, service)
    return conn


def check_template(ns: Namespace, template: Connection, wanted: Destination | None = None) -> bool:
    """Whether a template still counts; one that doesn't gets ports that nobody has. Kernel: `ip_vs_check_template`."""
    dest = template.dest
    quiescent = dest is not None and ns.sysctl.expire_quiescent_template and dest.weight == 0
    if dest is not None and dest.drain is not None:
        quiescent = True  # a server that drains gets no new connections, also of clients that it knows
    if dest is not None and dest.available and not quiescent and wanted in (None, dest):
        return True
    if template.vport != NOWHERE:
        ns.connections.retire(template)
    return False
