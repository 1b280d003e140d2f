"""Values of the verbs that the kernel never had. Addresses are packed bytes, times seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.masquerade.requests import Request
from pyvs.core.policy.policy import Policy


@dataclass(slots=True, frozen=True)
class DrainKey:
    """Which servers drain: those with this address, and port and service if they are given."""

    addr: bytes
    port: int | None = None
    service: ServiceKey | None = None


@dataclass(slots=True, frozen=True)
class DrainView:
    """One server of one service that drains."""

    service: ServiceKey
    dest: DestKey
    weight: int
    """What it gets back."""
    active: int
    inactive: int
    begun_with: int
    """Connections that it had when it began."""
    ended: int
    """Of them, how many were ended at the deadline."""
    left: float | None
    """Seconds to the deadline, at least 0; None: there is none."""
    swept: bool
    """The deadline has passed, and all that can be ended was: what is left of that answers what still comes."""
    kept: int = 0
    """How many can't be ended."""


@dataclass(slots=True, frozen=True)
class ConnectionView:
    """One connection or template."""

    protocol: int
    caddr: bytes
    cport: int
    vaddr: bytes
    vport: int
    daddr: bytes
    dport: int
    state: str
    method: int
    left: float
    """Seconds until it ends if nothing comes."""
    idle: float
    """Seconds since its last packet."""
    packets: int
    """From the client."""
    fwmark: int
    template: bool


# ---- what `apply` does -----------------------------------------------------


@dataclass(slots=True, frozen=True)
class AddService:
    """A service that was not there."""

    spec: ServiceSpec


@dataclass(slots=True, frozen=True)
class SetService:
    """A service that stays, and changes."""

    spec: ServiceSpec


@dataclass(slots=True, frozen=True)
class RemoveService:
    """A service that goes, with its servers."""

    key: ServiceKey


@dataclass(slots=True, frozen=True)
class AddDest:
    """A server that was not there."""

    key: ServiceKey
    spec: DestSpec


@dataclass(slots=True, frozen=True)
class SetDest:
    """A server that stays, and changes."""

    key: ServiceKey
    spec: DestSpec


@dataclass(slots=True, frozen=True)
class RemoveDest:
    """A server that goes."""

    key: ServiceKey
    dest: DestKey


@dataclass(slots=True, frozen=True)
class SetPolicy:
    """A service's policy."""

    key: ServiceKey
    policy: Policy


@dataclass(slots=True, frozen=True)
class SetTimeouts:
    """The timeouts of all services."""

    timeouts: Timeouts


@dataclass(slots=True, frozen=True)
class SetKnob:
    """A sysctl."""

    name: str
    text: str


@dataclass(slots=True, frozen=True)
class ChangeMasquerade:
    """A masqueraded network, a rule of port forwarding or an agent comes, changes or goes."""

    request: Request


Change: TypeAlias = (
    AddService
    | SetService
    | RemoveService
    | AddDest
    | SetDest
    | RemoveDest
    | SetPolicy
    | SetTimeouts
    | SetKnob
    | ChangeMasquerade
)
