"""The few iptables rules that replay and the recordings need: matches, marks, verdicts, masquerading.

A line of `iptables` (or ip6tables) becomes a rule; what is not known is refused by its name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import Proto
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.host.routing import within

CHAINS: Final = {
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
}
PROTOCOLS: Final = {
    "tcp": 6,
    "udp": 17,
    "icmp": 1,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "sctp": 132,
    "esp": 50,
    "ah": 51,
}
TARGETS: Final = ("ACCEPT", "DROP", "MARK", "MASQUERADE")
MODULES: Final = ("tcp", "udp", "sctp", "multiport", "mark", "ipvs", "comment")


class FilterError(PyvsError):
    """A line of iptables that cannot be had; nothing was changed."""


@dataclass(slots=True, frozen=True)
class Facts:
    """What rules look at, read from a packet once."""

    source: bytes
    destination: bytes
    protocol: int
    sport: int
    dport: int


def facts(packet: Packet) -> Facts | None:
    """The facts of a packet, or None when it has no readable header."""
    try:
        header = parse(packet.data, quoted=True)
    except Malformed:
        return None
    sport = dport = -1
    at, data = header.offset, packet.data
    if header.protocol in (Proto.TCP, Proto.UDP, Proto.SCTP) and not header.fragment_offset:
        sport = int.from_bytes(data[at : at + 2], "big")
        dport = int.from_bytes(data[at + 2 : at + 4], "big")
    return Facts(header.src, header.dst, header.protocol, sport, dport)


Match = Callable[[Packet, Facts], bool]

Virtual = tuple[bytes, int] | None
"""The virtual address and port of the connection that the virtual server forwards a packet for."""


@dataclass(slots=True)
class Rule:
    """One rule: all matches must hold."""

    text: str
    matches: list[Match] = field(default_factory=list)
    target: str = ""
    mark: int = 0
    mask: int = 0xFFFFFFFF


class Filters:
    """The chains of one family."""

    def __init__(self, virtual: Callable[[Packet], Virtual]) -> None:
        self._virtual = virtual
        self.chains: dict[tuple[str, str], list[Rule]] = {}
        self.policies: dict[tuple[str, str], str] = {}

    @property
    def tracking(self) -> bool:
        """Whether there are rules that need connection tracking."""
        return any(table == "nat" and rules for (table, _), rules in self.chains.items())

    def run(self, table: str, chain: str, packet: Packet) -> str:
        """Walk a chain: the verdict, ACCEPT, DROP or MASQUERADE. Marks are set on the way."""
        rules = self.chains.get((table, chain))
        if not rules:
            return self.policies.get((table, chain), "ACCEPT")
        seen = facts(packet)
        if seen is None:
            return "ACCEPT"
        for rule in rules:
            if all(match(packet, seen) for match in rule.matches):
                if rule.target == "MARK":
                    packet.mark = packet.mark & ~rule.mask | rule.mark
                elif rule.target:
                    return rule.target
        return self.policies.get((table, chain), "ACCEPT")

    # ---- from text -------------------------------------------------------------

    def command(self, words: list[str]) -> None:
        """One call of iptables, its name left out. Raises FilterError."""
        words = [word for word in words if word not in ("-w", "--wait")]
        table = "filter"
        for flag in ("-t", "--table"):
            if flag in words:
                at = words.index(flag)
                table = "".join(words[at + 1 : at + 2])
                del words[at : at + 2]
        if table not in CHAINS:
            raise FilterError(f"iptables: there is no table {table!r}, only {', '.join(CHAINS)}")
        if not words:
            raise FilterError("iptables: no command given")
        action, rest = words[0], words[1:]
        if action in ("-F", "--flush"):
            for key in [k for k in self.chains if k[0] == table and k[1] in (rest or [k[1]])]:
                del self.chains[key]
            return
        chain = rest[0] if rest else ""
        if chain not in CHAINS[table]:
            raise FilterError(f"iptables: table {table} has no chain {chain!r}")
        rules = self.chains.setdefault((table, chain), [])
        if action in ("-A", "--append"):
            rules.append(self._rule(rest[1:]))
        elif action in ("-I", "--insert"):
            at = int(rest[1]) - 1 if rest[1:] and rest[1].isdigit() else 0
            rules.insert(at, self._rule(rest[2:] if rest[1:] and rest[1].isdigit() else rest[1:]))
        elif action in ("-D", "--delete"):
            text = " ".join(rest[1:])
            found = [i for i, rule in enumerate(rules) if text in (rule.text, str(i + 1))]
            if not found:
                raise FilterError("iptables: Bad rule (does a matching rule exist in that chain?).")
            del rules[found[0]]
        elif action in ("-P", "--policy") and rest[1:] in (["ACCEPT"], ["DROP"]):
            self.policies[table, chain] = rest[1]
        else:
            raise FilterError(f"iptables: the command {action!r} is not known here")

    def _rule(self, words: list[str]) -> Rule:
        rule = Rule(" ".join(words))
        left = list(words)
        negated = False
        while left:
            word = left.pop(0)
            if word == "!":
                negated = True
                continue
            if word == "--ipvs":
                rule.matches.append(_is(_owned, not negated))
                negated = False
                continue
            if not left:
                raise FilterError(f"iptables: {word} needs a value, or is not known here")
            value = left.pop(0)
            if word in ("-m", "--match"):
                if value not in MODULES:
                    raise FilterError(f"iptables: the match {value!r} is not known here")
            elif word in ("-j", "--jump"):
                rule.target = value
                if value not in TARGETS:
                    raise FilterError(f"iptables: the target {value!r} is not known here")
            elif word in ("--set-mark", "--set-xmark"):
                rule.mark, rule.mask = _mark(value)
            elif word != "--comment":
                rule.matches.append(_is(self._match(word, value), not negated))
            negated = False
        return rule

    def _match(self, word: str, value: str) -> Match:
        if word in ("--vaddr", "--vport"):
            return self._match_virtual(word, value)
        for names, make in OPTIONS.items():
            if word in names:
                return make(value)
        raise FilterError(f"iptables: the option {word!r} is not known here")

    def _match_virtual(self, word: str, value: str) -> Match:
        """Of the module ipvs: for which virtual service the packet is forwarded."""
        net = _net(value) if word == "--vaddr" else None
        ports = _ports(value) if net is None else []

        def match(packet: Packet, seen: Facts) -> bool:
            virtual = self._virtual(packet)
            if virtual is None:
                return False
            return within(virtual[0], net) if net is not None else any(a <= virtual[1] <= b for a, b in ports)

        return match


def _is(match: Match, wanted: bool) -> Match:
    return match if wanted else lambda packet, seen: not match(packet, seen)


def _owned(packet: Packet, seen: Facts) -> bool:
    return packet.owned


def _destination(value: str) -> Match:
    net = _net(value)
    return lambda packet, seen: within(seen.destination, net)


def _source(value: str) -> Match:
    net = _net(value)
    return lambda packet, seen: within(seen.source, net)


def _of_protocol(value: str) -> Match:
    number = _protocol(value)
    return lambda packet, seen: number in (0, seen.protocol)


def _came_in(value: str) -> Match:
    return lambda packet, seen: packet.iif == value


def _goes_out(value: str) -> Match:
    return lambda packet, seen: packet.oif == value


def _to_port(value: str) -> Match:
    ports = _ports(value)
    return lambda packet, seen: any(low <= seen.dport <= high for low, high in ports)


def _from_port(value: str) -> Match:
    ports = _ports(value)
    return lambda packet, seen: any(low <= seen.sport <= high for low, high in ports)


def _marked(value: str) -> Match:
    number, mask = _mark(value)
    return lambda packet, seen: packet.mark & mask == number


OPTIONS: Final[dict[tuple[str, ...], Callable[[str], Match]]] = {
    ("-d", "--destination", "--dst"): _destination,
    ("-s", "--source", "--src"): _source,
    ("-p", "--protocol"): _of_protocol,
    ("-i", "--in-interface"): _came_in,
    ("-o", "--out-interface"): _goes_out,
    ("--dport", "--destination-port", "--dports", "--destination-ports"): _to_port,
    ("--sport", "--source-port", "--sports", "--source-ports"): _from_port,
    ("--mark",): _marked,
}
"""Options that match something: names -> what makes the match of a value."""


def _net(text: str) -> tuple[bytes, int]:
    try:
        net = ip_network(text, strict=False)
    except ValueError:
        raise FilterError(f"iptables: {text!r} is no address or network") from None
    return net.network_address.packed, net.prefixlen


def _protocol(text: str) -> int:
    number = int(text) if text.isdigit() else PROTOCOLS.get(text, 0 if text == "all" else -1)
    if number < 0:
        raise FilterError(f"iptables: the protocol {text!r} is not known here")
    return number


def _ports(text: str) -> list[tuple[int, int]]:
    ranges = []
    for part in text.split(","):
        low, _, high = part.partition(":")
        try:
            ranges.append((int(low or 0), int(high or low or 65535) if ":" not in part or high else 65535))
        except ValueError:
            raise FilterError(f"iptables: {part!r} is no port or range of ports") from None
    return ranges


def _mark(text: str) -> tuple[int, int]:
    number, _, mask = text.partition("/")
    try:
        return int(number, 0), int(mask, 0) if mask else 0xFFFFFFFF
    except ValueError:
        raise FilterError(f"iptables: {text!r} is no mark") from None
