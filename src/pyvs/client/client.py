"""A client for the director of this network namespace, or for a kernel that has IPVS.

    with Client() as client:
        web = Service(address="192.0.2.100", port=80, scheduler="rr")
        client.create_service(web)
        client.create_destination(web, Destination(address="10.1.0.11", port=8080))
        for service in client.services():
            print(service.address, client.destinations(service))

It has the verbs of the control language too (`get_services` and so on), and of a director those that the kernel never
had: `drain`, `connections`, `apply`. All raise ControlError, with errno and a sentence.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pyvs.client.kernel import KernelTransport
from pyvs.client.values import Destination, Info, Service
from pyvs.core.control.specs import DaemonSpec, ServiceKey, Timeouts
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.transport import Transport
from pyvs.netlink.unix import VARIABLE, UnixTransport, socket_path


def transport_here() -> Transport:
    """The way to the director of this network namespace; without one, to its kernel."""
    path = socket_path()
    if VARIABLE in os.environ or path.startswith("@") or Path(path).exists():
        return UnixTransport(path)
    return KernelTransport()


class Client(NativeClient):
    """The verbs, with values of `pyvs.client.values`. A context manager."""

    def __init__(self, transport: Transport | None = None) -> None:
        """transport: by default the way to the director here, or without one to the kernel."""
        super().__init__(transport_here() if transport is None else transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    # ---- services ----------------------------------------------------------

    def services(self) -> list[Service]:
        """All services."""
        return [Service.of(view) for view in self.get_services()]

    def service(self, service: Service) -> Service:
        """A service as it is now. Raises ControlError(ESRCH)."""
        return Service.of(self.get_service(service.key))

    def create_service(self, service: Service) -> None:
        """Add a service. Raises ControlError: EEXIST, ENOENT (of its scheduler)."""
        self.new_service(service.spec)

    def update_service(self, service: Service) -> None:
        """Change a service. Raises ControlError: ESRCH, ENOENT."""
        self.set_service(service.spec)

    def remove_service(self, service: Service) -> None:
        """Remove a service and its servers. Raises ControlError(ESRCH)."""
        self.del_service(service.key)

    # ---- servers -----------------------------------------------------------

    def destinations(self, service: Service) -> list[Destination]:
        """The servers of a service, newest first; none when there is no such service."""
        return [Destination.of(view) for view in self.get_dests(service.key)]

    def create_destination(self, service: Service, destination: Destination) -> None:
        """Add a server to a service. Raises ControlError: ESRCH, EEXIST."""
        self.new_dest(service.key, destination.spec)

    def update_destination(self, service: Service, destination: Destination) -> None:
        """Change a server. Raises ControlError: ESRCH, ENOENT."""
        self.set_dest(service.key, destination.spec)

    def remove_destination(self, service: Service, destination: Destination) -> None:
        """Remove a server. Raises ControlError: ESRCH, ENOENT."""
        self.del_dest(service.key, destination.key)

    # ---- the rest ----------------------------------------------------------

    def config(self) -> Timeouts:
        """The timeouts of all services; `set_config` sets them."""
        return self.get_config()

    def info(self) -> Info:
        """Version and size of the connection table."""
        version, size = self.get_info()
        return Info((version >> 16 & 0xFF, version >> 8 & 0xFF, version & 0xFF), size)

    def daemons(self) -> list[DaemonSpec]:
        """The synchronisation daemons that run; `new_daemon` and `del_daemon` start and stop them."""
        return self.get_daemons()

    def zero(self, key: Service | ServiceKey | None = None) -> None:
        """Set the counters of one service, or all, to zero. Raises ControlError(ESRCH)."""
        super().zero(key.key if isinstance(key, Service) else key)
