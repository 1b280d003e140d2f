"""The host around the engine of a replay: virtual addresses are local, everything else can be reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyvs.core.environment import Route
from pyvs.host.routing import MIN_PMTU
from pyvs.replay.places import Places

PAGES: Final = 1 << 20
"""Free memory that the engine is told of: plenty, so that no defence begins."""
LOOPBACK_MTU: Final = 65536


class Surroundings:
    """An `Environment` without tables: it answers from what the capture has shown."""

    def __init__(self, places: Places, random: Callable[[int], int], *, mtu: int = 1500) -> None:
        self.generation = 0
        self.mtu = mtu
        self.places = places
        self.local: set[bytes] = set()
        """Virtual addresses and the director's own."""
        self.addresses: list[tuple[str, bytes, int]] = []
        """The director's own: device (empty: any), address, length of the prefix."""
        self.fallback: dict[int, bytes] = {}
        """By length of address: the source of packets of our own when nothing better is known."""
        self._random = random
        self._pmtu: dict[bytes, int] = {}

    def add_address(self, device: str, address: bytes, prefix: int) -> None:
        """An address of the director itself."""
        self.local.add(address)
        self.addresses.append((device, address, prefix))

    def add_virtual(self, address: bytes) -> None:
        """The address of a virtual service."""
        self.local.add(address)
        self.fallback.setdefault(len(address), address)

    # ---- Environment -------------------------------------------------------

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """The route to an address: there always is one."""
        if self.is_local(destination):
            return Route(True, "lo", destination, mtu=LOOPBACK_MTU)
        device = self.device(destination)
        mtu = min(self.mtu, self._pmtu.get(destination, self.mtu))
        return Route(False, device, self._source(device, destination), None, mtu, is_unicast(destination))

    def is_local(self, address: bytes) -> bool:
        """Virtual, the director's own, or loopback."""
        return address in self.local or is_loopback(address)

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Take note of a path MTU; not below what each family allows."""
        mtu = max(mtu, MIN_PMTU[len(destination)])
        if mtu < self._pmtu.get(destination, self.mtu):
            self._pmtu[destination] = mtu
            self.generation += 1

    def random(self, below: int) -> int:
        """A number of the source that was handed in."""
        return self._random(below)

    def available_pages(self) -> int:
        """Always plenty."""
        return PAGES

    def device_mtu(self, device: str) -> int | None:
        """One MTU for all devices but the loopback."""
        return LOOPBACK_MTU if device == "lo" else self.mtu

    # ------------------------------------------------------------------------

    def device(self, address: bytes) -> str:
        """The device to an address: where it was seen, where its network is, where most clients are."""
        place = self.places.find(address)
        if place is not None:
            return place.device
        own = self._best(address, "")
        if own is not None and own[0]:
            return own[0]
        return self.places.default.device

    def _source(self, device: str, destination: bytes) -> bytes:
        own = self._best(destination, device)
        if own is not None:
            return own[1]
        return self.fallback.get(len(destination)) or bytes(len(destination))

    def _best(self, address: bytes, device: str) -> tuple[str, bytes, int] | None:
        """The own address whose network holds this one by the longest prefix, else the first of the device."""
        width = len(address)
        first = best = None
        for own in self.addresses:
            if len(own[1]) != width or (device and own[0] not in ("", device)):
                continue
            first = first or own
            if _within(address, own[1], own[2]) and (best is None or own[2] > best[2]):
                best = own
        return best or (first if device else None)


def _within(address: bytes, net: bytes, prefix: int) -> bool:
    shift = len(address) * 8 - prefix
    return int.from_bytes(address, "big") >> shift == int.from_bytes(net, "big") >> shift


def is_loopback(address: bytes) -> bool:
    """127.0.0.0/8 or ::1."""
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"


def is_unicast(address: bytes) -> bool:
    """Neither multicast, broadcast nor unspecified."""
    if len(address) == 4:
        return address[0] < 224 and address != bytes(4)
    return address[0] != 0xFF and address != bytes(16)
