"""The interface of schedulers: who will serve a new connection. Kernel: `struct ip_vs_scheduler`.

A scheduler belongs to one service. Its `pick` gets one argument, so that a scheduler which needs to know more
changes no other. One of your own is a subclass, given to `Engine(schedulers={"name": Class})` or by an entry
point of the group `pyvs.schedulers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


class Surroundings(Protocol):
    """What a scheduler may know beside its service."""

    @property
    def now(self) -> float:
        """Seconds, as handed in with the packet or the verb."""
        ...

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1."""
        ...

    def setting(self, name: str) -> int:
        """The value of a sysctl such as `lblc_expiration`, in seconds where it is a time."""
        ...


@dataclass(slots=True)
class Request:
    """The packet that asks for a server, as far as schedulers look at it."""

    protocol: int
    src: bytes
    """The client's address."""
    dst: bytes
    sport: int
    """0 where the protocol has no ports."""
    dport: int


class Scheduler:
    """One service's scheduler; the service's destinations are `self.service.destinations`, newest first.

    Skip destinations of weight 0 or less and overloaded ones, unless the algorithm is known to do otherwise.
    """

    name: ClassVar[str]
    """What `ipvsadm -s` takes."""
    settings: ClassVar[dict[str, int]] = {}
    """Sysctls that exist because of it, with their default (seconds): `lblc_expiration`."""

    service: Service
    surroundings: Surroundings

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        """Begin to serve. Raises ControlError when the service can't be served. Kernel: `init_service`."""
        self.service = service
        self.surroundings = surroundings

    def pick(self, request: Request) -> Destination | None:
        """The server of a new connection, or None when there is none. Kernel: `schedule`."""
        raise NotImplementedError

    def added(self, destination: Destination) -> None:
        """A destination was put at the head of the list. Kernel: `add_dest`. May raise ControlError."""

    def removed(self, destination: Destination) -> None:
        """A destination was taken out of the list. Kernel: `del_dest`."""

    def removing(self, destination: Destination) -> None:
        """A destination is about to be taken out of the list (its place in it is still known)."""

    def updated(self, destination: Destination) -> None:
        """A destination's weight, thresholds or flags were changed. Kernel: `upd_dest`."""

    def close(self) -> None:
        """Its service ends or takes another scheduler. Kernel: `done_service`."""
