"""Interfaces with their addresses and static neighbours."""

from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

LOOPBACK = "lo"


@dataclass(slots=True)
class Interface:
    """One interface. Kernel: `struct net_device` with its `in_device` and `inet6_dev`."""

    name: str
    mac: bytes
    mtu: int = 1500
    addresses: list[IPv4Interface | IPv6Interface] = field(default_factory=list)
    """In the order in which they were added."""
    neighbours: dict[bytes, bytes] = field(default_factory=dict)
    """Packed address -> hardware address."""

    def own(self, family: int) -> list[tuple[bytes, int]]:
        """Its addresses of 4 or 6: (packed address, prefix length), in the order of the kernel's list.

        IPv4 keeps the order of adding, IPv6 puts a new address before the others of its scope.
        """
        found = [(a.ip.packed, a.network.prefixlen) for a in self.addresses if a.version == family]
        return found if family == 4 else found[::-1]
