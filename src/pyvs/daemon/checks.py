"""What a newcomer gets wrong, looked at when services come in: one sentence each, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

from pyvs.core.flags import Family, Forward
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.daemon.environment import LiveEnvironment
from pyvs.datapath.chains.iptables import Iptables

PROC: Final = Path("/proc/sys/net")
FORWARDING: Final = {
    Family.INET: ("ipv4/ip_forward", "net.ipv4.ip_forward"),
    Family.INET6: ("ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"),
}
STRICT: Final = 1
_JUDGED: Final = ("DROP", "REJECT", "LOG", "RETURN")
_FORWARD: Final = "filter -A FORWARD "
Network = IPv4Network | IPv6Network
LOOKED_AT: Final = 24
"""Addresses that are looked at, so that thousands of them delay no packet; the first tell enough."""
SERVICES: Final = 500
"""Likewise services."""


def hints(ns: Namespace, environment: LiveEnvironment, *, proc: Path = PROC) -> Iterator[str]:
    """Sentences about the host as it is now; none when all is well."""
    yield from _virtual_addresses(ns, environment)
    yield from _forwarding(ns, proc)
    yield from _servers(ns, environment)
    yield from _way_back(ns, environment)
    yield from _reverse_path(ns, environment, proc)


def _virtual_addresses(ns: Namespace, environment: LiveEnvironment) -> Iterator[str]:
    told: set[bytes] = set()
    for service in islice(ns.services, SERVICES):
        if service.fwmark or service.addr in told:
            continue
        told.add(service.addr)
        if len(told) > LOOKED_AT:
            return
        if not environment.is_local(service.addr):
            address = ip_address(service.addr)
            length = address.max_prefixlen
            yield (
                f"the virtual address {address} is not an address of this host, so its packets never reach the "
                f"director: ip addr add {address}/{length} dev lo (or to the device towards the clients)"
            )


def _forwarding(ns: Namespace, proc: Path) -> Iterator[str]:
    for family, (path, name) in FORWARDING.items():
        whose = _forwarded(ns, family)
        if whose and _read(proc / path) == 0:
            yield f"{name} is 0, so {whose} are not forwarded to the clients: sysctl -w {name}=1"


def _forwarded(ns: Namespace, family: Family) -> str:
    """What this host must forward; empty: nothing."""
    if _has_nat(ns, family):
        return "replies of NAT servers"
    masquerade = ns.masquerade if family == Family.INET else None
    if masquerade is None:
        return ""
    if masquerade.networks:
        return "packets of masqueraded networks"
    return "answers of forwarded ports" if len(masquerade.portfw) else ""


def _servers(ns: Namespace, environment: LiveEnvironment) -> Iterator[str]:
    told: set[bytes] = set()
    for server in _destinations(ns):
        if server.addr in told:
            continue
        told.add(server.addr)
        if len(told) > LOOKED_AT:
            return
        address = ip_address(server.addr)
        route = environment.route(server.addr)
        if route is None:
            yield f"there is no route to the server {address}: ip route add {address} via ..."
        elif route.gateway is not None and server.forward == Forward.DROUTE:
            yield (
                f"the server {address} is behind the gateway {ip_address(route.gateway)}, but direct routing needs "
                "it in a network of this host: use a tunnel (-i) or NAT (-m)"
            )
        elif route.gateway is not None and server.forward == Forward.MASQ:
            yield (
                f"the server {address} is behind the gateway {ip_address(route.gateway)}: its replies must come "
                "back through this host, so routers there must send the clients' addresses here"
            )


def _way_back(ns: Namespace, environment: LiveEnvironment) -> Iterator[str]:
    """Whether anything outside the host's own networks is reachable; asked by an address of documentation."""
    outside = {Family.INET: ip_address("198.51.100.1"), Family.INET6: ip_address("2001:db8:ffff::1")}
    for family, address in outside.items():
        if not _has_nat(ns, family):
            continue
        if environment.route(address.packed) is None:
            version = "IPv4" if family == Family.INET else "IPv6"
            yield (
                f"there is no default route for {version}: clients outside the networks of this host get no answer "
                "from NAT servers (harmless if there are none)"
            )


def _reverse_path(ns: Namespace, environment: LiveEnvironment, proc: Path) -> Iterator[str]:
    if not any(True for _ in _destinations(ns, Family.INET)):
        return
    everywhere = _read(proc / "ipv4/conf/all/rp_filter") or 0
    names = [link.name for link in environment.links() if link.up and link.name != "lo"]
    strict = [
        name for name in names if max(everywhere, _read(proc / f"ipv4/conf/{name}/rp_filter") or 0) == STRICT
    ]
    if strict and len(names) > 1:
        yield (
            f"rp_filter is strict on {', '.join(strict[:4])}: a client whose packets come by another device than its "
            "answers leave by is not heard (sysctl -w net.ipv4.conf.DEVICE.rp_filter=2 if there are such)"
        )


def firewall_hints(ns: Namespace) -> Iterator[str]:
    """What of the host's own rules gets in the way; asks iptables, so it takes some milliseconds."""
    for family in (Family.INET, Family.INET6):
        whose = _forwarded(ns, family)
        if not whose:
            continue
        for tool in Iptables.all(family)[:1]:
            saved = tool.save()
            rules = [rule.removeprefix(_FORWARD) for rule in saved.rules if rule.startswith(_FORWARD)]
            yield from _invalid(ns, family, tool.name, saved.rules)
            if saved.policies.get(("filter", "FORWARD")) == "DROP":
                dropped = _dropped(ns, family, rules)
                if dropped is not None:
                    yield (
                        f"the chain FORWARD of {tool.name} drops what no rule accepts, and so {whose}: "
                        f"{tool.name} -I FORWARD -s {dropped} -j ACCEPT"
                    )


def _invalid(ns: Namespace, family: Family, tool: str, rules: list[str]) -> Iterator[str]:
    if ns.sysctl.conntrack or not _has_nat(ns, family):
        return
    if any("INVALID" in rule and "-j DROP" in rule and " FORWARD " in rule for rule in rules):
        yield (
            f"a rule of {tool} drops packets in state INVALID, which replies of NAT servers are for "
            "conntrack: sysctl net.ipv4.vs.conntrack=1, or let the servers' addresses pass before it"
        )


def _dropped(ns: Namespace, family: Family, rules: list[str]) -> str | None:
    """The first server or network from which no rule of FORWARD accepts packets; None: all are accepted.

    A rule counts that asks for nothing but addresses, devices and protocols, or leads to a chain of someone else's.
    """
    everyone = "0.0.0.0/0" if family == Family.INET else "::/0"
    accepted: list[Network] = []
    for rule in rules:
        words = rule.split()
        named = dict(pairwise(words))
        if named.get("-j", "DROP") in _JUDGED or "!" in words:
            continue
        if ("--ctstate" in named or "--state" in named) and not ns.sysctl.conntrack:
            continue
        accepted.append(ip_network(named.get("-s", everyone)))
    for source in _sources(ns, family):
        if not any(source.supernet(new_prefix=wide.prefixlen) == wide for wide in accepted if
                   wide.prefixlen <= source.prefixlen):  # fmt: skip
            return str(source)
    return None


def _sources(ns: Namespace, family: Family) -> Iterator[Network]:
    """From where packets come that this host must forward."""
    told: set[bytes] = set()
    for server in _destinations(ns, family):
        if server.forward == Forward.MASQ and server.addr not in told and len(told) < LOOKED_AT:
            told.add(server.addr)
            yield ip_network(server.addr)
    masquerade = ns.masquerade if family == Family.INET else None
    if masquerade is not None:
        yield from (ip_network(str(network)) for network in masquerade.networks)
        yield from (ip_network(rule.raddr) for rule in masquerade.portfw)


def _has_nat(ns: Namespace, family: Family) -> bool:
    return any(server.forward == Forward.MASQ for server in _destinations(ns, family))


def _destinations(ns: Namespace, family: Family | None = None) -> Iterator[Destination]:
    """Servers of services of a family, the first ones."""
    if family is not None and not ns.services.families.get(family):
        return
    for service in islice(ns.services, SERVICES):
        if family is None or service.af == family:
            yield from service.destinations[:LOOKED_AT]


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
