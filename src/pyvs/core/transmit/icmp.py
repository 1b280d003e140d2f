"""ICMP errors of our own: refused, expired, too big, unreachable. Kernel: `icmp_send`, `icmpv6_send`.

They leave by an `Output` command: the host finds the route, limits the rate and sends them.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from pyvs.core.command import Output
from pyvs.core.flags import Family, Hook, PacketType, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import IPV4, IPV6, Header
from pyvs.core.packet.packet import Packet

DEST_UNREACH, SOURCE_QUENCH, TIME_EXCEEDED = 3, 4, 11
HOST_UNREACH, PORT_UNREACH, FRAG_NEEDED, EXC_TTL = 1, 3, 4, 0
V6_DEST_UNREACH, V6_PACKET_TOO_BIG, V6_TIME_EXCEED = 1, 2, 3
V6_PORT_UNREACH, V6_ADDR_UNREACH, V6_EXC_HOPLIMIT = 4, 3, 0
V6_INFORMATIONAL: Final = 0x80

_ERRORS: Final = frozenset({3, 4, 5, 11, 12})
_INFORMATIONAL: Final = frozenset({0, 8, 9, 10, 13, 14, 15, 16, 17, 18})
_INTERNETCONTROL: Final = 0xC0
_RT_TOS: Final = 0x1E
_MOST_V4: Final = 576
_MOST_V6: Final = 1280
_TTL: Final = 64
FLOW_LABELS: Final = 0xFFFFF
"""So many flow labels there are besides 0. Kernel: `ip6_make_flowlabel`."""
_HEAD: Final = Struct("!BBHI")


def port_unreachable(ns: Namespace, packet: Packet, header: Header) -> None:
    """Tell the sender that nobody serves it."""
    if header.af == Family.INET6:
        send_error(ns, packet, header, V6_DEST_UNREACH, V6_PORT_UNREACH)
    else:
        send_error(ns, packet, header, DEST_UNREACH, PORT_UNREACH)


def host_unreachable(ns: Namespace, packet: Packet, header: Header) -> None:
    """Tell the sender that there is no way to the server. Kernel: `dst_link_failure`."""
    if header.af == Family.INET6:
        send_error(ns, packet, header, V6_DEST_UNREACH, V6_ADDR_UNREACH)
    else:
        send_error(ns, packet, header, DEST_UNREACH, HOST_UNREACH)


def time_exceeded(ns: Namespace, packet: Packet, header: Header) -> None:
    """Tell the sender that its packet has lived too long."""
    if header.af == Family.INET6:
        send_error(ns, packet, header, V6_TIME_EXCEED, V6_EXC_HOPLIMIT)
    else:
        send_error(ns, packet, header, TIME_EXCEEDED, EXC_TTL)


def too_big(ns: Namespace, packet: Packet, header: Header, mtu: int) -> None:
    """Tell the sender how much fits."""
    if header.af == Family.INET6:
        send_error(ns, packet, header, V6_PACKET_TOO_BIG, 0, mtu)
    else:
        send_error(ns, packet, header, DEST_UNREACH, FRAG_NEEDED, mtu)


def send_error(ns: Namespace, packet: Packet, header: Header, kind: int, code: int, info: int = 0) -> None:
    """Make an ICMP error about a packet, unless the rules forbid one, and ask the host to send it.

    header: that of the whole packet's outermost IP header. info: the header's second word (an MTU).
    """
    data = packet.data
    if packet.type != PacketType.HOST and ns.hook != Hook.LOCAL_OUT:
        return
    source: bytes | None = None
    if ns.hook == Hook.LOCAL_IN or ns.environment.is_local(_destination(data)):
        source = _destination(data)
    if data[0] >> 4 == 4:
        _send_v4(ns, data, source, kind, code, info)
    else:
        _send_v6(ns, data, header, source, kind, code, info)


def _destination(data: bytes) -> bytes:
    return data[16:20] if data[0] >> 4 == 4 else data[24:40]


def _send_v4(ns: Namespace, data: bytes, source: bytes | None, kind: int, code: int, info: int) -> None:
    """Kernel: `__icmp_send`."""
    if (data[6] << 8 | data[7]) & 0x1FFF:
        return  # only about a first fragment
    length = (data[0] & 15) * 4
    if data[9] == Proto.ICMP and (len(data) <= length or data[length] not in _INFORMATIONAL):
        return  # never about an error
    to = data[12:16]
    route = ns.environment.route(to, source=source)
    if route is None:
        return
    if source is None:
        source = route.source
    quoted = data[: min(route.mtu, _MOST_V4) - 28]
    message = _HEAD.pack(kind, code, 0, info) + quoted
    message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
    tos = data[1] & _RT_TOS | _INTERNETCONTROL
    head = IPV4.pack(0x45, tos, 20 + len(message), ns.identification(), 0, _TTL, Proto.ICMP, 0, source, to)
    head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
    ns.commands.append(Output(Packet(head + message, type=PacketType.OUTGOING)))


def _send_v6(
    ns: Namespace, data: bytes, header: Header, source: bytes | None, kind: int, code: int, info: int
) -> None:
    """Kernel: `icmp6_send`."""
    if header.fragment_offset:
        return
    if header.protocol == Proto.ICMPV6 and (
        len(data) <= header.offset or not data[header.offset] & V6_INFORMATIONAL
    ):
        return
    to = data[8:24]
    if to == bytes(16) or to[0] == 0xFF:
        return
    route = ns.environment.route(to, source=source)
    if route is None:
        return
    if source is None:
        source = route.source
    quoted = data[: _MOST_V6 - 48]
    message = _HEAD.pack(kind, code, 0, info) + quoted
    check = checksum(message, pseudo_sum(source, to, Proto.ICMPV6, len(message)))
    message = message[:2] + check.to_bytes(2, "big") + message[4:]
    label = 1 + ns.random(FLOW_LABELS)
    head = IPV6.pack(6 << 28 | label, len(message), Proto.ICMPV6, _TTL, source, to)
    ns.commands.append(Output(Packet(head + message, type=PacketType.OUTGOING)))
