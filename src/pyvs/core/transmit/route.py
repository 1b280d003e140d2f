"""The way to the server, and whether the packet may take it: local or not, time to live, size.

Kernel: `__ip_vs_get_out_rt`, `__ip_vs_get_out_rt_v6`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from pyvs.core.environment import Route
from pyvs.core.flags import Family, Hook, TunFlag, TunType
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.services.destination import Destination
from pyvs.core.transmit import icmp
from pyvs.core.transmit.rewrite import ttl_decremented
from pyvs.core.verdict import Verdict, drop


class Mode(IntEnum):
    """What kinds of way are good. Kernel: `IP_VS_RT_MODE_*`."""

    LOCAL = 1
    """To this host."""
    NON_LOCAL = 2
    """To another."""
    RDR = 4
    """To this host although the packet was going elsewhere."""
    KNOWN_NH = 16
    """The server is the next hop, whatever the packet's destination."""
    TUNNEL = 32
    """Through a tunnel: its headers take room."""


_NON_LOCAL: Final = int(Mode.NON_LOCAL)
_TUNNEL: Final = int(Mode.TUNNEL)

UDP_HEADER: Final = 8
GUE_HEADER: Final = 4
GRE_HEADER: Final = 4
GRE_CHECKSUM: Final = 4
MIN_MTU4: Final = 68
MIN_MTU6: Final = 1280


def out_route(
    ns: Namespace,
    packet: Packet,
    header: Header,
    dest: Destination | None,
    daddr: bytes,
    mode: int,
    *,
    leave_ttl: bool = False,
) -> Route | Verdict:
    """The route to the server; when it isn't local, the packet's time to live has been decremented.

    A Verdict: it can't go, and its sender was told if it is to be. header: the packet's own, or with `icmp` set the
    one inside of an ICMP error (then no errors about size). leave_ttl: the caller will decrement it where
    `packet.data` comes back as it was and the route is not local, since it rewrites the header anyway.
    """
    route = ns.environment.route(daddr) if dest is None else held_route(ns, dest, mode)
    if route is None:
        icmp.host_unreachable(ns, packet, ns.header)
        return drop(Reason.NO_ROUTE)
    data = packet.data
    if (
        data[0] == 0x45
        and not route.local
        and mode & _NON_LOCAL
        and not mode & _TUNNEL
        and data[12] != 127
        and data[8] > 1
        and len(data) <= route.mtu
    ):
        # The usual case of all that follows.
        if not leave_ttl:
            packet.data = ttl_decremented(data)
        return route
    if _crosses_boundary(ns, packet, mode, route):
        return drop(Reason.NO_ROUTE)
    if route.local:
        return route
    ttl = data[8] if data[0] >> 4 == 4 else data[7]
    if ttl <= 1:
        icmp.time_exceeded(ns, packet, ns.header)
        return drop(Reason.TTL_EXCEEDED)
    packet.data = ttl_decremented(data)
    mtu = route.mtu
    if mode & Mode.TUNNEL:
        if dest is None:
            return drop(Reason.NO_DESTINATION)
        mtu -= tunnel_overhead(dest, packet)
        if mtu < (MIN_MTU4 if dest.af == Family.INET else MIN_MTU6):
            return drop(Reason.TOO_BIG)
    if not _fits(ns, packet, header, mode, mtu):
        return drop(Reason.TOO_BIG)
    return route


def held_route(ns: Namespace, dest: Destination, mode: int) -> Route | None:
    """The route that a destination holds: looked up by the first packet that asks. Kernel: `__ip_vs_dst_set`."""
    if dest.route_generation != ns.environment.generation or dest.route is None:
        route = ns.environment.route(dest.addr)
        if not (ns.differences.direct_routing_ignores_path_mtu and route and _stays(dest, route)):
            dest.route, dest.route_known_nh = route, bool(mode & Mode.KNOWN_NH)
        dest.route_generation = ns.environment.generation
    return dest.route


def _stays(dest: Destination, now: Route) -> bool:
    """Whether only path MTUs have changed, and the held route was in no cache where that ended it.

    Kernel: `__mkroute_output` doesn't cache routes with `FLOWI_FLAG_KNOWN_NH` on the link; `update_or_create_fnhe`
    ends those in the next hop's cache when an exception is new, and changes those of the exception in place.
    """
    held = dest.route
    if held is None or held.learnt or held.tables != now.tables or dest.af != Family.INET:
        return False
    if dest.route_known_nh and held.gateway is None:
        return True
    return held == now and held.exceptions == now.exceptions


def tunnel_overhead(dest: Destination, packet: Packet) -> int:
    """Bytes that the tunnel's headers take."""
    size = 20 if dest.af == Family.INET else 40
    if dest.tun_type == TunType.GUE:
        size += UDP_HEADER + GUE_HEADER
        if dest.tun_flags & TunFlag.REMCSUM and packet.checksum_partial:
            size += 8
    elif dest.tun_type == TunType.GRE:
        size += GRE_HEADER + (GRE_CHECKSUM if dest.tun_flags & TunFlag.CSUM else 0)
    return size


def was_local(ns: Namespace, packet: Packet) -> bool:
    """Whether the packet was going to this host before. Kernel: `old_rt_is_local`."""
    if ns.hook == Hook.LOCAL_IN:
        return True
    if ns.hook == Hook.FORWARD:
        return False
    data = packet.data
    return ns.environment.is_local(data[16:20] if data[0] >> 4 == 4 else data[24:40])


def _crosses_boundary(ns: Namespace, packet: Packet, mode: int, route: Route) -> bool:
    """Kernel: `crosses_local_route_boundary`."""
    if route.local:
        if not mode & Mode.LOCAL:
            return True
        return not mode & Mode.RDR and not was_local(ns, packet)
    if not mode & Mode.NON_LOCAL:
        return True
    data = packet.data
    if data[0] >> 4 == 4:
        return data[12] == 127
    return packet.iif in ("", "lo") and data[8:24] == _LOOPBACK6


_LOOPBACK6: Final = bytes(15) + b"\x01"


def _fits(ns: Namespace, packet: Packet, header: Header, mode: int, mtu: int) -> bool:
    """Kernel: `ensure_mtu_is_adequate`."""
    data = packet.data
    if data[0] >> 4 == 6:
        size = packet.fragment_size or len(data)
        if size <= mtu:
            return True
        if not header.fragment_offset and not header.icmp:
            icmp.too_big(ns, packet, ns.header, mtu)
        return False
    if mode & Mode.TUNNEL and not ns.sysctl.pmtu_disc:
        return True
    if data[6] & 0x40 and len(data) > mtu and not header.icmp:
        icmp.too_big(ns, packet, ns.header, mtu)
        return False
    return True
