"""The chains as text for iptables-restore: one family, three tables, each replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from pyvs.core.flags import Family, Proto
from pyvs.core.masquerade.icmp import REQUEST_OF
from pyvs.core.masquerade.ports import BEGIN, END
from pyvs.datapath.chains.watch import ALL_PORTS, Endpoint, Range, Watch

PREFIX: Final = "PYVS-"
JUMPS: Final[tuple[tuple[str, str, str, bool], ...]] = (
    # table, the chain that everyone has, ours, before all other rules
    ("raw", "OUTPUT", "PYVS-OUTPUT", True),
    ("mangle", "OUTPUT", "PYVS-OUTPUT", False),
    ("security", "INPUT", "PYVS-INPUT", False),
    ("security", "FORWARD", "PYVS-FORWARD", False),
)
"""From where our chains are reached."""

MULTIPORT_MAX: Final = 15
"""Ports that one rule takes; a range counts twice. Kernel: `XT_MULTI_PORTS`."""
PROTOCOL_NAMES: Final = {
    Proto.TCP: "tcp",
    Proto.UDP: "udp",
    Proto.SCTP: "sctp",
    Proto.ESP: "esp",
    Proto.AH: "ah",
}
ICMP_ERRORS: Final = {
    Family.INET: ("-p icmp -m icmp --icmp-type", (3, 4, 11)),
    Family.INET6: ("-p ipv6-icmp -m icmp6 --icmpv6-type", (1, 2, 3, 4)),
}
"""The types that the virtual server looks into."""


@dataclass(slots=True, frozen=True)
class Aim:
    """Where packets go, and how ours are known."""

    queue: int
    """The queue whose packets are cut to their wire's size."""
    gso_queue: int
    """The queue for TCP replies, which come in the large pieces that the kernel handles them in."""
    own_mark: int
    """The bit of the mark that says: sent by us."""
    bypass: bool = False
    """While no daemon is there, packets pass to the host instead of being dropped."""
    track: bool = False
    """Our packets are tracked by conntrack (sysctl conntrack)."""
    answered: str = ""
    """A match for packets in OUTPUT that the fast path has dealt with."""


def tables(watch: Watch, aim: Aim) -> str:
    """The contents of all our chains. Whoever reads them anew replaces what they held, a table at a time."""
    own = f"-m mark --mark {aim.own_mark:#x}/{aim.own_mark:#x}"
    raw = [] if aim.track or not watch else [f"{own} -j CT --notrack"]
    parts: dict[str, list[str]] = {
        "*raw": _chain("PYVS-OUTPUT", raw),
        "*mangle": _chain("PYVS-OUTPUT", _output(watch, aim, own)),
        "*security": [
            *_chain("PYVS-INPUT", _input(watch, aim, own)),
            *_chain("PYVS-FORWARD", _forward(watch, aim, own)),
        ],
    }
    lines: list[str] = []
    for table, contents in parts.items():
        declared = [line for line in contents if line.startswith(":")]
        lines += [table, *declared, *(line for line in contents if not line.startswith(":")), "COMMIT"]
    return "\n".join(lines) + "\n"


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f":{name} - [0:0]", *(f"-A {name} {rule}" for rule in rules)]


def _input(watch: Watch, aim: Aim, own: str) -> Iterator[str]:
    """Clients' packets; replies of servers to a client on this host; ICMP errors."""
    if not watch:
        return
    yield f"{own} -j RETURN"
    yield "-m pkttype ! --pkt-type unicast -j RETURN"
    target = _target(aim.queue, aim)
    yield from _to(watch, target)
    yield from _from(watch.servers, watch.family, target, target)
    if watch.masqueraded:
        yield f"-f {target}"
        for protocol in ("tcp", "udp"):
            yield f"-p {protocol} -m {protocol} --dport {BEGIN}:{END - 1} {target}"
        for kind in sorted(REQUEST_OF):
            yield f"-p icmp -m icmp --icmp-type {kind} {target}"
    yield from _icmp(watch, aim)


def _forward(watch: Watch, aim: Aim, own: str) -> Iterator[str]:
    """Replies of servers; what else comes from a virtual address (only counted); masqueraded hosts; ICMP errors."""
    if not watch:
        return
    yield f"{own} -j RETURN"
    target, gso_target = _target(aim.queue, aim), _target(aim.gso_queue, aim)
    yield from _from(watch.servers, watch.family, target, gso_target)
    yield from _from(watch.virtual, watch.family, target, gso_target)
    for network in watch.masqueraded:
        yield f"-s {network} ! -d {network} {target}"
    yield from _icmp(watch, aim)


def _output(watch: Watch, aim: Aim, own: str) -> Iterator[str]:
    """Packets of clients and of servers on this host; ICMP errors that it sends."""
    if not watch:
        return
    yield f"{own} -j RETURN"
    if aim.answered:
        yield f"{aim.answered} -j RETURN"
    target = _target(aim.queue, aim)
    yield from _to(watch, target)
    yield from _from(watch.servers, watch.family, target, target)
    yield from _from(watch.virtual, watch.family, target, target)
    yield from _icmp(watch, aim)


def _target(queue: int, aim: Aim) -> str:
    return f"-j NFQUEUE --queue-num {queue}" + (" --queue-bypass" if aim.bypass else "")


def _to(watch: Watch, target: str) -> Iterator[str]:
    for mark in watch.marks:
        yield f"-m mark --mark {mark:#x} {target}"
    yield from _match(watch.virtual, watch.family, "-d", "dport", target, target)


def _from(endpoints: tuple[Endpoint, ...], family: Family, target: str, tcp_target: str) -> Iterator[str]:
    yield from _match(endpoints, family, "-s", "sport", target, tcp_target)


def _match(
    endpoints: tuple[Endpoint, ...], family: Family, end: str, port: str, target: str, tcp_target: str
) -> Iterator[str]:
    fragmented: set[str] = set()
    for endpoint in endpoints:
        host = f"{end} {ip_address(endpoint.address)}"
        if endpoint.length is not None:
            host += f"/{endpoint.length}"
        goal = tcp_target if endpoint.protocol == Proto.TCP else target
        if endpoint.ports != ALL_PORTS and host not in fragmented:
            # A later fragment has no ports: all of this address are put together by us.
            fragmented.add(host)
            yield f"{host} -f {target}" if family == Family.INET else f"{host} -m frag {target}"
        if not endpoint.protocol:
            if tcp_target != target and endpoint.length is not None:
                yield f"{host} -p tcp {tcp_target}"
            yield f"{host} {target}"
            continue
        protocol = PROTOCOL_NAMES.get(Proto(endpoint.protocol), str(endpoint.protocol))
        if endpoint.ports == ALL_PORTS:
            yield f"{host} -p {protocol} {goal}"
            continue
        for some in _portions(endpoint.ports):
            if len(some) == 1:
                yield f"{host} -p {protocol} -m {protocol} --{port} {_text(some[0])} {goal}"
            else:
                listed = ",".join(map(_text, some))
                yield f"{host} -p {protocol} -m multiport --{port}s {listed} {goal}"


def _portions(ports: tuple[Range, ...]) -> Iterator[list[Range]]:
    """As many ranges at a time as one rule takes."""
    some: list[Range] = []
    room = MULTIPORT_MAX
    for low, high in ports:
        size = 1 if low == high else 2
        if size > room:
            yield some
            some, room = [], MULTIPORT_MAX
        some.append((low, high))
        room -= size
    if some:
        yield some


def _text(ports: Range) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}:{ports[1]}"


def _icmp(watch: Watch, aim: Aim) -> Iterator[str]:
    """ICMP errors, whoever they are for: what they are about stands inside. They never wait for an absent daemon."""
    match, types = ICMP_ERRORS[watch.family]
    for kind in types:
        yield f"{match} {kind} -j NFQUEUE --queue-num {aim.queue} --queue-bypass"
