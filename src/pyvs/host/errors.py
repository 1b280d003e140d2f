"""ICMP errors that the host sends: from which address, how often. Kernel: `__icmp_send`, `icmp6_send`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.flags import PacketType, Proto
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.host import icmp, options

if TYPE_CHECKING:
    from pyvs.host.host import Host


def send(host: Host, packet: Packet, kind: int, code: int, rest: int = 0, *, local: bool) -> None:
    """Tell the sender of a packet about it; kind and code are those of its family.

    local: it was routed to us, so that the error comes from the address it was sent to.
    """
    if packet.type != PacketType.HOST:
        return
    if packet.data[0] >> 4 == 4:
        _send4(host, packet.data, kind, code, rest, local)
    else:
        _send6(host, packet.data, kind, code, rest)


def _send4(host: Host, data: bytes, kind: int, code: int, rest: int, local: bool) -> None:
    quote = icmp.quote4(data)
    if quote is None:
        return
    destination = data[12:16]
    source = data[16:20] if local else None
    route = host.routing.route(destination, source)
    if route is None or not route.unicast:
        return
    fragmentation = (kind, code) == (icmp.UNREACHABLE, icmp.FRAG_NEEDED)
    interval = host.setting("net.ipv4.icmp_ratelimit") / 1000
    if not (fragmentation or route.local or host.peers.may_err(destination, host.now, interval)):
        return
    source = source or route.source
    echoed = options.echoed(host, data, source)
    message = icmp.message4(kind, code, rest, quote[: min(route.mtu, icmp.LONGEST4) - 28 - len(echoed)])
    answer = icmp.ipv4(source, destination, Proto.ICMP, message, tos=icmp.error_tos(data),
                       ident=host.identification(), options=echoed)  # fmt: skip
    host.send(Packet(answer))


def _send6(host: Host, data: bytes, kind: int, code: int, rest: int) -> None:
    try:
        header = parse(data)
    except Malformed:
        return
    quote = icmp.quote6(data, header.offset, header.protocol)
    if quote is None or (data[24] == 0xFF and (kind, code) != (icmp.PARAMETER6, 2) and kind != icmp.TOO_BIG6):
        return
    destination = data[8:24]
    source = data[24:40] if host.routing.is_local(data[24:40]) else None
    route = host.routing.route(destination, source)
    if route is None or not route.unicast:
        return
    interval = host.setting("net.ipv6.icmp.ratelimit") / 1000
    if kind != icmp.TOO_BIG6 and not route.local and not host.peers.may_err(destination, host.now, interval):
        return
    source = source or route.source
    message = icmp.message6(source, destination, kind, code, rest, quote)
    host.send(Packet(icmp.ipv6(source, destination, Proto.ICMPV6, message, label=host.flow_label())))


def too_big(host: Host, packet: Packet, mtu: int, *, local: bool = False) -> None:
    """Tell the sender that the path takes no more than mtu bytes."""
    if packet.data[0] >> 4 == 4:
        send(host, packet, icmp.UNREACHABLE, icmp.FRAG_NEEDED, mtu, local=local)
    else:
        send(host, packet, icmp.TOO_BIG6, 0, mtu, local=local)


def problem(host: Host, packet: Packet, found: options.Problem, *, local: bool) -> None:
    """Tell the sender which byte of its headers can't be."""
    if packet.data[0] >> 4 == 4:
        send(host, packet, icmp.PARAMETER, found.code, found.at << 24, local=local)
    else:
        send(host, packet, icmp.PARAMETER6, found.code, found.at, local=local)
