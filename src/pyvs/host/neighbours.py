"""Neighbours without a static entry: asked for, while packets to them wait. Kernel: neighbour.c, arp.c."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import Proto
from pyvs.core.packet.packet import Packet
from pyvs.host import errors, ethernet, icmp

if TYPE_CHECKING:
    from pyvs.host.host import Host

PROBES: Final = 3
INTERVAL: Final = 1.0
QUEUE: Final = 64
"""Packets that wait for one neighbour; the oldest make room."""


@dataclass(slots=True)
class _Wanted:
    """A neighbour that has not answered yet."""

    device: str
    address: bytes
    due: float
    source: bytes
    asked: int = 1
    waiting: list[Packet] = field(default_factory=list)


class Neighbours:
    """Who is asked for. Kernel: `struct neigh_table`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._wanted: dict[tuple[str, bytes], _Wanted] = {}

    def send(self, device: str, next_hop: bytes, packet: Packet, piece: bytes) -> None:
        """Send one IP packet, or let it wait; packet: what it was cut from."""
        interface = self._host.interfaces[device]
        if (next_hop[0] == 0xFF and len(next_hop) == 16) or (len(next_hop) == 4 and 224 <= next_hop[0] < 240):
            found: bytes | None = ethernet.multicast_mac(next_hop)
        else:
            found = interface.neighbours.get(next_hop)
        if found is not None:
            self._host.emit(device, ethernet.frame(found, interface.mac, piece))
            return
        wanted = self._wanted.get((device, next_hop))
        if wanted is None:
            source = piece[12:16] if len(next_hop) == 4 else piece[8:24]
            wanted = _Wanted(device, next_hop, self._host.now + INTERVAL, source)
            self._wanted[device, next_hop] = wanted
            self._ask(wanted)
        waiting = Packet(piece, mark=packet.mark, iif=packet.iif, oif=device)
        wanted.waiting = [*wanted.waiting, waiting][-QUEUE:]

    def learn(self, device: str, address: bytes, mac: bytes) -> None:
        """A neighbour has said where it is."""
        wanted = self._wanted.pop((device, address), None)
        if wanted is not None:
            self._host.interfaces[device].neighbours[address] = mac
            for packet in wanted.waiting:
                self.send(device, address, packet, packet.data)

    def next_timeout(self) -> float | None:
        """When somebody is to be asked again."""
        return min((wanted.due for wanted in self._wanted.values()), default=None)

    def handle_timeouts(self, now: float) -> None:
        """Ask again, or give up and tell the senders."""
        for key, wanted in list(self._wanted.items()):
            if wanted.due > now:
                continue
            if wanted.asked < PROBES:
                wanted.asked += 1
                wanted.due = now + INTERVAL
                self._ask(wanted)
                continue
            del self._wanted[key]
            for packet in wanted.waiting:
                if len(wanted.address) == 4:
                    errors.send(self._host, packet, icmp.UNREACHABLE, icmp.HOST_UNREACHABLE, local=False)
                else:
                    errors.send(self._host, packet, icmp.UNREACHABLE6, icmp.ADDRESS6, local=False)

    def _ask(self, wanted: _Wanted) -> None:
        """An ARP request; for IPv6 a solicitation, if there is an address that it can come from."""
        interface = self._host.interfaces[wanted.device]
        routing = self._host.routing
        own = routing.is_local(wanted.source)
        if len(wanted.address) == 4:
            source = (
                wanted.source if own else routing.select_source(wanted.device, wanted.address, wanted.address)
            )
            request = arp(1, interface.mac, source, bytes(6), wanted.address)
            self._host.emit(wanted.device, ethernet.BROADCAST + interface.mac + b"\x08\x06" + request)
        elif own:
            group = bytes.fromhex("ff0200000000000000000001ff") + wanted.address[13:]
            body = wanted.address + b"\x01\x01" + interface.mac
            message = icmp.message6(wanted.source, group, 135, 0, 0, body)
            packet = icmp.ipv6(wanted.source, group, Proto.ICMPV6, message, hops=255)
            self._host.emit(
                wanted.device, ethernet.frame(ethernet.multicast_mac(group), interface.mac, packet)
            )

    def arp_arrived(self, device: str, packet: bytes) -> None:
        """An ARP packet: an answer to us, or a question that we answer."""
        if len(packet) < 28 or packet[:6] != b"\x00\x01\x08\x00\x06\x04":
            return
        operation = int.from_bytes(packet[6:8], "big")
        sender_mac, sender, target = packet[8:14], packet[14:18], packet[24:28]
        if operation == 1 and self._host.routing.is_local(target):
            mac = self._host.interfaces[device].mac
            answer = arp(2, mac, target, sender_mac, sender)
            self._host.emit(device, sender_mac + mac + b"\x08\x06" + answer)
        self.learn(device, sender, sender_mac)


def arp(operation: int, mac: bytes, address: bytes, target_mac: bytes, target: bytes) -> bytes:
    """An ARP packet for IPv4 over Ethernet; operation 1 asks, 2 answers."""
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac + address + target_mac + target
