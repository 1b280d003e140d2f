"""Connections that masquerading remembers: as much of netfilter's tracking as the recordings need.

A packet that came from outside is looked up before it is routed; a new connection is confirmed when its first
packet leaves, with the addresses that it then has (the virtual server's changes included).
"""

from dataclasses import dataclass
from itertools import chain

from pyvs.core.flags import Proto
from pyvs.core.packet.checksum import CHECKSUM_AT, apply, checksum, delta
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet

Flow = tuple[int, bytes, int, bytes, int]
"""Protocol, source, its port, destination, its port."""


@dataclass(slots=True)
class Entry:
    """One connection. Kernel: `struct nf_conn`."""

    original: Flow
    reply: Flow | None = None
    """What answers look like on the wire; None until the first packet has left."""
    masqueraded: bool = False

    @property
    def confirmed(self) -> bool:
        """Its first packet has left."""
        return self.reply is not None


@dataclass(slots=True)
class Tracked:
    """What a packet knows of its connection: `Packet.conntrack`."""

    entry: Entry
    is_reply: bool


def flow_of(data: bytes) -> tuple[Flow, Header] | None:
    """The flow that a packet of TCP or UDP belongs to."""
    try:
        header = parse(data)
    except Malformed:
        return None
    if header.protocol not in CHECKSUM_AT or header.fragment_offset or len(data) < header.offset + 8:
        return None
    sport = int.from_bytes(data[header.offset : header.offset + 2], "big")
    dport = int.from_bytes(data[header.offset + 2 : header.offset + 4], "big")
    return (header.protocol, header.src, sport, header.dst, dport), header


class Conntrack:
    """The table of connections of one namespace."""

    def __init__(self) -> None:
        self.flows: dict[Flow, Tracked] = {}

    def arrive(self, packet: Packet) -> None:
        """A packet came in: note its connection; an answer to a masqueraded one gets its old destination back."""
        found = flow_of(packet.data)
        if found is None or packet.conntrack is not None:
            return
        flow, header = found
        tracked = self.flows.get(flow)
        if tracked is None:
            packet.conntrack = Tracked(Entry(flow), False)
            return
        packet.conntrack = tracked
        if tracked.is_reply and tracked.entry.masqueraded:
            _, source, sport, _, _ = tracked.entry.original
            packet.data = rewrite(packet.data, header, destination=source, dport=sport)

    def leave(self, packet: Packet, masquerade: bytes | None) -> None:
        """A packet leaves; masquerade: the address to put in front of a new connection, if a rule says so."""
        tracked = packet.conntrack
        if packet.untracked or not isinstance(tracked, Tracked) or tracked.is_reply:
            return
        found = flow_of(packet.data)
        if found is None:
            return
        (protocol, source, sport, destination, dport), header = found
        entry = tracked.entry
        if entry.reply is None:
            if masquerade is not None:
                port = self._free_port(protocol, destination, dport, masquerade, sport)
                if port is None:
                    return
                entry.masqueraded = True
                source, sport = masquerade, port
            entry.reply = (protocol, destination, dport, source, sport)
            self.flows[entry.original] = tracked
            self.flows[entry.reply] = Tracked(entry, True)
        if entry.masqueraded:
            _, _, _, address, port = entry.reply
            packet.data = rewrite(packet.data, header, source=address, sport=port)

    def _free_port(
        self, protocol: int, destination: bytes, dport: int, source: bytes, wanted: int
    ) -> int | None:
        candidates = chain((wanted,), range(1024, 65536))
        return next(
            (p for p in candidates if (protocol, destination, dport, source, p) not in self.flows), None
        )


def rewrite(
    data: bytes, header: Header, *, source: bytes | None = None, sport: int = 0,
    destination: bytes | None = None, dport: int = 0,
) -> bytes:  # fmt: skip
    """The packet with another source or destination, its checksums corrected."""
    out = bytearray(data)
    width, at = len(header.src), header.offset
    where = 12 if width == 4 else 8
    for address, port, address_at, port_at in (
        (source, sport, where, at),
        (destination, dport, where + width, at + 2),
    ):
        if address is not None:
            out[address_at : address_at + width] = address
            out[port_at : port_at + 2] = port.to_bytes(2, "big")
    check = at + CHECKSUM_AT[header.protocol]
    if len(data) >= check + 2:
        old = int.from_bytes(data[check : check + 2], "big")
        if old or header.protocol == Proto.TCP:
            before = data[where : where + 2 * width] + data[at : at + 4]
            after = bytes(out[where : where + 2 * width]) + bytes(out[at : at + 4])
            new = apply(old, delta(before, after))
            out[check : check + 2] = (new or (0xFFFF if header.protocol == Proto.UDP else 0)).to_bytes(
                2, "big"
            )
    if width == 4:
        out[10:12] = b"\0\0"
        out[10:12] = checksum(bytes(out[:at])).to_bytes(2, "big")
    return bytes(out)
