"""The client, awaited: each verb is carried out in a thread of the client's own, one after another.

async with AsyncClient() as client:
    for service in await client.services():
        print(service, await client.destinations(service))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, Self, TypeVar

from pyvs.client.client import Client
from pyvs.client.values import Destination, Info, Service
from pyvs.core.control.native_specs import ConnectionView, DrainKey, DrainView
from pyvs.core.control.specs import DaemonSpec, ServiceKey, Timeouts
from pyvs.core.flags import SyncState
from pyvs.core.policy.policy import Policy
from pyvs.netlink.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """The verbs of `Client`. An asynchronous context manager. All raise ControlError."""

    def __init__(self, transport: Transport | None = None) -> None:
        """transport: as for `Client`."""
        self._client = Client(transport)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pyvs-client")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the transport and the thread."""
        await self.call(Client.close)
        self._thread.shutdown(wait=False)

    async def call(self, verb: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Any verb of `Client`: `await client.call(Client.sysctl_read, "conn_reuse_mode")`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(verb, self._client, *args, **kwargs))

    async def services(self) -> list[Service]:
        """All services."""
        return await self.call(Client.services)

    async def service(self, service: Service) -> Service:
        """A service as it is now."""
        return await self.call(Client.service, service)

    async def create_service(self, service: Service) -> None:
        """Add a service."""
        await self.call(Client.create_service, service)

    async def update_service(self, service: Service) -> None:
        """Change a service."""
        await self.call(Client.update_service, service)

    async def remove_service(self, service: Service) -> None:
        """Remove a service and its servers."""
        await self.call(Client.remove_service, service)

    async def destinations(self, service: Service) -> list[Destination]:
        """The servers of a service, newest first."""
        return await self.call(Client.destinations, service)

    async def create_destination(self, service: Service, destination: Destination) -> None:
        """Add a server to a service."""
        await self.call(Client.create_destination, service, destination)

    async def update_destination(self, service: Service, destination: Destination) -> None:
        """Change a server."""
        await self.call(Client.update_destination, service, destination)

    async def remove_destination(self, service: Service, destination: Destination) -> None:
        """Remove a server."""
        await self.call(Client.remove_destination, service, destination)

    async def config(self) -> Timeouts:
        """The timeouts of all services."""
        return await self.call(Client.config)

    async def set_config(self, timeouts: Timeouts) -> None:
        """Set the timeouts that are not 0."""
        await self.call(Client.set_config, timeouts)

    async def info(self) -> Info:
        """Version and size of the connection table."""
        return await self.call(Client.info)

    async def daemons(self) -> list[DaemonSpec]:
        """The synchronisation daemons that run."""
        return await self.call(Client.daemons)

    async def new_daemon(self, spec: DaemonSpec) -> None:
        """Start a synchronisation daemon."""
        await self.call(Client.new_daemon, spec)

    async def del_daemon(self, state: SyncState) -> None:
        """Stop a synchronisation daemon."""
        await self.call(Client.del_daemon, state)

    async def zero(self, key: Service | ServiceKey | None = None) -> None:
        """Set the counters of one service, or all, to zero."""
        await self.call(Client.zero, key)

    async def flush(self) -> None:
        """Remove all services."""
        await self.call(Client.flush)

    async def set_policy(self, key: ServiceKey, policy: Policy) -> None:
        """Give a service a policy."""
        await self.call(Client.set_policy, key, policy)

    async def drain(self, key: DrainKey, seconds: float | None) -> list[DrainView]:
        """Let servers drain."""
        return await self.call(Client.drain, key, seconds)

    async def connections(self, wanted: str = "") -> list[ConnectionView]:
        """The connections that a filter means."""
        return await self.call(lambda client: list(client.connections(wanted)))
