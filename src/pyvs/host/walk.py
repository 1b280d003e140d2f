"""The walk of a packet through the host, hook by hook. Kernel: ip_input.c, ip_forward.c, ip_output.c and IPv6's.

arrive -> PRE_ROUTING -> route -> LOCAL_IN -> stack
-> forward -> FORWARD -> POST_ROUTING -> leave
send -> route -> LOCAL_OUT -> POST_ROUTING -> leave
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.command import Transmit
from pyvs.core.environment import Route
from pyvs.core.flags import Hook, PacketType, Proto
from pyvs.core.packet.checksum import checksum
from pyvs.core.packet.fragments import Reassembly, cut
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.host import errors, icmp, options, stack
from pyvs.host.interface import LOOPBACK
from pyvs.host.routing import Entry, Kind

if TYPE_CHECKING:
    from pyvs.host.host import Host

BROADCAST: Final = b"\xff" * 4
MAY_HIDE_FRAGMENT: Final = (Proto.IP, Proto.ROUTING, Proto.FRAGMENT, Proto.DSTOPTS)
"""First IPv6 headers behind which, or in which, a fragment header may stand."""


def acceptable(data: bytes) -> bytes | None:
    """The packet without what follows it in the frame, or None. Kernel: `ip_rcv_core`, `ip6_rcv_core`."""
    if len(data) < 20:
        return None
    version = data[0] >> 4
    if version == 4:
        length, total = (data[0] & 15) * 4, int.from_bytes(data[2:4], "big")
        if length < 20 or total < length or len(data) < total or checksum(data[:length]):
            return None
        return data[:total]
    if version != 6 or len(data) < 40:
        return None
    total = 40 + int.from_bytes(data[4:6], "big")
    loopback = bytes(15) + b"\x01"
    if len(data) < total or data[8] == 0xFF or data[8:24] == loopback or data[24:40] == loopback:
        return None
    return data[:total]


def arrive(host: Host, packet: Packet) -> None:
    """A packet has come in: PRE_ROUTING, then to us or on."""
    four = packet.data[0] >> 4 == 4
    filters = host.filters[4 if four else 6]
    try:
        if not four and not options.hop_by_hop(packet.data):
            return
    except options.Problem as found:
        errors.problem(host, packet, found, local=True)
        return
    if host.defragments(packet):
        whole = together(host.reassembly, packet, host.now)
        if whole is None:
            return
        whole.ignore_df = whole.ignore_df or whole is not packet
        packet = whole
    if filters.tracking:
        host.conntrack.arrive(packet)
    if filters.run("mangle", "PREROUTING", packet) == "DROP":
        return
    data = packet.data
    source, destination = (data[12:16], data[16:20]) if four else (data[8:24], data[24:40])
    if (destination[0] == 0xFF and not four) or (four and 224 <= destination[0] < 240):
        if host.joined(packet.iif, destination):
            local_in(host, packet)
        return
    if four and packet.iif != LOOPBACK and martian(host, source, destination):
        return
    entry = host.routing.find(destination, source, packet.mark, packet.iif)
    if destination == BROADCAST:
        entry = Entry(BROADCAST, 32, Kind.BROADCAST, packet.iif)
    local = entry is not None and entry.kind in (Kind.LOCAL, Kind.BROADCAST)
    try:
        if four and not options.receive(host, packet, local):
            return
    except options.Problem as found:
        errors.problem(host, packet, found, local=local)
        return
    if entry is not None and local:
        if entry.kind is Kind.BROADCAST:
            packet.type = PacketType.BROADCAST
        local_in(host, packet)
    else:
        forward(host, packet, source, destination, entry)


def together(reassembly: Reassembly, packet: Packet, now: float) -> Packet | None:
    """The packet, or the whole that its fragments make; None while some are missing or if they are impossible."""
    data = packet.data
    if not (int.from_bytes(data[6:8], "big") & 0x3FFF if data[0] >> 4 == 4 else data[6] in MAY_HIDE_FRAGMENT):
        return packet
    try:
        header = parse(data)
        return reassembly.add(packet, header, now) if header.fragment else packet
    except Malformed:
        return None


def martian(host: Host, source: bytes, destination: bytes) -> bool:
    """IPv4 addresses that can't come from outside. Kernel: `ip_route_input_slow`, `fib_validate_source`."""
    return (
        224 <= source[0] < 240
        or source == BROADCAST
        or source[0] in (0, 127)
        or destination[0] in (0, 127)
        or host.routing.is_local(source)
    )


def local_in(host: Host, packet: Packet) -> None:
    """A packet for this host. Kernel: `ip_local_deliver`, `ip6_input`."""
    data = packet.data
    four = data[0] >> 4 == 4
    if four:
        whole = together(host.local_reassembly, packet, host.now)
        if whole is None:
            return
        packet = whole
    filters = host.filters[4 if four else 6]
    if filters.run("mangle", "INPUT", packet) == "DROP" or filters.run("filter", "INPUT", packet) == "DROP":
        return
    if not host.hook(packet, Hook.LOCAL_IN):
        return
    if not four:
        whole = together(host.local_reassembly, packet, host.now)
        if whole is None:
            return
        packet = whole
        try:
            if not options.extensions(packet.data):
                return
        except options.Problem as found:
            errors.problem(host, packet, found, local=True)
            return
    stack.deliver(host, packet)


# ---- forwarding -----------------------------------------------------------------


def forward(host: Host, packet: Packet, source: bytes, destination: bytes, entry: Entry | None) -> None:
    """A packet for others. Kernel: `ip_forward`, `ip6_forward`."""
    four = len(destination) == 4
    if packet.type != PacketType.HOST or not host.forwards(four):
        return
    if entry is None or entry.kind is not Kind.UNICAST:
        unreachable(host, packet, entry)
        return
    data = packet.data
    if data[8 if four else 7] <= 1:
        errors.send(host, packet, icmp.TIME_EXCEEDED if four else icmp.TIME_EXCEEDED6, 0, local=False)
        return
    route = host.routing.resolve(entry, destination)
    mtu = entry.mtu or host.interfaces[route.device].mtu
    if too_long(packet, mtu):
        errors.too_big(host, packet, mtu)
        return
    packet.data = decrement_ttl(data)
    packet.oif = route.device
    if four and packet.iif == route.device:
        redirect(host, packet, source, route.gateway or destination)
    filters = host.filters[4 if four else 6]
    if (
        filters.run("mangle", "FORWARD", packet) == "DROP"
        or filters.run("filter", "FORWARD", packet) == "DROP"
    ):
        return
    if not host.hook(packet, Hook.FORWARD):
        return
    if addresses(packet.data) != addresses(data):
        if host.reroutes_replies:
            rerouted = host.routing.route(addresses(packet.data)[1], addresses(packet.data)[0], packet.mark)
            if rerouted is None or rerouted.local:
                return
            route, mtu = rerouted, host.interfaces[rerouted.device].mtu
        if four:
            options.forwarded(packet, addresses(packet.data)[0])
    elif four:
        options.forwarded(packet, route.source)
    post_routing(host, packet, route, mtu)


def too_long(packet: Packet, mtu: int) -> bool:
    """Whether a packet to be forwarded is too big for a device. Kernel: `ip_exceeds_mtu`, `ip6_pkt_too_big`."""
    four = packet.data[0] >> 4 == 4
    if len(packet.data) <= mtu or (four and not packet.data[6] & 0x40):
        return False
    return packet.fragment_size > mtu or not packet.ignore_df


def decrement_ttl(data: bytes) -> bytes:
    """The packet with a hop less to live. Kernel: `ip_decrease_ttl`."""
    if data[0] >> 4 == 6:
        return data[:7] + bytes([data[7] - 1]) + data[8:]
    check = int.from_bytes(data[10:12], "big") + 0x0100
    check = (check + (check >= 0xFFFF)) & 0xFFFF
    return data[:8] + bytes([data[8] - 1]) + data[9:10] + check.to_bytes(2, "big") + data[12:]


def addresses(data: bytes) -> tuple[bytes, bytes]:
    """Source and destination."""
    return (data[12:16], data[16:20]) if data[0] >> 4 == 4 else (data[8:24], data[24:40])


def unreachable(host: Host, packet: Packet, entry: Entry | None) -> None:
    """No way: tell the sender, unless the route says to be silent. Kernel: `ip_error`, `ip6_pkt_discard`."""
    kind = entry.kind if entry is not None else None
    if kind is Kind.BLACKHOLE:
        return
    if packet.data[0] >> 4 == 4:
        if not host.peers.may_be_unreachable(packet.data[12:16], host.now):
            return
        code = {None: icmp.NET_UNREACHABLE, Kind.PROHIBIT: icmp.PROHIBITED}.get(kind, icmp.HOST_UNREACHABLE)
        errors.send(host, packet, icmp.UNREACHABLE, code, local=False)
    else:
        code = icmp.PROHIBITED6 if kind is Kind.PROHIBIT else icmp.NO_ROUTE6
        errors.send(host, packet, icmp.UNREACHABLE6, code, local=False)


def redirect(host: Host, packet: Packet, source: bytes, next_hop: bytes) -> None:
    """It leaves where it came in: tell a neighbour of the shorter way. Kernel: `ip_rt_send_redirect`."""
    back = host.routing.find(source)
    if back is None or back.gateway is not None or back.device != packet.iif:
        return
    if not host.setting("net.ipv4.conf.all.send_redirects"):
        return
    if host.peers.may_redirect(source, host.now):
        errors.send(host, packet, icmp.REDIRECT, 1, int.from_bytes(next_hop, "big"), local=False)


# ---- going out ------------------------------------------------------------------


def send(host: Host, packet: Packet) -> None:
    """A packet made here: LOCAL_OUT and out. Kernel: `ip_local_out`, `ip6_local_out`."""
    before = addresses(packet.data)
    route = host.routing.route(before[1], before[0], packet.mark)
    if route is None:
        return
    packet.oif = route.device
    family = 4 if packet.data[0] >> 4 == 4 else 6
    filters = host.filters[family]
    if filters.tracking:
        host.conntrack.arrive(packet)
    if filters.run("mangle", "OUTPUT", packet) == "DROP" or filters.run("filter", "OUTPUT", packet) == "DROP":
        return
    if not host.hook(packet, Hook.LOCAL_OUT):
        return
    after = addresses(packet.data)
    if after != before:
        route = host.routing.route(after[1], after[0], packet.mark)
        if route is None:
            return
    post_routing(host, packet, route, route.mtu)


def transmit(host: Host, command: Transmit) -> None:
    """A packet that the virtual server forwards. Kernel: `ip_vs_send_or_cont`."""
    packet, route = command.packet, command.route
    packet.owned = True
    packet.oif = route.device
    family = 4 if packet.data[0] >> 4 == 4 else 6
    if host.filters[family].run("mangle", "OUTPUT", packet) == "DROP":
        return
    post_routing(host, packet, route, route.mtu, command.destination)


def post_routing(
    host: Host, packet: Packet, route: Route, mtu: int, destination: bytes | None = None
) -> None:
    """The last hook, then out of the device or back in by loopback."""
    packet.oif = route.device
    family = 4 if packet.data[0] >> 4 == 4 else 6
    filters = host.filters[family]
    if filters.run("mangle", "POSTROUTING", packet) == "DROP":
        return
    if filters.tracking:
        entry = packet.conntrack
        fresh = entry is not None and not entry.entry.confirmed
        verdict = filters.run("nat", "POSTROUTING", packet) if fresh else "ACCEPT"
        host.conntrack.leave(packet, route.source if verdict == "MASQUERADE" else None)
    if route.local:
        host.loop(packet)
        return
    if not fits(packet, mtu):
        errors.too_big(host, packet, mtu)
        return
    next_hop = route.gateway or destination or addresses(packet.data)[1]
    for piece in cut(packet, mtu, host.identification6()):
        host.neighbours.send(route.device, next_hop, packet, piece)


def fits(packet: Packet, mtu: int) -> bool:
    """Whether the packet may leave, whole or cut. Kernel: `ip_fragment`, `ip6_fragment`."""
    data, size = packet.data, packet.fragment_size
    if len(data) <= mtu and not size:
        return True
    if data[0] >> 4 == 4:
        return not data[6] & 0x40 or (packet.ignore_df and size <= mtu)
    return size <= mtu and (packet.ignore_df or len(data) <= mtu)
