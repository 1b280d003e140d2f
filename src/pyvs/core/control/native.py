"""The verbs that the kernel never had; `Control` has them beside the kernel's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyvs.core.control import connections, destinations, drain, services
from pyvs.core.control.connections import Filter
from pyvs.core.control.native_specs import ConnectionView, DrainKey, DrainView
from pyvs.core.control.specs import DestSpec, ServiceKey, ServiceSpec
from pyvs.core.masquerade.requests import Request, standing
from pyvs.core.namespace import Namespace
from pyvs.core.policy import policy as policies
from pyvs.core.policy.policy import DEFAULT, Policy

Rule = tuple[ServiceSpec, list[DestSpec], Policy]
"""A service, its servers as they were added (the latest last), its policy."""


class NativeControl:
    """Policies, draining, connections, and many changes in one step."""

    ns: Namespace
    busy = False
    """Many changes are being made in one step."""
    rested: Callable[[], None] = staticmethod(lambda: None)
    """Called when that has ended."""

    def set_policy(self, key: ServiceKey, policy: Policy, now: float) -> None:
        """Give a service a policy. Raises ControlError: ESRCH, EINVAL."""
        self.ns.now = now
        policies.set_policy(self.ns, services.find(self.ns, key), policy)
        self.ns.services.generation += 1

    def get_policy(self, key: ServiceKey) -> Policy:
        """The policy of a service. Raises ControlError(ESRCH)."""
        return services.find(self.ns, key).policy or DEFAULT

    def drain(self, key: DrainKey, seconds: float | None, now: float) -> list[DrainView]:
        """Let servers drain; their connections are reset in so many seconds (None: never). Raises ControlError."""
        self.ns.now = now
        return drain.start(self.ns, key, seconds)

    def cancel_drain(self, key: DrainKey, now: float) -> list[DrainView]:
        """Let servers that drain take connections again, with the weight they had. Raises ControlError(ESRCH)."""
        self.ns.now = now
        return drain.cancel(self.ns, key)

    def get_drains(self, now: float) -> list[DrainView]:
        """All servers that drain."""
        self.ns.now = now
        return [drain.view(self.ns, each) for each in self.ns.drains]

    def each_connection(self, wanted: Filter, now: float) -> Iterator[ConnectionView | None]:
        """The connections that are meant, one by one; None where others may have their turn."""
        self.ns.now = now
        return connections.each(self.ns, wanted)

    def drop_connections(self, wanted: Filter, now: float, *, reset: bool = False) -> Iterator[int | None]:
        """End them one by one; None where others may have their turn. reset: tell both ends by RST."""
        self.ns.now = now
        return connections.drop(self.ns, wanted, reset=reset)

    def generation(self) -> int:
        """Another number after each change of services, servers, policies and masquerading."""
        return self.ns.services.generation

    def each_rule(self) -> Iterator[Rule]:
        """All services with their servers and policies; those that were removed meanwhile are left out."""
        for service in list(self.ns.services):
            if service in self.ns.services:
                servers = [destinations.rule(each) for each in reversed(service.destinations)]
                yield services.rule(service), servers, service.policy or DEFAULT

    def get_masquerade(self) -> list[Request]:
        """What makes masquerading, port forwarding and agents as they are."""
        return standing(self.ns)

    def begin_step(self, count: int) -> None:
        """From now on verbs are changes of one step of so many. May raise ControlError: they are not to be made."""

    def end_step(self) -> Iterator[None]:
        """All of them were made; a stretch a step."""
        return iter(())

    def leave_step(self) -> None:
        """None of them was made."""

    def rest(self) -> None:
        """Many changes in one step are done."""
        if self.busy:
            self.busy = False
            self.rested()
