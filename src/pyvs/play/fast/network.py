"""A network namespace with the devices, addresses, routes and neighbours of a played host.

There the programs look next hops up (`bpf_fib_lookup`) and find what the host would. No packet ever leaves it.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from pyvs.core.errors import PyvsError
from pyvs.datapath.system import CLONE_NEWNET, setns, unshare
from pyvs.host.host import Host
from pyvs.host.interface import LOOPBACK
from pyvs.host.routing import MAIN, USUAL, Entry, Kind, Routing, Rule

PRESENT: Final = "/proc/thread-self/ns/net"
SYSCTL: Final = Path("/proc/sys/net")
QUIET: Final = {
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
    "ipv6/conf/default/router_solicitations": 0,
}
"""So that addresses can be used at once, and only those that the host has."""
FORWARDING: Final = {
    "net.ipv4.ip_forward": "ipv4/conf/all/forwarding",
    "net.ipv6.conf.all.forwarding": "ipv6/conf/all/forwarding",
}
NAME: Final = re.compile(r"(?!peer)[\w.-]{1,15}")
SMALLEST6: Final = 1280
"""Devices with a smaller MTU have no IPv6."""
PATIENCE: Final = 60.0
"""Seconds after which `ip` is taken for stuck."""


class Plan(NamedTuple):
    """What a namespace is made from: it is made anew when the host asks for another."""

    devices: list[str]
    lines: list[str]
    """What `ip` has to do, but for rules."""
    rules: list[str]
    rules6: list[str]
    forwarding: dict[str, int]


class NetworkFault(PyvsError):
    """The namespace can't be had, and why."""


class Network:
    """A namespace of the calling thread's from `follow` on, until another one is entered or `close`."""

    def __init__(self) -> None:
        """Raises NetworkFault."""
        self._own = -1
        try:
            self._before = os.open(PRESENT, os.O_RDONLY)
        except OSError as error:
            raise NetworkFault(f"this thread's network namespace can't be opened: {error}") from None
        self._seen: tuple[object, ...] = ()
        self._plan: Plan | None = None
        self.indices: dict[str, int] = {}
        """Number of each device, by name."""

    def follow(self, host: Host) -> bool:
        """Be like a host; whether anything had to change. Raises NetworkFault."""
        seen = what_counts(host)
        if seen == self._seen:
            return False
        plan = planned(host)
        if plan != self._plan:
            self._plan = None
            try:
                unshare(CLONE_NEWNET)
                self._forget()
                self._own = os.open(PRESENT, os.O_RDONLY)
                self._build(plan)
                self.indices = {name: socket.if_nametoindex(name) for name in plan.devices}
            except OSError as error:
                raise NetworkFault(f"a network namespace for the programs can't be made: {error}") from None
        self._seen, self._plan = seen, plan
        return True

    def _build(self, plan: Plan) -> None:
        for name, value in QUIET.items():
            (SYSCTL / name).write_text(str(value))
        _ip(plan.lines)
        _ip(plan.rules)
        _ip(plan.rules6, "-6")
        for name, value in plan.forwarding.items():
            (SYSCTL / name).write_text(str(value))

    def enter(self) -> None:
        """Bring the calling thread here again. Raises OSError."""
        if self._own >= 0:
            setns(self._own, CLONE_NEWNET)

    def _forget(self) -> None:
        """The namespace ends with its last user."""
        if self._own >= 0:
            os.close(self._own)
            self._own = -1

    def close(self) -> None:
        """Go back to where the thread came from."""
        self._forget()
        if self._before >= 0:
            setns(self._before, CLONE_NEWNET)
            os.close(self._before)
            self._before = -1


def what_counts(host: Host) -> tuple[object, ...]:
    """Differs when next hops may be others, at little cost."""
    return (
        host,
        host.routing.generation,
        *(bool(host.setting(name)) for name in FORWARDING),
        *((interface.mtu, *interface.neighbours.items()) for interface in host.interfaces.values()),
    )


def planned(host: Host) -> Plan:
    """The plan of a host's namespace. Raises NetworkFault."""
    return Plan(
        _devices(host),
        list(commands(host)),
        list(rules(host, 4)),
        list(rules(host, 16)),
        {name: int(bool(host.setting(setting))) for setting, name in FORWARDING.items()},
    )


def _devices(host: Host) -> list[str]:
    names = [name for name in host.interfaces if name != LOOPBACK]
    for name in names:
        if not NAME.fullmatch(name):
            raise NetworkFault(f"no device can be called {name!r}")
    return names


def _ip(lines: list[str], *options: str) -> None:
    if not lines:
        return
    script = "\n".join(lines)
    command = ["ip", *options, "-batch", "-"]
    try:
        done = subprocess.run(
            command, input=script, text=True, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise NetworkFault(f"`{' '.join(command)}` did not end within {PATIENCE:.0f} s") from None
    if done.returncode:
        raise NetworkFault(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())}")


def commands(host: Host) -> Iterator[str]:
    """What `ip` has to do in an empty namespace, but for rules."""
    yield f"link set {LOOPBACK} up"
    plain = Routing(host.interfaces)
    for number, (name, interface) in enumerate(host.interfaces.items()):
        if name != LOOPBACK:
            peer = f"peer{number} mtu {interface.mtu}"
            yield f"link add {name} address {interface.mac.hex(':')} mtu {interface.mtu} type veth peer name {peer}"
            yield f"link set peer{number} up"
            yield f"link set {name} up"
        for address in interface.addresses:
            plain.add_address(name, address.ip.packed, address.network.prefixlen)
            if name != LOOPBACK or not address.ip.is_loopback:
                if address.version == 6 and interface.mtu < SMALLEST6:
                    continue
                yield f"address add {address} dev {name}{' nodad' * (address.version == 6)}"
        for neighbour, mac in interface.neighbours.items():
            if len(neighbour) == 4 or interface.mtu >= SMALLEST6:
                yield f"neighbour replace {ip_address(neighbour)} lladdr {mac.hex(':')} dev {name} nud permanent"
    yield from _routes(host, plain)


def rules(host: Host, width: int) -> Iterator[str]:
    """The rules of routing that are not there from the beginning; width: bytes of an address."""
    for rule in host.routing.rules[width]:
        if rule not in USUAL[width]:
            yield f"rule add {_rule(rule)}"


def _routes(host: Host, plain: Routing) -> Iterator[str]:
    """What there is beyond, or not of, what addresses bring."""
    wanted, brought = _entries(host.routing), _entries(plain)
    for width, number, entry in brought:
        if (width, number, entry) not in wanted and entry.kind is Kind.UNICAST:
            yield f"route delete {_route(number, entry)}"
    for width, number, entry in wanted:
        if (width, number, entry) not in brought and entry.kind is not Kind.MULTICAST:
            if width == 16 and entry.device and host.interfaces[entry.device].mtu < SMALLEST6:
                continue
            yield f"route add {_route(number, entry)}"
    for destination, mtu in host.routing.pmtu.items():
        learnt = host.routing.find(destination)
        if learnt is not None and learnt.kind is Kind.UNICAST:
            whole = Entry(
                destination,
                len(destination) * 8,
                Kind.UNICAST,
                learnt.device,
                learnt.gateway,
                learnt.source,
                mtu=mtu,
            )
            yield f"route replace {_route(MAIN, whole)}"


def _entries(routing: Routing) -> list[tuple[int, int, Entry]]:
    return [
        (width, number, entry)
        for (width, number), table in routing.tables.items()
        for routes in table.lengths.values()
        for entries in routes.values()
        for entry in entries
    ]


def _route(table: int, entry: Entry) -> str:
    words = [entry.kind.value, f"{ip_address(entry.prefix)}/{entry.length}", "table", str(table)]
    if entry.gateway is not None:
        words += ["via", str(ip_address(entry.gateway)), "onlink"]
    if entry.device:
        words += ["dev", entry.device]
    if entry.source is not None:
        words += ["src", str(ip_address(entry.source))]
    if entry.metric:
        words += ["metric", str(entry.metric)]
    if entry.mtu:
        words += ["mtu", "lock", str(entry.mtu)]
    return " ".join(words)


def _rule(rule: Rule) -> str:
    words = ["preference", str(rule.preference), "table", str(rule.table)]
    for word, net in (("from", rule.source), ("to", rule.destination)):
        if net is not None:
            words += [word, f"{ip_address(net[0])}/{net[1]}"]
    if rule.iif:
        words += ["iif", rule.iif]
    if rule.mask:
        words += ["fwmark", f"{rule.mark:#x}/{rule.mask:#x}"]
    return " ".join(words)
