"""Listings of services and servers, one format a set of columns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from pyvs.cli.ipvsadm.addresses import endpoint_text
from pyvs.cli.ipvsadm.grammar import FLAGS, SCHEDULER_FLAGS, Option
from pyvs.cli.ipvsadm.names import Names
from pyvs.core.control.specs import DestView, ServiceKey, ServiceView
from pyvs.core.flags import FWD_MASK, Family, Forward, Proto, ServiceFlag, TunFlag, TunType
from pyvs.core.stats.counters import Rates, Totals

PROTOCOLS: Final[dict[int, str]] = {Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.SCTP: "SCTP"}
_FORWARDS: Final[dict[int, str]] = {
    Forward.MASQ: "Masq",
    Forward.LOCALNODE: "Local",
    Forward.TUNNEL: "Tunnel",
    Forward.DROUTE: "Route",
}
_CHECKSUMS: Final[dict[int, str]] = {TunFlag.NOCSUM: "-c", TunFlag.CSUM: "+c", TunFlag.REMCSUM: "r+c"}
_BITS: Final = (ServiceFlag.SCHED1, ServiceFlag.SCHED2, ServiceFlag.SCHED3)


class Columns(Enum):
    """What a listing shows beside the names."""

    PLAIN = auto()
    STATS = auto()
    RATE = auto()
    THRESHOLDS = auto()
    PERSISTENT = auto()
    TUNNEL = auto()


_CHOICE: Final = (
    (Option.STATS, Columns.STATS),
    (Option.RATE, Columns.RATE),
    (Option.THRESHOLDS, Columns.THRESHOLDS),
    (Option.PERSISTENT_CONN, Columns.PERSISTENT),
    (Option.TUN_INFO, Columns.TUNNEL),
)
"""Of several the first."""

_SERVERS: Final = "  -> RemoteAddress:Port"
_COUNTS: Final = ("Conns", "InPkts", "OutPkts", "InBytes", "OutBytes")
_SPEEDS: Final = ("CPS", "InPPS", "OutPPS", "InBPS", "OutBPS")


def _numbers(names: tuple[str, ...]) -> list[str]:
    return [f"{'Prot LocalAddress:Port':<33} " + " ".join(f"{name:>8}" for name in names), _SERVERS]


# fmt: off
HEADERS: Final[dict[Columns, list[str]]] = {
    Columns.PLAIN: [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    ],
    Columns.STATS: _numbers(_COUNTS),
    Columns.RATE: _numbers(_SPEEDS),
    Columns.THRESHOLDS: [
        "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
        _SERVERS,
    ],
    Columns.PERSISTENT: [
        "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
        _SERVERS,
    ],
    Columns.TUNNEL: [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn",
    ],
}
# fmt: on


@dataclass(slots=True, frozen=True)
class Format:
    """How a listing is to look."""

    columns: Columns = Columns.PLAIN
    exact: bool = False
    names: Names | None = None
    """None: numbers only."""


def columns_of(options: set[Option]) -> Columns:
    """The columns that the options ask for."""
    return next((columns for option, columns in _CHOICE if option in options), Columns.PLAIN)


def large(number: int, *, exact: bool) -> str:
    """A counter in 9 columns, in thousands, millions and so on when it is too large; `exact` lets it grow."""
    if exact:
        return f"{number:>{max(9, len(str(number)) + 1)}}"
    if number < 10**8:
        return f"{number:>9}"
    for limit, unit, letter in ((10**9, 10**3, "K"), (10**11, 10**6, "M"), (10**14, 10**9, "G")):
        if number < limit:
            return f"{number // unit:>8}{letter}"
    return f"{number // 10**12:>8}T"


def signed(number: int) -> int:
    """A number of 32 bits as the original prints it: marks may come out negative."""
    return number - (1 << 32) if number > 0x7FFFFFFF else number


def protocol_of(key: ServiceKey) -> int:
    """The protocol by which ports are named: a service by mark has none."""
    return 0 if key.fwmark else key.protocol


def scheduler_flags(scheduler: str, flags: int) -> str:
    """The scheduler's flags by their names, as a comma list."""
    names = SCHEDULER_FLAGS.get(scheduler, FLAGS)
    return ",".join(name for bit, name in zip(_BITS, names, strict=False) if flags & bit)


def service_name(key: ServiceKey, names: Names | None) -> str:
    """`TCP  10.0.0.1:80` or `FWM  5 IPv6`."""
    if key.fwmark:
        return f"FWM  {signed(key.fwmark)}" + (" IPv6" if key.af == Family.INET6 else "")
    name = endpoint_text(key.af, key.addr, key.port, key.protocol, names)
    return f"{PROTOCOLS.get(key.protocol, 'SCTP'):<4} {name}"


def dest_name(dest: DestView, service: ServiceKey, names: Names | None) -> str:
    """`10.0.0.2:8080`."""
    key = dest.spec.key
    af = service.af if key.af is None else key.af
    return endpoint_text(af, key.addr, key.port, protocol_of(service), names)


def netmask_text(af: Family, netmask: int) -> str:
    """The mask if it isn't the whole address, else nothing."""
    if af == Family.INET6:
        return "" if netmask == 128 else str(netmask)
    return "" if netmask == 0xFFFFFFFF else ".".join(str(byte) for byte in netmask.to_bytes(4, "big"))


def _service_line(view: ServiceView, form: Format) -> str:
    spec = view.spec
    name = service_name(spec.key, form.names)
    if form.columns is Columns.STATS:
        return f"{name:<33}" + "".join(large(n, exact=form.exact) for n in view.totals)
    if form.columns is Columns.RATE:
        return f"{name:<33}" + "".join(large(n, exact=form.exact) for n in view.rates)
    parts = [name, spec.scheduler]
    flags = scheduler_flags(spec.scheduler, spec.flags)
    if flags:
        parts.append(f"({flags})")
    if spec.flags & ServiceFlag.PERSISTENT:
        parts.append(f"persistent {spec.timeout}")
        mask = netmask_text(spec.key.af, spec.netmask)
        if mask:
            parts.append(f"mask {mask}")
        if spec.pe:
            parts.append(f"pe {spec.pe}")
    if spec.flags & ServiceFlag.ONEPACKET:
        parts.append("ops")
    return " ".join(parts)


def tunnel_info(dest: DestView) -> str:
    """`ipip`, `gue:PORT:FLAG` or `gre:FLAG`; `n/a` for the other methods."""
    spec = dest.spec
    if spec.forward & FWD_MASK != Forward.TUNNEL:
        return "n/a"
    checksum = _CHECKSUMS.get(spec.tun_flags, "-c")
    if spec.tun_type == TunType.GUE:
        return f"gue:{spec.tun_port}:{checksum}"
    return f"gre:{checksum}" if spec.tun_type == TunType.GRE else "ipip"


def _totals(totals: Totals, rates: Rates, exact: bool) -> str:
    return "".join(large(n, exact=exact) for n in totals)


def _rates(totals: Totals, rates: Rates, exact: bool) -> str:
    plain = "".join(f" {n:>8}" for n in rates[:3])
    return plain + "".join(large(n, exact=exact) for n in rates[3:])


_NUMBERS: Final[dict[Columns, Callable[[Totals, Rates, bool], str]]] = {
    Columns.STATS: _totals,
    Columns.RATE: _rates,
}


def _dest_line(dest: DestView, service: ServiceKey, form: Format) -> str:
    spec = dest.spec
    start = f"  -> {dest_name(dest, service, form.names):<28}"
    numbers = _NUMBERS.get(form.columns)
    if numbers is not None:
        return start + numbers(dest.totals, dest.rates, form.exact)
    active = f"{dest.activeconns:<10} {dest.inactconns:<10}"
    if form.columns is Columns.THRESHOLDS:
        return f"{start} {spec.u_threshold:<10} {spec.l_threshold:<10} {active}"
    if form.columns is Columns.PERSISTENT:
        return f"{start} {spec.weight:<9} {dest.persistconns:<11} {active}"
    method = _FORWARDS.get(spec.forward & FWD_MASK, "Masq")
    if form.columns is Columns.TUNNEL:
        return f"{start} {method:<7} {tunnel_info(dest):<13} {spec.weight:<6} {active}"
    return f"{start} {method:<7} {spec.weight:<6} {active}"


def service_lines(view: ServiceView, dests: list[DestView], form: Format) -> Iterator[str]:
    """A service and its servers."""
    yield _service_line(view, form)
    for dest in dests:
        yield _dest_line(dest, view.spec.key, form)
