"""What an administrator asks of masquerading, as values; and the verb that does it.

`ns.masquerade` comes with the first request and goes when there is nothing left of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, TypeAlias

from pyvs.core.errors import ControlError, Errno
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.state import Masquerade, MasqueradedNetwork

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace


@dataclass(slots=True, frozen=True)
class NetworkRequest:
    """Masquerade a network, or no more."""

    add: bool
    network: bytes
    length: int
    address: bytes | None = None


@dataclass(slots=True, frozen=True)
class ForwardingRequest:
    """Change the rules of port forwarding."""

    command: Command
    rule: Rule | None = None


@dataclass(slots=True, frozen=True)
class AgentRequest:
    """Listen to a machine's agent, or no more: while there are any, the least loaded machine serves all ports."""

    add: bool
    address: bytes
    port: int = 0


Request: TypeAlias = NetworkRequest | ForwardingRequest | AgentRequest


def perform(ns: Namespace, request: Request) -> str:
    """Do it: what was done, in a line. Raises ControlError, and nothing was changed then."""
    masquerade = ns.masquerade or Masquerade(ns)
    if isinstance(request, NetworkRequest):
        done = _network(masquerade, request)
    elif isinstance(request, ForwardingRequest):
        done = _forwarding(masquerade, request)
    else:
        done = _agent(masquerade, request)
    ns.masquerade = masquerade if masquerade.in_use else None
    return done


def _network(masquerade: Masquerade, request: NetworkRequest) -> str:
    named = MasqueradedNetwork(request.network, request.length)
    if request.add:
        masquerade.add_network(request.network, request.length, request.address)
        under = "each device's address" if request.address is None else str(IPv4Address(request.address))
        return f"{named} is masqueraded under {under}"
    masquerade.remove_network(request.network, request.length)
    return f"{named} is masqueraded no more"


def _forwarding(masquerade: Masquerade, request: ForwardingRequest) -> str:
    least = masquerade.least_load
    (least if least.agents else masquerade.portfw).control(request.command, request.rule)
    what = {
        Command.ADD: "added",
        Command.EDIT: "changed",
        Command.DELETE: "removed",
        Command.FLUSH: "all removed",
    }[request.command]
    return f"port forwarding: {what}" + ("" if request.rule is None else f": {request.rule}")


def _agent(masquerade: Masquerade, request: AgentRequest) -> str:
    name = str(IPv4Address(request.address))
    least = masquerade.least_load
    if request.add:
        if not 1 <= request.port <= 65535:
            raise ControlError(Errno.EINVAL, f"agent port {request.port} is none; take 1 to 65535")
        least.listen(request.address, request.port)
        return f"the agent at {name}:{request.port} is listened to"
    if request.address not in least.agents:
        raise ControlError(Errno.ESRCH, f"no agent at {name} is listened to")
    least.forget(request.address)
    return f"the agent at {name} is listened to no more"
