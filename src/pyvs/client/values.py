"""Services and servers as a program has them: addresses of `ipaddress`, protocols and methods as enumerations."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from pyvs.core.control.specs import DestKey, DestSpec, DestView, ServiceKey, ServiceSpec, ServiceView
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import FWD_MASK, Family, Forward, Proto, ServiceFlag, TunType
from pyvs.core.stats.counters import Rates, Totals

Address: TypeAlias = IPv4Address | IPv6Address

_WHOLE: Final = {Family.INET: 32, Family.INET6: 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A virtual service: address, port and protocol; or a firewall mark, and whether of IPv6."""

    address: Address | str | None = None
    port: int = 0
    protocol: Proto = Proto.TCP
    fwmark: int = 0
    ipv6: bool = False
    """Of services by mark; an address says it itself."""
    scheduler: str = "wlc"
    persistent: int = 0
    """Seconds that a client stays with its server; 0: it doesn't."""
    prefix: int | None = None
    """Clients of one network of this length count as one; None: each alone."""
    one_packet: bool = False
    scheduler_flags: int = 0
    """`ServiceFlag` SCHED1 to SCHED3 together."""
    engine: str = ""
    """The persistence engine."""
    totals: Totals = field(default_factory=Totals, compare=False)
    rates: Rates = field(default_factory=Rates, compare=False)

    @property
    def key(self) -> ServiceKey:
        """Which service it is. Raises ControlError(EINVAL)."""
        if self.fwmark:
            family = Family.INET6 if self.ipv6 else Family.INET
            return ServiceKey(family, Proto.TCP, bytes(4 if family == Family.INET else 16), 0, self.fwmark)
        if self.address is None:
            raise ControlError(Errno.EINVAL, "a service needs an address or a firewall mark: give it one")
        address = _address(self.address)
        family = Family.INET6 if address.version == 6 else Family.INET
        return ServiceKey(family, self.protocol, address.packed, self.port)

    @property
    def spec(self) -> ServiceSpec:
        """All that makes it. Raises ControlError(EINVAL)."""
        key = self.key
        length = _WHOLE[key.af] if self.prefix is None else self.prefix
        if not 0 <= length <= _WHOLE[key.af]:
            raise ControlError(Errno.EINVAL, f"a prefix of {length} bits: give 0 to {_WHOLE[key.af]}")
        flags = self.scheduler_flags
        if self.persistent:
            flags |= ServiceFlag.PERSISTENT
        if self.one_packet:
            flags |= ServiceFlag.ONEPACKET
        mask = length if key.af == Family.INET6 else (0xFFFFFFFF << 32 - length) & 0xFFFFFFFF
        return ServiceSpec(key, self.scheduler, flags, timeout=self.persistent, netmask=mask, pe=self.engine)

    @classmethod
    def of(cls, view: ServiceView) -> Service:
        """What a director tells of one."""
        spec = view.spec
        key, flags = spec.key, spec.flags
        length = spec.netmask if key.af == Family.INET6 else spec.netmask.bit_count()
        persistent = bool(flags & ServiceFlag.PERSISTENT)
        return cls(
            address=None if key.fwmark else ip_address(key.addr),
            port=key.port,
            protocol=Proto(key.protocol),
            fwmark=key.fwmark,
            ipv6=key.af == Family.INET6,
            scheduler=spec.scheduler,
            persistent=spec.timeout if persistent else 0,
            prefix=None if length == _WHOLE[key.af] else length,
            one_packet=bool(flags & ServiceFlag.ONEPACKET),
            scheduler_flags=flags & (ServiceFlag.SCHED1 | ServiceFlag.SCHED2 | ServiceFlag.SCHED3),
            engine=spec.pe,
            totals=view.totals,
            rates=view.rates,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A server of a service."""

    address: Address | str
    port: int = 0
    forward: Forward = Forward.MASQ
    weight: int = 1
    upper: int = 0
    """Connections at which it gets no more; 0: there is no such limit."""
    lower: int = 0
    """Connections below which it gets some again."""
    tunnel: TunType = TunType.IPIP
    tunnel_port: int = 0
    tunnel_flags: int = 0
    active: int = field(default=0, compare=False)
    inactive: int = field(default=0, compare=False)
    persistent: int = field(default=0, compare=False)
    """Templates that point to it."""
    totals: Totals = field(default_factory=Totals, compare=False)
    rates: Rates = field(default_factory=Rates, compare=False)

    @property
    def key(self) -> DestKey:
        """Which server it is. Raises ControlError(EINVAL)."""
        address = _address(self.address)
        return DestKey(address.packed, self.port, Family.INET6 if address.version == 6 else Family.INET)

    @property
    def spec(self) -> DestSpec:
        """All that makes it. Raises ControlError(EINVAL)."""
        return DestSpec(
            self.key,
            forward=self.forward,
            weight=self.weight,
            u_threshold=self.upper,
            l_threshold=self.lower,
            tun_type=self.tunnel,
            tun_port=self.tunnel_port,
            tun_flags=self.tunnel_flags,
        )

    @classmethod
    def of(cls, view: DestView) -> Destination:
        """What a director tells of one."""
        spec = view.spec
        return cls(
            address=ip_address(spec.key.addr),
            port=spec.key.port,
            forward=Forward(spec.forward & FWD_MASK),
            weight=spec.weight,
            upper=spec.u_threshold,
            lower=spec.l_threshold,
            tunnel=TunType(spec.tun_type),
            tunnel_port=spec.tun_port,
            tunnel_flags=spec.tun_flags,
            active=view.activeconns,
            inactive=view.inactconns,
            persistent=view.persistconns,
            totals=view.totals,
            rates=view.rates,
        )


@dataclass(frozen=True, slots=True)
class Info:
    """What a director says of itself."""

    version: tuple[int, int, int]
    connection_table_size: int


def _address(address: Address | str) -> Address:
    try:
        return ip_address(address)
    except ValueError:
        raise ControlError(Errno.EINVAL, f"{str(address)[:60]!r} is no IP address") from None
