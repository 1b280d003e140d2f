"""A network as data: hosts, interfaces, addresses, routes and sysctls. Nothing here touches the machine.

A segment is an Ethernet on which all interfaces of the same segment name meet. Addresses are text with their
prefix length ("192.168.10.1/24"), as `ip address` takes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network

from pyvs.lab.errors import LabError


@dataclass(frozen=True, slots=True)
class Interface:
    """A plug of a host on a segment; the host's first is eth0, then eth1 ..."""

    segment: str
    addresses: tuple[str, ...] = ()
    mtu: int = 1500


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a network, or to "default", by the next router's address."""

    to: str
    via: str

    @property
    def family(self) -> int:
        """4 or 6."""
        return ip_interface(self.via).version

    @property
    def network(self) -> str:
        """Where it leads, with "default" spelled out."""
        return {4: "0.0.0.0/0", 6: "::/0"}[self.family] if self.to == "default" else self.to


@dataclass(frozen=True, slots=True)
class Host:
    """A machine of the lab: one network namespace."""

    name: str
    interfaces: tuple[Interface, ...]
    loopback: tuple[str, ...] = ()
    """Further addresses on lo, such as the virtual address of a real server in direct routing."""
    routes: tuple[Route, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    """Names as files below /proc/sys, with slashes; written before the interfaces are there."""
    inlets: tuple[str, ...] = ()
    """Names of veth pairs inside the host (NAME and NAME-in): what is sent on NAME-in arrives on NAME."""

    def addresses(self, family: int) -> tuple[str, ...]:
        """Own addresses of the interfaces, without prefix length."""
        every = (ip_interface(text) for plug in self.interfaces for text in plug.addresses)
        return tuple(str(address.ip) for address in every if address.version == family)


@dataclass(frozen=True, slots=True)
class Topology:
    """Hosts that share segments."""

    name: str
    hosts: tuple[Host, ...] = field(default=())

    def host(self, name: str) -> Host:
        """The host of that name.

        Raises LabError if there is none.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise LabError(f"The lab {self.name} has no host named {name}; it has {known}.")

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the segments, in the order in which hosts name them."""
        return tuple(dict.fromkeys(plug.segment for host in self.hosts for plug in host.interfaces))

    def mistakes(self) -> Iterator[str]:
        """What would not work if this was built, a sentence each."""
        names = [host.name for host in self.hosts]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"Two hosts are named {name}."
        seen: dict[tuple[str, str], str] = {}
        for host in self.hosts:
            near = [ip_interface(text).network for plug in host.interfaces for text in plug.addresses]
            for plug in host.interfaces:
                for text in plug.addresses:
                    where = (plug.segment, str(ip_interface(text).ip))
                    if where in seen:
                        yield f"{host.name} and {seen[where]} both have {where[1]} on {plug.segment}."
                    seen[where] = host.name
            for route in host.routes:
                if not any(ip_interface(route.via).ip in network for network in near):
                    yield f"{host.name} has a route by {route.via}, which none of its interfaces reaches."
                if route.to != "default" and ip_network(route.to).version != route.family:
                    yield f"{host.name} has a route to {route.to} by {route.via}: two families."
