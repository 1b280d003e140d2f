"""Where services and their servers are found. Kernel: `ip_vs_svc_table`, `ip_vs_svc_fwm_table`, `rs_table`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyvs.core.flags import Forward, Proto, ServiceFlag, TunType
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service, ServiceName, service_name

FTP_PORT: Final = 21
FTP_DATA_PORT: Final = 20
UNPRIVILEGED: Final = 1024
"""Kernel: sysctl net.ipv4.ip_unprivileged_port_start."""

TUNNEL_PORTS: Final[dict[int, bool]] = {TunType.IPIP: False, TunType.GUE: True, TunType.GRE: False}
"""Whether a tunnel's outer header has a port."""

TOUCHED: Final = 40
"""Changed servers that are remembered; of more it is only known that there were."""

ServicePlace = tuple[int, int, bytes, int]
ServerPlace = tuple[int, bytes, int]


class Registry:
    """The services of a namespace and the servers behind them."""

    def __init__(self) -> None:
        self._by_address: dict[ServicePlace, Service] = {}
        self._by_mark: dict[tuple[int, int], Service] = {}
        self._servers: dict[ServerPlace, dict[Destination, None]] = {}
        """NAT servers by address and port, tunnel servers by address and outer port; the newest last.

        Kernel: `rs_table`.
        """
        self._gone: dict[ServerPlace, dict[Destination, None]] = {}
        """The servers before all were cleared."""
        self.promised: dict[ServiceName, Iterator[None]] = {}
        """Changes of services that hold already; they are made, a step each, before somebody finds the service."""
        self._added = 0
        self.ftp_services = 0
        """Kernel: `ftpsvc_counter`."""
        self.port_zero_services = 0
        """Kernel: `nullsvc_counter`."""
        self.families: dict[int, int] = {}
        """How many services of each family: hooks are registered while there are any."""
        self.mixed = 0
        """Destinations of another family than their service. Kernel: `mixed_address_family_dests`."""
        self.generation = 0
        """Counts the changes of services and servers, for who wants to know whether there was one."""
        self.touched: dict[Destination, None] | None = None
        """Servers that were changed lately, some of them, for who wants to know and forgets them then."""
        self.conn_out_services = 0
        """Services whose persistence engine lets servers begin connections. Kernel: `conn_out_counter`."""

    def __len__(self) -> int:
        return len(self._by_address) + len(self._by_mark)

    @property
    def places(self) -> int:
        """At how many addresses and ports there are NAT and tunnel servers."""
        return len(self._servers)

    def __iter__(self) -> Iterator[Service]:
        yield from list(self._by_address.values())
        yield from list(self._by_mark.values())

    def __contains__(self, service: Service) -> bool:
        """Whether this very service is there."""
        return self._named(service).get(service.name) is service

    # ---- services ----------------------------------------------------------

    def find(self, af: int, mark: int, protocol: int, addr: bytes, port: int) -> Service | None:
        """The service of a packet. Kernel: `ip_vs_service_find`.

        By mark, then exactly, then the FTP service for its data ports, then the one for all ports.
        """
        if self.promised:
            self._keep_promises(af, mark, protocol, addr, port)
        if mark:
            service = self._by_mark.get((af, mark))
            if service is not None:
                return service
        service = self._by_address.get((af, protocol, addr, port))
        if service is not None:
            return service
        if self.ftp_services and protocol == Proto.TCP and (port == FTP_DATA_PORT or port >= UNPRIVILEGED):
            service = self._by_address.get((af, protocol, addr, FTP_PORT))
            if service is not None:
                return service
        if self.port_zero_services:
            return self._by_address.get((af, protocol, addr, 0))
        return None

    def exact(self, af: int, protocol: int, addr: bytes, port: int, fwmark: int = 0) -> Service | None:
        """The service that an administrator names. Kernel: `__ip_vs_service_find`, `__ip_vs_svc_fwm_find`."""
        if self.promised:
            self._keep(service_name(af, protocol, addr, port, fwmark))
        if fwmark:
            return self._by_mark.get((af, fwmark))
        return self._by_address.get((af, protocol, addr, port))

    def _keep_promises(self, af: int, mark: int, protocol: int, addr: bytes, port: int) -> None:
        """Of the services that a packet may be for."""
        if mark:
            self._keep((af, mark))
        for number in (port, FTP_PORT, 0):
            self._keep((af, protocol, addr, number))

    def _keep(self, name: ServiceName) -> None:
        for _ in self.promised.pop(name, ()):
            pass

    def add(self, service: Service) -> None:
        """Hash a service. Kernel: `ip_vs_svc_hash`."""
        self.generation += 1
        self._added += 1
        service.order = self._added
        service.flags |= int(ServiceFlag.HASHED)
        self._named(service)[service.name] = service
        if not service.fwmark:
            self.ftp_services += service.port == FTP_PORT
            self.port_zero_services += service.port == 0
        self.families[service.af] = self.families.get(service.af, 0) + 1
        self.conn_out_services += _has_conn_out(service.pe)

    def remove(self, service: Service) -> None:
        """Unhash it. Kernel: `ip_vs_svc_unhash`."""
        self.generation += 1
        service.flags &= ~int(ServiceFlag.HASHED)
        del self._named(service)[service.name]
        if not service.fwmark:
            self.ftp_services -= service.port == FTP_PORT
            self.port_zero_services -= service.port == 0
        self.families[service.af] -= 1
        self.mixed -= sum(each.af != service.af for each in service.destinations)
        self.conn_out_services -= _has_conn_out(service.pe)

    def clear(self) -> list[dict[ServiceName, Service]]:
        """Forget all services and servers in one step; the services, by name."""
        services: list[Any] = [self._by_address, self._by_mark]
        self._gone = self._servers
        self._by_address, self._by_mark, self._servers, self.families = {}, {}, {}, {}
        self.ftp_services = self.port_zero_services = self.mixed = self.conn_out_services = 0
        self.generation += 1
        return services

    def forget(self, most: int) -> None:
        """Let go of some of what was cleared: to free all that memory takes time."""
        for _ in range(min(most, len(self._gone))):
            self._gone.popitem()

    def _named(self, service: Service) -> Any:
        return self._by_mark if service.fwmark else self._by_address

    def set_pe(self, service: Service, pe: PersistenceEngine | None) -> None:
        """Give a service another persistence engine, or none."""
        self.generation += 1
        self.conn_out_services += _has_conn_out(pe) - _has_conn_out(service.pe)
        service.pe = pe

    # ---- servers -----------------------------------------------------------

    def add_server(self, destination: Destination) -> None:
        """Make a NAT or tunnel server known by its address. Kernel: `ip_vs_rs_hash`."""
        self.generation += 1
        self._touch(destination)
        place = _place(destination)
        if place is not None:
            self._servers.setdefault(place, {})[destination] = None

    def remove_server(self, destination: Destination) -> None:
        """Forget it, before its method, port or tunnel changes. Kernel: `ip_vs_rs_unhash`."""
        self._touch(destination)
        place = _place(destination)
        if place is not None and destination in self._servers.get(place, ()):
            del self._servers[place][destination]
            if not self._servers[place]:
                del self._servers[place]

    def _touch(self, destination: Destination) -> None:
        if self.touched is not None and len(self.touched) < TOUCHED:
            self.touched[destination] = None

    def find_server(self, af: int, protocol: int, addr: bytes, port: int) -> Destination | None:
        """The NAT server that a packet comes from. Kernel: `ip_vs_find_real_service`."""
        for destination in reversed(self._servers.get((af, addr, port), {})):
            if destination.forward == Forward.MASQ and (
                destination.protocol == protocol or destination.vfwmark
            ):
                return destination
        return None

    def find_tunnel(self, af: int, addr: bytes, port: int) -> Destination | None:
        """The tunnel server that an ICMP error speaks of. Kernel: `ip_vs_find_tunnel`."""
        for destination in reversed(self._servers.get((af, addr, port), {})):
            if destination.forward == Forward.TUNNEL:
                return destination
        return None


def _has_conn_out(pe: PersistenceEngine | None) -> bool:
    return pe is not None and pe.servers_begin


def _place(destination: Destination) -> ServerPlace | None:
    if destination.forward == Forward.MASQ:
        return destination.af, destination.addr, destination.port
    if destination.forward == Forward.TUNNEL and destination.tun_type in TUNNEL_PORTS:
        port = destination.tun_port if TUNNEL_PORTS[destination.tun_type] else 0
        return destination.af, destination.addr, port
    return None
