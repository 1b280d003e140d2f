"""A virtual service: an address and port, or a firewall mark, with its servers. Kernel: `struct ip_vs_service`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from pyvs.core.flags import ConnFlag, Family, Proto, ServiceFlag
from pyvs.core.services.destination import Destination
from pyvs.core.stats.counters import Counters

if TYPE_CHECKING:
    from pyvs.core.persistence.engine import PersistenceEngine
    from pyvs.core.policy.policy import Policy
    from pyvs.core.schedulers.scheduler import Scheduler


ServiceName = tuple[int, int, bytes, int] | tuple[int, int]
"""Family, protocol, address and port; or family and mark."""


def service_name(af: int, protocol: int, addr: bytes, port: int, fwmark: int) -> ServiceName:
    """What a service is known by: there is one of a name."""
    return (af, fwmark) if fwmark else (af, protocol, addr, port)


class Service:
    """What clients see as one server."""

    __slots__ = (
        "addr",
        "af",
        "destinations",
        "flags",
        "fwmark",
        "netmask",
        "order",
        "pe",
        "policy",
        "port",
        "protocol",
        "scheduler",
        "scheduler_name",
        "stats",
        "timeout",
    )

    def __init__(self, af: Family, protocol: int, addr: bytes, port: int, fwmark: int) -> None:
        self.af = af
        self.protocol = protocol
        """TCP for a service by mark, as in the kernel, though it takes all protocols."""
        self.addr = addr
        """All zero for a service by mark."""
        self.port = port
        self.fwmark = fwmark
        self.flags: int = 0
        """`ServiceFlag`, and whatever else was set."""
        self.timeout = 0
        """Of its persistence templates, in seconds."""
        self.netmask = 0xFFFFFFFF
        """IPv4: the mask as a number (255.255.255.0 is 0xFFFFFF00); IPv6: the length of the prefix."""
        self.destinations: list[Destination] = []
        """Newest first, as the kernel links them: the order in which schedulers look."""
        self.scheduler: Scheduler | None = None
        self.scheduler_name = "none"
        self.pe: PersistenceEngine | None = None
        self.policy: Policy | None = None
        """What it wants beyond the kernel's, if anything."""
        self.stats = Counters()
        self.order = 0
        """Counts the services in the order in which they were added."""

    @property
    def name(self) -> ServiceName:
        """What it is known by."""
        return service_name(self.af, self.protocol, self.addr, self.port, self.fwmark)

    @property
    def persistent(self) -> bool:
        """A client stays with its server."""
        return bool(self.flags & ServiceFlag.PERSISTENT)

    @property
    def one_packet(self) -> bool:
        """Each packet is scheduled by itself (UDP)."""
        return bool(self.flags & ServiceFlag.ONEPACKET)

    def conn_flags(self, protocol: int) -> int:
        """What its connections of a protocol are flagged with: those of one packet, UDP alone."""
        return ConnFlag.ONE_PACKET if self.one_packet and protocol == Proto.UDP else 0

    def __str__(self) -> str:
        if self.fwmark:
            return f"service FWM {self.fwmark}"
        name = {Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.SCTP: "SCTP"}.get(Proto(self.protocol), "protocol")
        host = ip_address(self.addr)
        return f"service {name} {f'[{host}]' if self.af == Family.INET6 else host}:{self.port}"
