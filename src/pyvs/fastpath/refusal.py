"""What is never offloaded, and why: of a whole director, a destination, a connection.

A sentence says what stands against it; None: nothing does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.flags import ConnFlag, Forward, Proto

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination

METHODS: Final = frozenset({Forward.MASQ, Forward.DROUTE, Forward.TUNNEL})
PROTOCOLS: Final = frozenset({Proto.TCP, Proto.UDP})
_NOT_PLAIN: Final = int(ConnFlag.TEMPLATE | ConnFlag.ONE_PACKET | ConnFlag.NO_CPORT | ConnFlag.NFCT)

PROTOCOL: Final = "neither TCP nor UDP"
FLAGS: Final = "a template, of one packet, tracked by conntrack, or its client's port is not known yet"
HELPER: Final = "it has a helper, or connections of its own"
WATCHED: Final = "its ends' sequence numbers are noted, to reset it"
LOCAL_CLIENT: Final = "its client is this host"
ELSEWHERE: Final = "its service's address is not this host's"
NO_FAMILY: Final = "there is no service of its address family any more"
NO_DESTINATION: Final = "its destination is not in the maps"


def of_director(ns: Namespace) -> str | None:
    """Why nothing may be offloaded at present."""
    if ns.sync.is_backup and ns.sysctl.backup_only:
        return "sysctl backup_only is 1: as long as the backup runs its packets are left to the host"
    if ns.sysctl.conntrack:
        return "sysctl conntrack is 1: netfilter is to see each packet"
    if not ns.sysctl.snat_reroute and getattr(ns.environment, "policy_routing", False):
        return "sysctl snat_reroute is 0: replies go by the rules for their servers' addresses"
    if ns.services.conn_out_services:
        return "a persistence engine waits for connections from servers"
    return None


def of_family(ns: Namespace, family: int) -> str | None:
    """Why connections of clients of a family stay with the engine, which looks at none without a service."""
    return None if ns.services.families.get(family) else NO_FAMILY


def of_destination(ns: Namespace, dest: Destination, *, answers: bool = False) -> str | None:
    """Why connections to it stay with the engine. answers: what servers on this host answer is seen by programs."""
    if dest.drain is not None:
        return "it drains"
    if dest.terms is not None:
        return "its service has timeouts or ends of its own"
    if dest.method_changed and ns.differences.direct_routing_by_stale_route:
        return "it had another forwarding method: whose packet comes first decides about the route of all"
    if dest.forward not in METHODS and not (dest.forward == Forward.LOCALNODE and answers):
        return "its packets stay on this host"
    if len(dest.addr) != len(dest.vaddr) and not dest.vfwmark:
        return "it is of another address family than its service"
    if ns.environment.is_local(dest.addr) and not (answers and is_here(ns, dest)):
        return "it is this host"
    return None


def is_here(ns: Namespace, dest: Destination) -> bool:
    """Whether it is this host, which takes its packets as they are. Kernel: `ip_vs_null_xmit`, local routes."""
    if dest.forward == Forward.LOCALNODE:
        return True
    return dest.forward != Forward.MASQ and ns.environment.is_local(dest.addr)


def is_elsewhere(ns: Namespace, dest: Destination) -> bool:
    """Whether its service's address is another host's at present: connections wait in the maps until it comes."""
    return not dest.vfwmark and not ns.environment.is_local(dest.vaddr)


def of_connection(ns: Namespace, conn: Connection) -> str | None:
    """Why a connection stays with the engine, though nothing stands against its destination."""
    if conn.protocol not in PROTOCOLS:
        return PROTOCOL
    if conn.flags & _NOT_PLAIN:
        return FLAGS
    if conn.app is not None or conn.n_control or conn.in_seq is not None:
        return HELPER
    if conn.watch is not None:
        return WATCHED
    if conn.control is not None and (not conn.control.template or conn.control.pe is not None):
        return HELPER
    if conn.af != conn.daf:
        return "its server is of another address family"
    if ns.environment.is_local(conn.caddr):
        return LOCAL_CLIENT
    return None
