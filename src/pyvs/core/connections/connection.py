"""A connection: three ends, a state, a time to live. Kernel: `struct ip_vs_conn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyvs.core.flags import FWD_MASK, ConnFlag, Family, Forward

if TYPE_CHECKING:
    from pyvs.core.apps.app import App
    from pyvs.core.persistence.engine import PersistenceEngine
    from pyvs.core.policy.watch import Watch
    from pyvs.core.services.destination import Destination


class Sequence:
    """How far a helper has shifted one direction's sequence numbers. Kernel: `struct ip_vs_seq`."""

    __slots__ = ("delta", "init_seq", "previous_delta")

    def __init__(self, init_seq: int = 0, delta: int = 0, previous_delta: int = 0) -> None:
        self.init_seq = init_seq
        self.delta = delta
        self.previous_delta = previous_delta


class Connection:
    """One connection or persistence template.

    Client (caddr:cport), virtual (vaddr:vport) and destination (daddr:dport) end; addresses packed, ports numbers.
    """

    __slots__ = (
        "af",
        "app",
        "app_data",
        "caddr",
        "control",
        "cport",
        "daddr",
        "daf",
        "dest",
        "dport",
        "expires",
        "express",
        "flags",
        "fwmark",
        "in_key",
        "in_next",
        "in_pkts",
        "in_seq",
        "n_control",
        "old_state",
        "out_key",
        "out_next",
        "out_seq",
        "pe",
        "pe_data",
        "protocol",
        "slot",
        "state",
        "sync_endtime",
        "timeout",
        "vaddr",
        "vport",
        "watch",
    )

    def __init__(
        self,
        af: Family,
        protocol: int,
        caddr: bytes,
        cport: int,
        vaddr: bytes,
        vport: int,
        daf: Family,
        daddr: bytes,
        dport: int,
        flags: int,
    ) -> None:
        self.af = af
        self.protocol = protocol
        self.caddr = caddr
        self.cport = cport
        self.vaddr = vaddr
        self.vport = vport
        self.daf = daf
        self.daddr = daddr
        self.dport = dport
        self.flags: int = flags
        """`ConnFlag` and, in the lowest three bits, `Forward`."""
        self.state = 0
        self.old_state = 0
        self.timeout: float = 0.0
        """Seconds of silence that it survives in its present state."""
        self.expires: float = 0.0
        """When it ends, unless a packet comes. Kernel: `timer.expires`."""
        self.slot: int = -1
        """The wheel's slot in which it is looked at next; -1 while no timer runs."""
        self.dest: Destination | None = None
        self.control: Connection | None = None
        """The template or control connection that it belongs to."""
        self.n_control = 0
        """How many belong to it."""
        self.in_pkts = 0
        self.fwmark = 0
        """The mark of its service, if that is one by mark."""
        self.sync_endtime: float = 0.0
        """When it would end as last told to the backups; see `sync.policy`."""
        self.app: App | None = None
        self.app_data: Any = None
        self.in_seq: Sequence | None = None
        self.out_seq: Sequence | None = None
        self.pe: PersistenceEngine | None = None
        self.pe_data = b""
        self.in_key = b""
        self.out_key = b""
        self.in_next: Connection | None = None
        """An older connection of the same key, hidden by this one."""
        self.out_next: Connection | None = None
        self.express: Any = None
        """What the express way keeps of it; see `core.express`."""
        self.watch: Watch | None = None
        """How far its ends are, if anyone wants to know; see `core.policy.watch`."""

    @property
    def forward(self) -> int:
        """The forwarding method, a `Forward`. Kernel: `IP_VS_FWD_METHOD`."""
        return self.flags & FWD_MASK

    @property
    def masqueraded(self) -> bool:
        """Forwarded by NAT."""
        return self.flags & FWD_MASK == Forward.MASQ

    @property
    def template(self) -> bool:
        """It is a persistence template."""
        return bool(self.flags & ConnFlag.TEMPLATE)

    @property
    def one_packet(self) -> bool:
        """It lives for one packet."""
        return bool(self.flags & ConnFlag.ONE_PACKET)
