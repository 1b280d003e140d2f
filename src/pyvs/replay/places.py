"""Where an address was seen: interface, VLAN and the link-layer addresses of both ends."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from pyvs.core.flags import PacketType
from pyvs.datapath.device import Frame, Way
from pyvs.datapath.link import ETHERNET, LinkHeader
from pyvs.datapath.link.link_type import LinkType

MOST_CLIENTS: Final = 1 << 16
"""Clients whose places are kept; the one learnt first goes when there is one more."""
MOST_SIGHTINGS: Final = 64
"""Different places of one address that are weighed against each other."""


class Place(NamedTuple):
    """The way to a neighbour."""

    interface: str
    """As the capture names it, or empty."""
    link: int
    ours: bytes = b""
    """Link-layer address of the director there; empty when it is not known."""
    theirs: bytes = b""
    tags: bytes = b""
    """VLAN tags, as on the wire."""
    ifindex: int = 0

    @property
    def device(self) -> str:
        """The name of the director's device there, as the engine hears it; a VLAN is a device of its own."""
        name = self.interface or "if0"
        if self.ifindex:
            name += f"#{self.ifindex}"
        for at in range(0, len(self.tags), 4):
            name += f".{int.from_bytes(self.tags[at + 2 : at + 4], 'big') & 0xFFF}"
        return name


def place_of_sender(frame: Frame, header: LinkHeader) -> Place:
    """The place of the one who sent a frame to the director."""
    return Place(frame.interface, frame.link, header.destination, header.source, header.tags, header.ifindex)


def place_of_receiver(frame: Frame, header: LinkHeader) -> Place:
    """The place of the one whom the director sent a frame."""
    return Place(frame.interface, frame.link, header.source, header.destination, header.tags, header.ifindex)


def made_up_address(address: bytes) -> bytes:
    """A link-layer address for a host that was never seen: 02:00 and the last four bytes of its IP address."""
    return b"\x02\x00" + address[-4:]


def frame_of(packet: bytes, place: Place, link: LinkType, *, ours: bytes, address: bytes) -> bytes:
    """An outgoing frame to a place.

    ours: the director's link-layer address when the place does not know it; address: the next hop's IP address.
    """
    header = LinkHeader(
        0x0800 if packet[0] >> 4 == 4 else 0x86DD,
        0,
        PacketType.OUTGOING,
        place.ours or ours,
        place.theirs or made_up_address(address),
        place.tags,
        place.ifindex,
    )
    return link.build(header) + packet


class Places:
    """What has been learnt about places; bounded."""

    def __init__(self) -> None:
        self.fixed: dict[bytes, Place] = {}
        """Of the servers, from the survey."""
        self.default = Place("", ETHERNET.number)
        """Of those who were not seen: the way to most of the clients."""
        self._clients: dict[bytes, Place] = {}

    def learn(self, address: bytes, frame: Frame, header: LinkHeader) -> None:
        """Note where a packet's sender is."""
        if address in self._clients or frame.way is Way.OUT:
            return
        if len(self._clients) >= MOST_CLIENTS:
            del self._clients[next(iter(self._clients))]
        self._clients[address] = place_of_sender(frame, header)

    def find(self, address: bytes) -> Place | None:
        """The place of an address that was seen."""
        return self.fixed.get(address) or self._clients.get(address)


class Sightings:
    """Places of one address, counted."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Place, bool]] = Counter()

    def add(self, place: Place, *, as_receiver: bool) -> None:
        """Note one; a new one is not kept when there are too many."""
        if (place, as_receiver) in self._counts or len(self._counts) < MOST_SIGHTINGS:
            self._counts[place, as_receiver] += 1

    def best(self, director: frozenset[bytes]) -> Place | None:
        """The most frequent that can be right: not the director's own address; as receiver only of its frames."""
        for (place, as_receiver), _count in self._counts.most_common():
            if as_receiver and director and place.ours not in director:
                continue
            if place.theirs and place.theirs in director:
                continue
            return place
        return None
