"""Routes: tables, rules, the choice of a source address, path MTUs. Kernel: fib_trie.c, fib_rules.c, ip6_fib.c.

Addresses are packed bytes; the family follows from their length.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from pyvs.core.environment import Route
from pyvs.core.errors import PyvsError
from pyvs.host.interface import LOOPBACK, Interface

LOCAL: Final = 255
MAIN: Final = 254
DEFAULT: Final = 253
TABLE_NAMES: Final = {"local": LOCAL, "main": MAIN, "default": DEFAULT}

LOOPBACK_MTU: Final = 65536
MIN_PMTU: Final = {4: 552, 16: 1280}
"""A path MTU is never believed to be smaller, by length of address. Kernel: `ip_rt_min_pmtu`, `IPV6_MIN_MTU`."""


def is_news(route: Route, destination: bytes, mtu: int) -> bool:
    """Whether a path MTU says more than the route to the destination does.

    By IPv4 also if it is what the link takes: whoever holds the route from before looks again. Kernel:
    `__ip_rt_update_pmtu`, `__ip6_rt_update_pmtu`.
    """
    return mtu < route.mtu or (mtu == route.mtu and not route.learnt and len(destination) == 4)


class RouteError(PyvsError):
    """A change of routes refused: nothing was changed."""


class Kind(Enum):
    """What a route does with a packet; the value is the word of `ip route`."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    BLACKHOLE = "blackhole"


@dataclass(slots=True, frozen=True)
class Entry:
    """One route of a table."""

    prefix: bytes
    length: int
    kind: Kind = Kind.UNICAST
    device: str = ""
    gateway: bytes | None = None
    source: bytes | None = None
    """The preferred source address."""
    metric: int = 0
    mtu: int = 0
    """Locked to this MTU; 0: the device's."""


@dataclass(slots=True, frozen=True)
class Rule:
    """Which packets look into a table. Kernel: `struct fib_rule`."""

    preference: int
    table: int
    mark: int = 0
    mask: int = 0
    source: tuple[bytes, int] | None = None
    destination: tuple[bytes, int] | None = None
    iif: str = ""


USUAL: Final = {
    4: [Rule(0, LOCAL), Rule(32766, MAIN), Rule(32767, DEFAULT)],
    16: [Rule(0, LOCAL), Rule(32766, MAIN)],
}
"""The rules of a new namespace, by length of address."""


def _number(address: bytes) -> int:
    return int.from_bytes(address, "big")


def masked(address: bytes, length: int) -> bytes:
    """The address with only its first `length` bits kept."""
    bits = len(address) * 8
    return (_number(address) >> (bits - length) << (bits - length)).to_bytes(len(address), "big")


def within(address: bytes, net: tuple[bytes, int]) -> bool:
    """Whether an address lies in (prefix, length)."""
    return len(address) == len(net[0]) and masked(address, net[1]) == net[0]


@dataclass(slots=True)
class Table:
    """One routing table of one family: routes by length, then prefix."""

    lengths: dict[int, dict[bytes, list[Entry]]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Put a route in. Raises RouteError when one with this prefix and metric is there."""
        routes = self.lengths.setdefault(entry.length, {}).setdefault(entry.prefix, [])
        if any(old.metric == entry.metric and old.kind == entry.kind for old in routes):
            raise RouteError("RTNETLINK answers: File exists")
        routes.append(entry)
        routes.sort(key=lambda route: route.metric)

    def remove(self, prefix: bytes, length: int, kind: Kind | None = None, device: str = "") -> None:
        """Take a route out. Raises RouteError when there is none."""
        routes = self.lengths.get(length, {}).get(prefix, [])
        for route in routes:
            if kind in (None, route.kind) and device in ("", route.device):
                routes.remove(route)
                return
        raise RouteError("RTNETLINK answers: No such process")

    def find(self, address: bytes) -> Entry | None:
        """The route with the longest prefix that holds the address."""
        for length in sorted(self.lengths, reverse=True):
            routes = self.lengths[length].get(masked(address, length))
            if routes:
                return routes[0]
        return None


class Routing:
    """All tables, rules and path MTUs of a namespace."""

    def __init__(self, interfaces: dict[str, Interface]) -> None:
        self.interfaces = interfaces
        self.generation = 0
        """Grows with every change, path MTUs too."""
        self.tables_changed = {4: 0, 16: 0}
        """How often routes, rules or addresses did, by length of address. Kernel: `rt_genid`, `fib6_sernum`."""
        self.tables: dict[tuple[int, int], Table] = {}
        """By (length of address, number)."""
        self.rules: dict[int, list[Rule]] = {width: list(rules) for width, rules in USUAL.items()}
        self.pmtu: dict[bytes, int] = {}
        self._exceptions: Counter[tuple[str, bytes | None]] = Counter()
        """How many path MTUs were learnt for the first time, by device and gateway. Kernel: `nhc_exceptions`."""
        self._cache: dict[tuple[bytes, bytes | None, int], Route | None] = {}

    def changed(self, width: int = 0) -> None:
        """Routes of addresses of this length, or of both (0), are others: forget all answers given so far."""
        for family in (width,) if width else (4, 16):
            self.tables_changed[family] += 1
        self._forget()

    def _forget(self) -> None:
        self.generation += 1
        self._cache.clear()

    def table(self, width: int, number: int) -> Table:
        """The table of this number, made if it is new."""
        return self.tables.setdefault((width, number), Table())

    def add(self, entry: Entry, table: int = MAIN) -> None:
        """Add a route. Raises RouteError."""
        self.table(len(entry.prefix), table).add(entry)
        self.changed(len(entry.prefix))

    def remove(
        self, prefix: bytes, length: int, table: int = MAIN, kind: Kind | None = None, device: str = ""
    ) -> None:
        """Remove a route. Raises RouteError."""
        self.table(len(prefix), table).remove(prefix, length, kind, device)
        self.changed(len(prefix))

    def add_rule(self, width: int, rule: Rule) -> None:
        """Add a rule; of those with one preference the newest comes last."""
        rules = self.rules[width]
        rules.append(rule)
        rules.sort(key=lambda r: r.preference)
        self.changed(width)

    def remove_rule(self, width: int, rule: Rule) -> None:
        """Remove a rule. Raises RouteError."""
        if rule not in self.rules[width]:
            raise RouteError("RTNETLINK answers: No such file or directory")
        self.rules[width].remove(rule)
        self.changed(width)

    @property
    def has_policy(self) -> bool:
        """Whether there are rules beyond the usual ones."""
        return self.rules != USUAL

    # ---- looking up ----------------------------------------------------------

    def find(
        self, destination: bytes, source: bytes | None = None, mark: int = 0, iif: str = ""
    ) -> Entry | None:
        """The route of a packet, whatever its kind. Kernel: `fib_lookup`."""
        for rule in self.rules[len(destination)]:
            if (
                (rule.mark ^ mark) & rule.mask
                or (rule.iif and rule.iif != iif)
                or (rule.destination is not None and not within(destination, rule.destination))
                or (rule.source is not None and (source is None or not within(source, rule.source)))
            ):
                continue
            table = self.tables.get((len(destination), rule.table))
            entry = table.find(destination) if table is not None else None
            if entry is not None:
                return entry
        return None

    def route(self, destination: bytes, source: bytes | None = None, mark: int = 0) -> Route | None:
        """The route of a packet made here or sent on by the engine. Kernel: `ip_route_output_key`."""
        key = (destination, source, mark)
        if key in self._cache:
            return self._cache[key]
        entry = self.find(destination, source, mark)
        if entry is None or entry.kind in (Kind.UNREACHABLE, Kind.PROHIBIT, Kind.BLACKHOLE):
            answer = None
        else:
            answer = self.resolve(entry, destination)
        self._cache[key] = answer
        return answer

    def resolve(self, entry: Entry, destination: bytes) -> Route:
        """What a table's route means for one destination."""
        tables = self.tables_changed[len(destination)]
        if entry.kind is Kind.LOCAL:
            source = entry.source or self.local_source(destination)
            return Route(True, LOOPBACK, source, None, LOOPBACK_MTU, tables=tables)
        mtu = entry.mtu or self.interfaces[entry.device].mtu
        mtu = min(mtu, self.pmtu.get(destination, mtu))
        source = entry.source or self.select_source(entry.device, entry.gateway or destination, destination)
        learnt, unicast = destination in self.pmtu, entry.kind is Kind.UNICAST
        exceptions = self._exceptions[entry.device, entry.gateway]
        return Route(False, entry.device, source, entry.gateway, mtu, unicast, learnt, tables, exceptions)

    def local_source(self, destination: bytes) -> bytes:
        """The source of a packet to one of our own addresses: that address, or else any of ours."""
        for interface in self.interfaces.values():
            if any(address == destination for address, _ in interface.own(4 if len(destination) == 4 else 6)):
                return destination
        if destination[:1] == b"\x7f" and len(destination) == 4:
            return b"\x7f\0\0\x01"
        return self.select_source(LOOPBACK, destination, destination)

    def select_source(self, device: str, next_hop: bytes, destination: bytes) -> bytes:
        """The address that packets of our own out of a device get. Kernel: `inet_select_addr`, `ipv6_dev_get_saddr`.

        IPv4: the first whose network holds the next hop, else the first. IPv6: the one that has the most
        leading bits in common with the destination, the first of equals.
        """
        width = len(destination)
        family = 4 if width == 4 else 6
        first = self.interfaces.get(device)
        candidates = first.own(family) if first is not None else []
        if not candidates:
            candidates = [own for other in self.interfaces.values() for own in other.own(family)]
        if not candidates:
            return bytes(width)
        if family == 4:
            for address, length in candidates:
                if masked(address, length) == masked(next_hop, length):
                    return address
            return candidates[0][0]

        def common(own: tuple[bytes, int]) -> int:
            differing = _number(own[0]) ^ _number(destination)
            return min(own[1], 128 - differing.bit_length())

        return max(candidates, key=common)[0]

    def is_local(self, address: bytes) -> bool:
        """Whether table `local` delivers it here. Kernel: `inet_addr_type`."""
        entry = self.table(len(address), LOCAL).find(address)
        return entry is not None and entry.kind is Kind.LOCAL

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Believe that the path to a destination takes no more than so many bytes."""
        mtu = max(mtu, MIN_PMTU[len(destination)])
        route = self.route(destination)
        if route is not None and is_news(route, destination, mtu):
            self._exceptions[route.device, route.gateway] += destination not in self.pmtu
            self.pmtu[destination] = mtu
            self._forget()

    # ---- what an address brings ----------------------------------------------

    def add_address(self, device: str, address: bytes, length: int) -> None:
        """The routes that come with an address. Kernel: `fib_add_ifaddr`, `addrconf_prefix_route`."""
        width = len(address)
        bits = width * 8
        local = self.table(width, LOCAL)
        if local.lengths.get(bits, {}).get(address):
            raise RouteError("RTNETLINK answers: File exists")
        local.add(Entry(address, bits, Kind.LOCAL, device, source=address))
        net = masked(address, length)
        if length < bits and device != LOOPBACK:
            main = self.table(width, MAIN)
            if not any(e.device == device for e in main.lengths.get(length, {}).get(net, [])):
                metric = 0 if width == 4 else 256 + len(main.lengths.get(length, {}).get(net, []))
                main.add(Entry(net, length, Kind.UNICAST, device, source=address if width == 4 else None,
                               metric=metric))  # fmt: skip
            if width == 4 and length < 31:
                host = (1 << (bits - length)) - 1
                last = (_number(net) | host).to_bytes(4, "big")
                if not local.lengths.get(bits, {}).get(last):
                    local.add(Entry(last, bits, Kind.BROADCAST, device, source=address))
        elif length < bits:
            local.add(Entry(net, length, Kind.LOCAL, device, source=address))
        self.changed(width)

    def remove_address(self, device: str, address: bytes, length: int) -> None:
        """Take the routes of an address out again. Raises RouteError."""
        width = len(address)
        self.table(width, LOCAL).remove(address, width * 8, Kind.LOCAL, device)
        self.changed(width)
        net = masked(address, length)
        interface = self.interfaces[device]
        if length < width * 8 and not any(
            masked(other, length) == net for other, _ in interface.own(4 if width == 4 else 6)
        ):
            for entry in list(self.table(width, MAIN).lengths.get(length, {}).get(net, [])):
                if entry.device == device and entry.gateway is None:
                    self.table(width, MAIN).remove(net, length, Kind.UNICAST, device)
        self.changed(width)
