"""A destination: one server of one service. Kernel: `struct ip_vs_dest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyvs.core.environment import Route
from pyvs.core.flags import FWD_MASK, ConnFlag, DestFlag, Family, TunType
from pyvs.core.stats.counters import Counters

if TYPE_CHECKING:
    from pyvs.core.policy.drains import Drain
    from pyvs.core.policy.policy import Terms
    from pyvs.core.services.service import Service


class Destination:
    """A server, with its weight and what it has to do at the moment."""

    __slots__ = (
        "activeconns",
        "addr",
        "af",
        "available",
        "conn_flags",
        "drain",
        "idle_since",
        "inactconns",
        "l_threshold",
        "last_weight",
        "method_changed",
        "overloaded",
        "passages",
        "persistconns",
        "port",
        "protocol",
        "refcnt",
        "route",
        "route_generation",
        "route_known_nh",
        "service",
        "stats",
        "terms",
        "tun_flags",
        "tun_port",
        "tun_type",
        "u_threshold",
        "vaddr",
        "vfwmark",
        "vport",
        "weight",
    )

    def __init__(self, af: Family, addr: bytes, port: int, service: Service) -> None:
        self.af = af
        self.addr = addr
        self.port = port
        self.service: Service | None = service
        """None while it lies in the trash."""
        self.protocol = service.protocol
        self.vaddr = service.addr
        self.vport = service.port
        self.vfwmark = service.fwmark
        self.weight = 1
        self.last_weight = 0
        """The latest weight that was not 0."""
        self.conn_flags = 0
        """Forwarding method and NFCT, taken over by its connections. Kernel: `conn_flags`."""
        self.available = False
        """It stands in a service."""
        self.overloaded = False
        """It has reached its upper threshold, and not yet fallen below its lower one."""
        self.u_threshold = 0
        self.l_threshold = 0
        self.activeconns = 0
        self.inactconns = 0
        self.persistconns = 0
        self.refcnt = 0
        """Connections and templates that point to it: in the trash it is kept until there are none."""
        self.idle_since: float | None = None
        self.tun_type: int = TunType.IPIP
        """A `TunType`; any other number is taken for IPIP."""
        self.tun_port = 0
        self.tun_flags = 0
        self.stats = Counters()
        self.drain: Drain | None = None
        """Set while it drains."""
        self.terms: Terms | None = None
        """What holds for its connections beyond the kernel's, if anything does."""
        self.route: Route | None = None
        """The route to it, true as long as `route_generation` is the environment's. Kernel: `dest_dst`."""
        self.route_generation = -1
        self.route_known_nh = False
        """The route was looked up for direct routing. Kernel: `FLOWI_FLAG_KNOWN_NH`."""
        self.method_changed = False
        """It has been edited to another forwarding method: older connections have kept theirs."""
        self.passages: dict[tuple[bytes, int, int], Any] = {}
        """What NAT to it changes in packets, by virtual address, virtual port and its port; see `core.express`."""

    @property
    def forward(self) -> int:
        """Its forwarding method, a `Forward` (or 5 to 7, which forward nothing)."""
        return self.conn_flags & FWD_MASK

    @property
    def flags(self) -> int:
        """Both marks as one number. They are kept apart since schedulers read them for each server."""
        return self.available | self.overloaded << 1

    @flags.setter
    def flags(self, flags: int) -> None:
        self.available = bool(flags & DestFlag.AVAILABLE)
        self.overloaded = bool(flags & DestFlag.OVERLOAD)

    @property
    def tracked(self) -> bool:
        """Its connections keep netfilter's connection tracking."""
        return bool(self.conn_flags & ConnFlag.NFCT)
