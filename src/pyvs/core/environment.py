"""What the engine may ask of the host around it: routes, addresses, chance, memory.

The host (`pyvs.host` without a kernel, `pyvs.daemon` with one) hands in one `Environment` an engine.
Addresses are packed bytes in network order (4 or 16).
"""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True, frozen=True)
class Route:
    """The answer to a route look-up for output. Kernel: `struct rtable`, `struct rt6_info`."""

    local: bool
    """The address is this host's."""
    device: str
    """Name of the outgoing device; `lo` when local."""
    source: bytes
    """The source address that a packet of our own would get."""
    gateway: bytes | None = None
    """The next hop, or None when the destination is on the link."""
    mtu: int = 1500
    """Path MTU: the device's, or less if a router said so."""
    unicast: bool = True
    """Neither broadcast, multicast nor unreachable."""
    learnt: bool = False
    """The MTU is that of an ICMP error. Kernel: a route with a `fib_nh_exception`."""
    tables: int = field(default=0, compare=False)
    """Another number when the host's routes of this family have changed, path MTUs aside. Kernel: `rt_genid`."""
    exceptions: int = field(default=0, compare=False)
    """Another number when a first path MTU was learnt for a destination behind the same next hop."""


class Environment(Protocol):
    """The host, as far as the engine sees it."""

    @property
    def generation(self) -> int:
        """Grows whenever an answer of `route` may have changed: whoever keeps a route compares it."""
        ...

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """The route to an address for output, or None when there is none."""
        ...

    def is_local(self, address: bytes) -> bool:
        """Whether the address is one of this host's."""
        ...

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Take note of a path MTU learnt from an ICMP error (grows `generation`)."""
        ...

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1, evenly distributed."""
        ...

    def available_pages(self) -> int:
        """Free and buffer memory in pages, for the defence levels. Kernel: `si.freeram + si.bufferram`."""
        ...

    def device_mtu(self, device: str) -> int | None:
        """The MTU of a device, or None when there is none of this name."""
        ...
