"""What is to be queued: addresses, ports and marks, taken from the services and their servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pyvs.core.flags import FWD_MASK, Family, Forward, Proto
from pyvs.core.masquerade.entry import MasqueradeFlag
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.registry import FTP_DATA_PORT, FTP_PORT, UNPRIVILEGED
from pyvs.core.services.service import Service
from pyvs.datapath.chains.networks import FEW, networks

Range = tuple[int, int]
ALL_PORTS: Final[tuple[Range, ...]] = ((0, 0xFFFF),)
ISAKMP: Final = 500


@dataclass(slots=True, frozen=True, order=True)
class Endpoint:
    """An address with a protocol (0: all) and ports, in ranges that neither touch nor overlap."""

    address: bytes
    protocol: int
    ports: tuple[Range, ...] = ALL_PORTS
    length: int | None = None
    """Of the prefix, when a network is meant."""


@dataclass(slots=True, frozen=True)
class Watch:
    """All that is queued of one address family."""

    family: Family
    virtual: tuple[Endpoint, ...] = ()
    """What clients speak to."""
    marks: tuple[int, ...] = ()
    """Firewall marks of services."""
    servers: tuple[Endpoint, ...] = ()
    """Servers whose replies are rewritten (NAT)."""
    masqueraded: tuple[str, ...] = ()
    """Networks behind the director, as text."""

    def __bool__(self) -> bool:
        return bool(self.virtual or self.marks or self.masqueraded)


def watch(ns: Namespace, family: Family) -> Watch:
    """What the services of a family, and removed servers that still have connections, ask for."""
    services = [service for service in ns.services if service.af == family]
    found = _Finder(services)
    for service in services:
        found.service(service)
    for destination, service in ns.trash:
        if service.af == family:
            found.removed(destination)
    networks: tuple[str, ...] = ()
    if family == Family.INET and ns.masquerade is not None:
        found.masquerade(ns.masquerade)
        networks = tuple(str(network) for network in ns.masquerade.networks)
    return Watch(
        family,
        found.endpoints(found.virtual, found.many_virtual),
        tuple(sorted(found.marks)),
        found.endpoints(found.servers, found.many_servers),
        networks,
    )


class _Finder:
    """Gathers ports by address and protocol."""

    def __init__(self, services: list[Service]) -> None:
        self.many_virtual = _many(service.addr for service in services if not service.fwmark)
        """All addresses of this side if there are too many for rules of their own: then ports don't count."""
        self.many_servers = _many(
            destination.addr
            for service in services
            for destination in service.destinations
            if not destination.conn_flags & FWD_MASK  # NAT
        )
        self.virtual: dict[tuple[bytes, int], list[Range]] = {}
        self.servers: dict[tuple[bytes, int], list[Range]] = {}
        self.marks: set[int] = set()

    def service(self, service: Service) -> None:
        if service.fwmark:
            self.marks.add(service.fwmark)
        elif not self.many_virtual:
            self._place(service.protocol, service.addr, service.port)
        if not self.many_servers:
            for destination in service.destinations:
                self._server(destination, any_port=service.pe is not None)

    def removed(self, destination: Destination) -> None:
        if destination.vfwmark:
            self.marks.add(destination.vfwmark)
        else:
            self._place(destination.protocol, destination.vaddr, destination.vport)
        self._server(destination, any_port=False)

    def masquerade(self, masquerade: Masquerade) -> None:
        """Forwarded ports, and the machines that serve them or still have connections of them."""
        for rule in (*masquerade.portfw, *masquerade.least_load.offers):
            self.virtual.setdefault((rule.laddr, rule.protocol), []).append((rule.lport, rule.lport))
            self.servers.setdefault((rule.raddr, rule.protocol), []).append((rule.rport, rule.rport))
        for entry in masquerade.table if masquerade.table.pinned else ():
            if entry.flags & MasqueradeFlag.MPORT:
                self.virtual.setdefault((entry.maddr, entry.protocol), []).append((entry.mport, entry.mport))
                self.servers.setdefault((entry.saddr, entry.protocol), []).append((entry.sport, entry.sport))

    def _place(self, protocol: int, address: bytes, port: int) -> None:
        ports = self.virtual.setdefault((address, protocol), [])
        if port == 0:
            ports.extend(ALL_PORTS)
        else:
            ports.append((port, port))
            if protocol == Proto.TCP and port == FTP_PORT:
                ports.extend(((FTP_DATA_PORT, FTP_DATA_PORT), (UNPRIVILEGED, 0xFFFF)))
        if protocol == Proto.UDP and port in (0, ISAKMP):  # IPsec follows the key exchange to its server
            for ipsec in (Proto.ESP, Proto.AH):
                self.virtual.setdefault((address, ipsec), []).extend(ALL_PORTS)

    def _server(self, destination: Destination, *, any_port: bool) -> None:
        if destination.forward != Forward.MASQ:
            return
        protocol = 0 if destination.vfwmark else destination.protocol
        ports = self.servers.setdefault((destination.addr, protocol), [])
        ftp = protocol == Proto.TCP and destination.vport == FTP_PORT
        if protocol == 0 or any_port or ftp or destination.port == 0:
            ports.extend(ALL_PORTS)
        else:
            ports.append((destination.port, destination.port))
        if protocol == Proto.UDP and destination.vport in (0, ISAKMP):
            for ipsec in (Proto.ESP, Proto.AH):
                self.servers.setdefault((destination.addr, ipsec), []).extend(ALL_PORTS)

    @staticmethod
    def endpoints(places: dict[tuple[bytes, int], list[Range]], many: set[bytes]) -> tuple[Endpoint, ...]:
        if many or len(places) > FEW:
            found = networks(many.union(address for address, _ in places))
            return tuple(Endpoint(address, 0, length=length) for address, length in found)
        return tuple(
            sorted(
                Endpoint(address, protocol, merged(ports)) for (address, protocol), ports in places.items()
            )
        )


def _many(addresses: Iterator[bytes]) -> set[bytes]:
    """The addresses, none if they are few."""
    found = set(addresses)
    return found if len(found) > FEW else set()


def merged(ports: list[Range]) -> tuple[Range, ...]:
    """Ranges in order, without overlaps, neighbours joined."""
    out: list[Range] = []
    for low, high in sorted(ports):
        if out and low <= out[-1][1] + 1:
            out[-1] = out[-1][0], max(out[-1][1], high)
        else:
            out.append((low, high))
    return tuple(out)
