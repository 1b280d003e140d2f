"""What the control verbs take and answer: values, checked for their types only; the verbs judge them.

Addresses are packed bytes, ports and marks numbers, times seconds.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from pyvs.core.flags import Family, Forward, SyncState, TunType
from pyvs.core.stats.counters import Rates, Totals

PROTOCOLS: Final = {6: "TCP", 17: "UDP", 132: "SCTP"}


def _place(addr: bytes, port: int) -> str:
    """An address with a port, as text."""
    if len(addr) == 4:
        a, b, c, d = addr
        return f"{a}.{b}.{c}.{d}:{port}"
    return f"[{ip_address(addr)}]:{port}"


@dataclass(slots=True, frozen=True)
class ServiceKey:
    """Which service: by address, or by firewall mark (then protocol, address and port don't count)."""

    af: Family
    protocol: int = 0
    addr: bytes = b""
    port: int = 0
    fwmark: int = 0

    def __str__(self) -> str:
        if self.fwmark:
            return f"FWM {self.fwmark}" + (" IPv6" if self.af == Family.INET6 else "")
        name = PROTOCOLS.get(self.protocol) or f"IP_{self.protocol}"
        return f"{name} {_place(self.addr, self.port)}"


@dataclass(slots=True, frozen=True)
class ServiceSpec:
    """All that NEW_SERVICE and SET_SERVICE say."""

    key: ServiceKey
    scheduler: str = "wlc"
    """`none` for none."""
    flags: int = 0
    flags_mask: int = 0xFFFFFFFF
    """Which flags `flags` sets; the others stay."""
    timeout: int = 0
    netmask: int = 0xFFFFFFFF
    """IPv4: the mask as a number in host order (255.255.255.0 is 0xFFFFFF00); IPv6: prefix length."""
    pe: str = ""


@dataclass(slots=True, frozen=True)
class DestKey:
    """Which destination of a service."""

    addr: bytes
    port: int
    af: Family | None = None
    """None: the service's."""

    def __str__(self) -> str:
        return _place(self.addr, self.port)


@dataclass(slots=True, frozen=True)
class DestSpec:
    """All that NEW_DEST and SET_DEST say."""

    key: DestKey
    forward: int = Forward.MASQ
    """Method and other flags of connections. Kernel: `IPVS_DEST_ATTR_FWD_METHOD`."""
    weight: int = 1
    u_threshold: int = 0
    l_threshold: int = 0
    tun_type: int = TunType.IPIP
    tun_port: int = 0
    tun_flags: int = 0


@dataclass(slots=True, frozen=True)
class ServiceView:
    """What GET_SERVICE answers."""

    spec: ServiceSpec
    """`flags` holds HASHED; `scheduler` is `none` when there is none."""
    num_dests: int
    totals: Totals = field(default_factory=Totals)
    rates: Rates = field(default_factory=Rates)


@dataclass(slots=True, frozen=True)
class DestView:
    """What GET_DEST answers, a row a destination."""

    spec: DestSpec
    activeconns: int
    inactconns: int
    persistconns: int
    totals: Totals = field(default_factory=Totals)
    rates: Rates = field(default_factory=Rates)


@dataclass(slots=True, frozen=True)
class DaemonSpec:
    """One role of synchronisation: NEW_DAEMON and GET_DAEMON."""

    state: SyncState
    ifn: str
    syncid: int = 0
    maxlen: int = 0
    """0: as long as the device allows."""
    group: bytes = b""
    """Packed multicast address, IPv4 or IPv6; empty: 224.0.0.81."""
    port: int = 0
    """0: 8848."""
    ttl: int = 0
    """0: 1."""


@dataclass(slots=True, frozen=True)
class Timeouts:
    """SET_CONFIG and GET_CONFIG, in seconds; 0 leaves one as it is."""

    tcp: int = 0
    tcp_fin: int = 0
    udp: int = 0
