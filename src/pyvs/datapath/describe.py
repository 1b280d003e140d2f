"""One readable line a packet, in the manner of tcpdump. Whatever the bytes, there is a line."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from pyvs.core.flags import Family, Proto
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.wording import counted
from pyvs.datapath.device import Frame
from pyvs.datapath.link import LINK_TYPES
from pyvs.datapath.link.link_type import ARP, IPV4, IPV6

TCP_FLAGS: Final = (
    (0x02, "S"),
    (0x01, "F"),
    (0x04, "R"),
    (0x08, "P"),
    (0x10, "."),
    (0x20, "U"),
    (0x40, "E"),
    (0x80, "W"),
)
PROTOCOL_NAMES: Final[Mapping[int, str]] = {
    Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.SCTP: "SCTP", Proto.ICMP: "ICMP", Proto.ICMPV6: "ICMPv6",
    Proto.IPIP: "IPIP", Proto.IPV6: "IPv6 in IP", Proto.GRE: "GRE", Proto.ESP: "ESP", Proto.AH: "AH",
}  # fmt: skip
ICMP_NAMES: Final = {
    0: "echo reply", 3: "unreachable", 4: "source quench", 5: "redirect", 8: "echo request",
    11: "time exceeded", 12: "parameter problem",
}  # fmt: skip
ICMPV6_NAMES: Final = {
    1: "unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem", 128: "echo request",
    129: "echo reply", 133: "router solicitation", 134: "router advertisement", 135: "neighbour solicitation",
    136: "neighbour advertisement",
}  # fmt: skip
ICMP_ERRORS: Final = frozenset({3, 4, 5, 11, 12})
DEEPEST: Final = 3
"""Packets within packets that are described."""


def describe_frame(frame: Frame) -> str:
    """The line of a frame, without its time and interface."""
    link = LINK_TYPES.get(frame.link)
    if link is None:
        return f"link type {frame.link}, {counted(frame.length, 'byte')}"
    header = link.parse(frame.data)
    if header is None:
        return f"{link.name}, cut short, {counted(len(frame.data), 'byte')}"
    tags = "".join(
        f"vlan {int.from_bytes(header.tags[at + 2 : at + 4], 'big') & 0xFFF} "
        for at in range(0, len(header.tags), 4)
    )
    if header.protocol == ARP:
        return tags + _arp(frame.data[header.offset :])
    if header.protocol not in (IPV4, IPV6):
        name = f"ethertype {header.protocol:#06x}" if header.protocol else "no ethertype"
        return f"{tags}{name}, {counted(frame.length, 'byte')}"
    return tags + describe_packet(frame.data[header.offset :])


def describe_packet(data: bytes, depth: int = 0) -> str:
    """The line of an IP packet (or of as much of it as there is)."""
    try:
        header = parse(data, quoted=True)
    except Malformed as error:
        return f"malformed IP: {error}, {counted(len(data), 'byte')}"
    transport = data[header.offset : header.end]
    tail = f" ttl {header.ttl}"
    if header.fragment:
        tail += f" frag {header.fragment_offset}{'+' if header.more_fragments else ''}"
    if header.df and header.af == Family.INET:
        tail += " DF"
    if len(data) < header.end:
        tail += f" ({counted(header.end - len(data), 'byte')} missing)"
    source, destination = _host(header.src), _host(header.dst)
    if header.fragment_offset:
        name = PROTOCOL_NAMES.get(header.protocol, f"protocol {header.protocol}")
        return f"{name} {source} > {destination} later fragment{tail}"
    return _transport(header, transport, source, destination, depth) + tail


def _transport(header: Header, data: bytes, source: str, destination: str, depth: int) -> str:
    protocol = header.protocol
    name = PROTOCOL_NAMES.get(protocol, f"protocol {protocol}")
    hosts = f"{name} {source} > {destination}"
    if protocol in (Proto.TCP, Proto.UDP, Proto.SCTP):
        if len(data) < 4:
            return f"{hosts} cut short"
        sport, dport = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        ends = f"{name} {_end(header.src, sport)} > {_end(header.dst, dport)}"
        if protocol == Proto.TCP and len(data) >= 20:
            return f"{ends} {_tcp(data, header.end - header.offset)}"
        if protocol == Proto.UDP:
            return f"{ends} len {max(0, header.end - header.offset - 8)}"
        return ends
    if protocol in (Proto.ICMP, Proto.ICMPV6) and len(data) >= 4:
        return f"{hosts} {_icmp(protocol, data, depth)}"
    if protocol in (Proto.IPIP, Proto.IPV6) and depth < DEEPEST:
        return f"{hosts} {{{describe_packet(data, depth + 1)}}}"
    return f"{hosts} len {max(0, header.end - header.offset)}"


def _tcp(data: bytes, length: int) -> str:
    flags = "".join(letter for bit, letter in TCP_FLAGS if data[13] & bit) or "none"
    size = max(0, length - (data[12] >> 4) * 4)
    text = f"[{flags}] seq {int.from_bytes(data[4:8], 'big')}"
    if data[13] & 0x10:
        text += f" ack {int.from_bytes(data[8:12], 'big')}"
    return f"{text} win {int.from_bytes(data[14:16], 'big')} len {size}"


def _icmp(protocol: int, data: bytes, depth: int) -> str:
    kind, code = data[0], data[1]
    names = ICMP_NAMES if protocol == Proto.ICMP else ICMPV6_NAMES
    text = f"{names.get(kind, f'type {kind}')} code {code}"
    error = kind in ICMP_ERRORS if protocol == Proto.ICMP else kind < 128
    if error and len(data) > 8 and depth < DEEPEST:
        text += f" {{{describe_packet(data[8:], depth + 1)}}}"
    return text


def _arp(data: bytes) -> str:
    if len(data) < 28 or data[:6] != b"\0\1\x08\0\6\4":
        return "ARP"
    sender, target = ip_address(data[14:18]), ip_address(data[24:28])
    if data[7] == 1:
        return f"ARP who has {target}? tell {sender}"
    return f"ARP {sender} is at {data[8:14].hex(':')}"


def _host(address: bytes) -> str:
    return str(ip_address(address))


def _end(address: bytes, port: int) -> str:
    return f"[{_host(address)}]:{port}" if len(address) == 16 else f"{_host(address)}:{port}"
