"""What a service asks for its connections beyond the kernel's, and what of it holds for each of its servers.

A `Policy` is the administrator's, of a service. `Terms` are what packets look at, of a server: None as long as there is
nothing unusual about it, so that usual packets pay one look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Final

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Proto
from pyvs.core.protocols.sctp_states import SctpState
from pyvs.core.protocols.tcp_states import TcpState

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service

IDLE_STATES: Final[dict[int, int]] = {
    Proto.TCP: TcpState.ESTABLISHED,
    Proto.UDP: 0,
    Proto.SCTP: SctpState.ESTABLISHED,
}
"""The state, by protocol, whose timeout a service may choose."""
STRETCH: Final = 1000
LONGEST: Final = 31 * 24 * 3600
"""Seconds: what ipvsadm takes as the longest timeout."""


class AtExpiry(Enum):
    """What the ends of a TCP connection learn when its time is over."""

    SILENT = "silent"
    """Nothing, as in the kernel."""
    RST = "rst"
    """Both get a RST."""


@dataclass(slots=True, frozen=True)
class Policy:
    """A service's wishes."""

    idle: float = 0.0
    """Seconds of silence that an established connection, or one of UDP, survives; 0: as set for all services."""
    at_expiry: AtExpiry = AtExpiry.SILENT
    udp_leaves: bool = False
    """UDP connections leave a removed server with their next packet."""


DEFAULT: Final = Policy()


class Terms:
    """What holds for the connections of one server."""

    __slots__ = ("resets", "timeouts", "udp_leaves", "watched")

    def __init__(
        self, timeouts: dict[int, list[float]], resets: bool, watched: bool, udp_leaves: bool
    ) -> None:
        self.timeouts = timeouts
        """Seconds, by protocol and state."""
        self.resets = resets
        """At expiry both ends get a RST."""
        self.watched = watched
        """Sequence numbers are noted: all packets go the long way."""
        self.udp_leaves = udp_leaves


def check(policy: Policy, protocol: int, fwmark: int) -> None:
    """Refuse what can't be, and what would do nothing at such a service. Raises ControlError(EINVAL)."""
    if not (policy.idle == 0 or 1 <= policy.idle <= LONGEST):
        raise ControlError(
            Errno.EINVAL,
            f"idle timeout of {policy.idle:g} s: give 1 to {LONGEST}, or 0 for that of all services",
        )
    if fwmark:  # it may have packets of all protocols
        return
    for wanted, what, needed in (
        (policy.udp_leaves, "connections that leave a removed server (udp-leaves)", Proto.UDP),
        (policy.at_expiry is AtExpiry.RST, "an end by RST (at-expiry rst)", Proto.TCP),
    ):
        if wanted and protocol != needed:
            raise ControlError(
                Errno.EINVAL,
                f"{what}: for services of {needed.name} or by firewall mark, but this one is of "
                f"{Proto(protocol).name}",
            )


def set_policy(ns: Namespace, service: Service, policy: Policy) -> None:
    """Give a service another policy; connections take it with their next packet. Raises ControlError(EINVAL)."""
    check(policy, service.protocol, service.fwmark)
    service.policy = None if policy == DEFAULT else policy
    for destination in service.destinations:
        settle(ns, destination, service)


def settle(ns: Namespace, destination: Destination, service: Service) -> None:
    """Work out a server's terms anew, after its service's policy, the timeouts or its draining have changed."""
    policy = service.policy
    draining = destination.drain is not None
    if policy is None and not draining:
        destination.terms = None
        return
    policy = policy or DEFAULT
    timeouts = {number: protocol.timeouts for number, protocol in ns.protocols.items()}
    if policy.idle:
        for number, state in IDLE_STATES.items():
            if number in timeouts:
                timeouts[number] = [*timeouts[number]]
                timeouts[number][state] = policy.idle
    resets = policy.at_expiry is AtExpiry.RST
    destination.terms = Terms(timeouts, resets, resets or draining, policy.udp_leaves)


def settle_all(ns: Namespace) -> Iterator[None]:
    """The same for all servers with terms, a stretch a step: a timeout of all services has changed."""
    servers = ((each, service) for service in ns.services for each in service.destinations)
    for count, (destination, service) in enumerate(chain(servers, ns.trash), 1):
        if destination.terms is not None:
            settle(ns, destination, service)
        if count % STRETCH == 0:
            yield
