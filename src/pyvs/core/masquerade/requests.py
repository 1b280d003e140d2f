"""What an administrator asks of masquerading, as values; and the verb that does it.

`ns.masquerade` comes with the first request and goes when there is nothing left of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, TypeAlias

from pyvs.core.errors import ControlError, Errno
from pyvs.core.masquerade.portfw import ANY, Command, PortForwarding, Rule
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


# ---- as rules --------------------------------------------------------------


def standing(ns: Namespace) -> list[Request]:
    """What makes all of it anew: networks, rules of port forwarding (the first last, it comes to the head), agents.

    Rules for no address or to none are left out: they serve nothing.
    """
    masquerade = ns.masquerade
    if masquerade is None:
        return []
    return [
        *(NetworkRequest(True, each.network, each.length, each.address) for each in masquerade.networks),
        *(
            ForwardingRequest(Command.ADD, replace(rule, pref_cnt=0))
            for rule in reversed(list(_rules(masquerade)))
            if is_one_rule(rule)
        ),
        *(
            AgentRequest(True, address, port)
            for address, port in sorted(masquerade.least_load.agents.items())
        ),
    ]


def inverse(ns: Namespace, request: Request) -> Request:
    """What takes a request back; to be asked before it is performed. Raises ControlError(EINVAL): nothing does."""
    masquerade = ns.masquerade
    if isinstance(request, NetworkRequest):
        for network in masquerade.networks if masquerade is not None else ():
            if (network.network, network.length) == (request.network, request.length):
                return NetworkRequest(True, network.network, network.length, network.address)
        return replace(request, add=False)
    if isinstance(request, AgentRequest):
        port = None if masquerade is None else masquerade.least_load.agents.get(request.address)
        return replace(request, add=False) if port is None else AgentRequest(True, request.address, port)
    rule = request.rule
    if rule is None or not is_one_rule(rule):
        raise ControlError(
            Errno.EINVAL,
            "in one step with others a rule of port forwarding must name both addresses and ports",
        )
    for known in _rules(masquerade) if masquerade is not None else ():
        if _ends(known) == _ends(rule):
            return ForwardingRequest(Command.ADD, replace(known, pref_cnt=0))
    return ForwardingRequest(Command.DELETE, rule)


def is_one_rule(rule: Rule) -> bool:
    """It names both ends, so that it means itself alone."""
    return rule.laddr != ANY and rule.raddr != ANY and rule.rport != 0


def _rules(masquerade: Masquerade) -> PortForwarding:
    """The administrator's: while agents are listened to, the offers."""
    least = masquerade.least_load
    return least.offers if least.agents else masquerade.portfw


def _ends(rule: Rule) -> tuple[int, bytes, int, bytes, int]:
    return rule.protocol, rule.laddr, rule.lport, rule.raddr, rule.rport


# ---- the verb --------------------------------------------------------------


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
