"""The networks and the ipvsadm lines of the LVS HOWTO, as data: NAT, direct routing, tunnel; both families.

NAT: the director stands between its clients' router and the real servers, which have it as default route.

    client1..3 ── clients ── router ── front ── director ── farm ── server1..3

Direct routing: all stand on one segment. Every server has the virtual address on lo and keeps silent about it
(arp_ignore); it answers its clients by the router, not by the director.

    client1..3 ── clients ── router ── farm ── director, server1..3

Tunnel: the servers are somewhere else, behind the router, and take the packets out of their tunnels.

    client1..3 ── clients ── router ── front ── director
                                 └──── farm ─── server1..3
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pyvs.lab.topology import Host, Interface, Route, Topology


@dataclass(frozen=True, slots=True)
class Plan:
    """The addresses of one family. Prefix lengths stand beside them."""

    clients: tuple[str, ...]
    clients_router: str
    clients_length: int
    virtual: str
    director_front: str
    router_front: str
    front_length: int
    servers: tuple[str, ...]
    director_farm: str
    router_farm: str
    farm_length: int
    farm: str
    host_length: int
    clients_network: str


PLANS: Final[Mapping[int, Plan]] = {
    4: Plan(
        clients=("203.0.113.1", "203.0.113.2", "203.0.113.3"),
        clients_router="203.0.113.254",
        clients_length=24,
        clients_network="203.0.113.0/24",
        virtual="207.175.44.110",
        director_front="207.175.44.2",
        router_front="207.175.44.1",
        front_length=24,
        servers=("192.168.10.1", "192.168.10.2", "192.168.10.3"),
        director_farm="192.168.10.254",
        router_farm="192.168.10.253",
        farm_length=24,
        farm="192.168.10.0/24",
        host_length=32,
    ),
    6: Plan(
        clients=("2001:db8:c::1", "2001:db8:c::2", "2001:db8:c::3"),
        clients_router="2001:db8:c::fe",
        clients_length=64,
        clients_network="2001:db8:c::/64",
        virtual="2001:db8::80",
        director_front="2001:db8::2",
        router_front="2001:db8::1",
        front_length=120,
        servers=("2001:db8::a0a0", "2001:db8::a0a1", "2001:db8::a0a2"),
        director_farm="2001:db8::a0fe",
        router_farm="2001:db8::a0fd",
        farm_length=120,
        farm="2001:db8::a000/120",
        host_length=128,
    ),
}

OPTIONS: Final[Mapping[str, str]] = {"nat": "-m", "dr": "-g", "tun": "-i"}
"""The option of ipvsadm for each forwarding method of the lab."""

TITLES: Final[Mapping[str, str]] = {"nat": "NAT", "dr": "Direct routing", "tun": "Tunnel"}

INLET: Final = "lvs0"
"""Where packets out of a tunnel enter a real server's stack."""

_QUIET: Final = (
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/accept_redirects", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
)
_QUIET_6: Final = (
    ("net/ipv6/conf/all/disable_ipv6", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "0"),
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/default/dad_transmits", "0"),
    ("net/ipv6/conf/all/accept_ra", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
)
_FORWARD: Final = (("net/ipv4/ip_forward", "1"),)
_FORWARD_6: Final = (("net/ipv6/conf/all/forwarding", "1"), ("net/ipv6/conf/default/forwarding", "1"))
_SILENT: Final = (("net/ipv4/conf/all/arp_ignore", "1"), ("net/ipv4/conf/all/arp_announce", "2"))


def _sysctls(
    plans: Mapping[int, Plan], *, forwards: bool = False, silent: bool = False
) -> tuple[tuple[str, str], ...]:
    rows: tuple[tuple[str, str], ...] = _QUIET
    if 6 in plans:
        rows += _QUIET_6
    if forwards:
        rows += _FORWARD + (_FORWARD_6 if 6 in plans else ())
    return rows + (_SILENT if silent else ())


def _clients(plans: Mapping[int, Plan]) -> tuple[Host, ...]:
    count = len(next(iter(plans.values())).clients)
    return tuple(
        Host(
            f"client{index + 1}",
            (
                Interface(
                    "clients",
                    tuple(f"{plan.clients[index]}/{plan.clients_length}" for plan in plans.values()),
                ),
            ),
            routes=tuple(Route("default", plan.clients_router) for plan in plans.values()),
            sysctls=_sysctls(plans),
        )
        for index in range(count)
    )


def _servers(
    plans: Mapping[int, Plan], gateway: Callable[[Plan], str], *, virtual: bool, tunnel: bool = False
) -> tuple[Host, ...]:
    count = len(next(iter(plans.values())).servers)
    return tuple(
        Host(
            f"server{index + 1}",
            (
                Interface(
                    "farm", tuple(f"{plan.servers[index]}/{plan.farm_length}" for plan in plans.values())
                ),
            ),
            loopback=tuple(f"{plan.virtual}/{plan.host_length}" for plan in plans.values())
            if virtual
            else (),
            routes=tuple(Route("default", gateway(plan)) for plan in plans.values()),
            sysctls=_sysctls(plans, silent=virtual),
            inlets=(INLET,) if tunnel else (),
        )
        for index in range(count)
    )


def _router(plans: Mapping[int, Plan], *backs: tuple[str, ...]) -> Host:
    """A router of the clients' segment and of further segments, given as (segment, networks on it ...)."""
    clients = Interface(
        "clients", tuple(f"{plan.clients_router}/{plan.clients_length}" for plan in plans.values())
    )
    addresses = {
        "front": [f"{plan.router_front}/{plan.front_length}" for plan in plans.values()],
        "farm": [f"{plan.router_farm}/{plan.farm_length}" for plan in plans.values()],
    }
    plugs = tuple(
        Interface(segment, tuple(text for network in networks for text in addresses[network]))
        for segment, *networks in backs
    )
    return Host("router", (clients, *plugs), sysctls=_sysctls(plans, forwards=True))


def _front(plans: Mapping[int, Plan]) -> tuple[str, ...]:
    own = tuple(f"{plan.director_front}/{plan.front_length}" for plan in plans.values())
    return own + tuple(f"{plan.virtual}/{plan.host_length}" for plan in plans.values())


def _nat(plans: Mapping[int, Plan]) -> Topology:
    farm = Interface("farm", tuple(f"{plan.director_farm}/{plan.farm_length}" for plan in plans.values()))
    director = Host(
        "director",
        (Interface("front", _front(plans)), farm),
        routes=tuple(Route("default", plan.router_front) for plan in plans.values()),
        sysctls=_sysctls(plans, forwards=True),
    )
    servers = _servers(plans, lambda plan: plan.director_farm, virtual=False)
    return Topology("nat", (*_clients(plans), _router(plans, ("front", "front")), director, *servers))


def _direct(plans: Mapping[int, Plan]) -> Topology:
    farm = tuple(f"{plan.director_farm}/{plan.farm_length}" for plan in plans.values())
    director = Host(
        "director",
        (Interface("farm", farm + _front(plans)),),
        routes=tuple(Route("default", plan.router_front) for plan in plans.values()),
        sysctls=_sysctls(plans, forwards=True),
    )
    servers = _servers(plans, lambda plan: plan.router_farm, virtual=True)
    return Topology("dr", (*_clients(plans), _router(plans, ("farm", "front", "farm")), director, *servers))


def _tunnel(plans: Mapping[int, Plan]) -> Topology:
    director = Host(
        "director",
        (Interface("front", _front(plans)),),
        routes=tuple(Route("default", plan.router_front) for plan in plans.values()),
        sysctls=_sysctls(plans, forwards=True),
    )
    servers = _servers(plans, lambda plan: plan.router_farm, virtual=True, tunnel=True)
    router = _router(plans, ("front", "front"), ("farm", "farm"))
    return Topology("tun", (*_clients(plans), router, director, *servers))


TOPOLOGIES: Final[Mapping[str, Callable[[Mapping[int, Plan]], Topology]]] = {
    "nat": _nat,
    "dr": _direct,
    "tun": _tunnel,
}


def topology(method: str, families: tuple[int, ...] = (4, 6)) -> Topology:
    """The network for a forwarding method of `OPTIONS`, with the addresses of these families."""
    return TOPOLOGIES[method]({family: PLANS[family] for family in families})


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def ipvsadm_lines(method: str, family: int, scheduler: str = "rr", port: int = 80) -> tuple[str, ...]:
    """The arguments of ipvsadm that set up the virtual service, one line a command."""
    plan = PLANS[family]
    service = _with_port(plan.virtual, port)
    adds = (f"-a -t {service} -r {_with_port(server, port)} {OPTIONS[method]}" for server in plan.servers)
    return (f"-A -t {service} -s {scheduler}", *adds)
