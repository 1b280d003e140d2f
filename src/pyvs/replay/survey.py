"""The first pass over a capture: where the servers are, which frames are the director's own.

Bounded: it keeps counts, the places of the servers and a limited number of link-layer addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from pyvs.core.flags import PacketType
from pyvs.datapath.device import Frame, Way
from pyvs.datapath.link import LINK_TYPES, LinkHeader
from pyvs.datapath.link.link_type import ARP
from pyvs.replay.places import Place, Sightings, place_of_receiver, place_of_sender
from pyvs.replay.sorting import Skipped, find_packet

MOST_ADDRESSES: Final = 4096


class Survey:
    """What the first pass has found."""

    def __init__(self, virtual: Iterable[bytes], servers: Iterable[bytes]) -> None:
        self._virtual = frozenset(virtual)
        self._sightings = {server: Sightings() for server in servers}
        self._to_virtual: Counter[Place] = Counter()
        self._asked: set[bytes] = set()
        """Link-layer addresses that frames to a virtual address were sent to."""
        self._askers: set[bytes] = set()
        """And those that sent such frames: the director is in both when it sends them on."""
        self._ours: set[bytes] = set()
        self.frames = 0
        self.links: set[int] = set()
        self.has_ways = False
        """Some frame tells which way it went."""

    def add_interface_address(self, mac: bytes) -> None:
        """A link-layer address that the capture says is the director's."""
        if mac:
            self._ours.add(mac)

    def look(self, frame: Frame) -> None:
        """Take note of a frame."""
        self.frames += 1
        self.links.add(frame.link)
        found = find_packet(frame)
        if isinstance(found, Skipped):
            if found is Skipped.NOT_IP:
                self._look_at_arp(frame)
            return
        header = found.header
        outgoing = frame.way is Way.OUT or header.type is PacketType.OUTGOING
        self.has_ways |= frame.way is not Way.UNKNOWN or header.type is PacketType.OUTGOING
        if outgoing:
            _note(self._ours, header.source)
        if found.destination in self._virtual and not outgoing:
            _note(self._asked, header.destination)
            _note(self._askers, header.source)
            place = place_of_sender(frame, header)
            if place in self._to_virtual or len(self._to_virtual) < MOST_ADDRESSES:
                self._to_virtual[place] += 1
        if not outgoing and (sightings := self._sightings.get(found.source)) is not None:
            sightings.add(place_of_sender(frame, header), as_receiver=False)
        if (sightings := self._sightings.get(found.destination)) is not None and (
            outgoing or frame.way is Way.UNKNOWN
        ):
            sightings.add(place_of_receiver(frame, header), as_receiver=True)

    def _look_at_arp(self, frame: Frame) -> None:
        link = LINK_TYPES[frame.link]
        header = link.parse(frame.data)
        if header is None or header.protocol != ARP or frame.way is Way.OUT:
            return
        body = frame.data[header.offset : header.offset + 28]
        if len(body) == 28 and body[:6] == b"\0\1\x08\0\6\4":
            sightings = self._sightings.get(body[14:18])
            if sightings is not None:
                ours = b"" if header.type is not PacketType.HOST else header.destination
                seen = LinkHeader(0, 0, source=body[8:14], destination=ours, tags=header.tags)
                sightings.add(
                    place_of_sender(frame, seen._replace(ifindex=header.ifindex)), as_receiver=False
                )

    # ---- the result --------------------------------------------------------

    @property
    def director(self) -> frozenset[bytes]:
        """The link-layer addresses of the director, as far as they are known."""
        return frozenset((self._asked & self._askers) | self._ours)

    def places(self) -> dict[bytes, Place]:
        """Where the servers are that were seen."""
        director = self.director
        best = {server: sightings.best(director) for server, sightings in self._sightings.items()}
        return {server: place for server, place in best.items() if place is not None}

    def default(self) -> Place | None:
        """Where most of the packets to the services came from."""
        director = self.director
        for place, _count in self._to_virtual.most_common():
            if not place.theirs or place.theirs not in director:
                return place
        return None

    def own_address(self, interface: str) -> bytes:
        """The director's link-layer address on an interface, from the frames to its services; or empty."""
        director = self.director
        for place, _count in self._to_virtual.most_common():
            if place.interface == interface and place.ours and place.theirs not in director:
                return place.ours
        return b""


def _note(known: set[bytes], address: bytes) -> None:
    if address and len(known) < MOST_ADDRESSES:
        known.add(address)
