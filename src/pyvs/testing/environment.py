"""A host for tests: fixed addresses and devices, chance from a seed, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from pyvs.core.environment import Route


class FixedEnvironment:
    """An `Environment` whose answers are given beforehand: one gateway-less device reaches everything."""

    def __init__(
        self,
        local: Iterable[bytes] = (),
        devices: Mapping[str, int] | None = None,
        *,
        pages: int = 1 << 20,
        seed: int = 0,
    ) -> None:
        self.generation = 0
        self.local = set(local)
        """The host's own addresses, packed."""
        self.devices = dict(devices or {"eth0": 1500, "eth1": 1500})
        """MTU by name; routes leave by the first."""
        self.pages = pages
        self._random = Random(seed)
        self._mtu: dict[bytes, int] = {}

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """Local addresses are local, all others on the first device's link."""
        own = source or next(
            (address for address in sorted(self.local) if len(address) == len(destination)), b""
        )
        if destination in self.local:
            return Route(True, "lo", destination, mtu=65536)
        device, mtu_there = next(iter(self.devices.items()))
        return Route(False, device, own, mtu=self._mtu.get(destination, mtu_there))

    def is_local(self, address: bytes) -> bool:
        """Whether the address was given as the host's."""
        return address in self.local

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Routes to the address have this MTU from now on."""
        self._mtu[destination] = mtu
        self.generation += 1

    def random(self, below: int) -> int:
        """A number from the seeded generator."""
        return self._random.randrange(below)

    def available_pages(self) -> int:
        """As many pages as given."""
        return self.pages

    def device_mtu(self, device: str) -> int | None:
        """The MTU of a given device."""
        return self.devices.get(device)
