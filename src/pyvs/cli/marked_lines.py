"""Lines of a rule file for what ipvsadm can't say. To ipvsadm they are comments.

    # pyvs: policy -t 192.0.2.100:80 --idle 600
    # pyvs: masquerade add 10.1.0.0/24 --address 192.0.2.1
    # pyvs: masquerade agent 10.1.0.11 9999
    # pyvs: portfw -a -P tcp -L 192.0.2.1 80 -R 10.1.0.11 8080 -p 3

After the mark each is the command line that makes it so.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

import click

from pyvs.cli.ipvsadm.main import SYSTEM_NAMES
from pyvs.cli.ipvsadm.names import Names
from pyvs.cli.masquerade import agent_request, masquerade, network_request
from pyvs.cli.policy import policy_words, read_policy_words
from pyvs.cli.portfw import portfw, request_of
from pyvs.cli.rules import RulesError, mistake
from pyvs.core.control.native_specs import ChangeMasquerade, SetPolicy
from pyvs.core.errors import ControlError
from pyvs.core.flags import Proto
from pyvs.core.masquerade.portfw import Command
from pyvs.core.masquerade.requests import (
    AgentRequest,
    ForwardingRequest,
    NetworkRequest,
    Request,
    is_one_rule,
)
from pyvs.core.policy.policy import check
from pyvs.netlink.native_rows import key_text, masquerade_row

MARK: Final = "# pyvs: "
NETWORK: Final = "masquerade add SOURCE/LENGTH [--address ADDRESS]"
AGENT: Final = "masquerade agent MACHINE PORT"
PORTFW: Final = "portfw -a -P tcp|udp -L LADDR LPORT -R RADDR RPORT [-p PREF]"

Said = SetPolicy | ChangeMasquerade


@dataclass(slots=True, frozen=True)
class MarkedLine:
    """One of them."""

    number: int
    text: str
    said: Said


def read_marked(text: str, file: str, names: Names = SYSTEM_NAMES) -> list[MarkedLine]:
    """Those of a rule file. Raises RulesError."""
    found: list[MarkedLine] = []
    if MARK not in text:
        return found
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if not line.startswith(MARK):
            continue
        try:
            said = _read(line.removeprefix(MARK), names)
            if isinstance(said, ChangeMasquerade):
                before = seen.setdefault(masquerade_place(masquerade_row(said.request)), number)
                if before != number:
                    raise ValueError(f"line {before} is about the same: leave one of them")
        except (ValueError, ControlError) as problem:
            raise RulesError(mistake(file, number, line, str(problem))) from None
        found.append(MarkedLine(number, line, said))
    return found


def refuse_without_service(lines: Sequence[MarkedLine], services: Collection[str], file: str) -> None:
    """Each policy must be of one of these services, as `key_text` has them. Raises RulesError."""
    for line in lines:
        if isinstance(line.said, SetPolicy) and key_text(line.said.key) not in services:
            wrong = f"it has a policy of service {line.said.key}, but no such service: add one"
            raise RulesError(mistake(file, line.number, line.text, wrong))


def masquerade_place(row: Sequence[str]) -> tuple[str, ...]:
    """What the row of a request to masquerading is about: a network, a machine's agent, a rule by all its ends."""
    return tuple(row[1:2]) + tuple(row[3:8] if row[1] == "portfw" else row[3:4])


def marked_line(said: Said) -> str:
    """The line that says so."""
    if isinstance(said, SetPolicy):
        return f"{MARK}policy {policy_words(said.key, said.policy)}"
    return MARK + _masquerade_words(said.request)


# ---- kinds -----------------------------------------------------------------


def _read(line: str, names: Names) -> Said:
    word, _, rest = line.partition(" ")
    if word == "policy":
        key, policy = read_policy_words(rest, names)
        check(policy, key.protocol, key.fwmark)
        return SetPolicy(key, policy)
    if word not in _REQUESTS:
        raise ValueError(
            f"{word} is none of policy, {', '.join(_REQUESTS)}; a comment of yours begins otherwise"
        )
    return ChangeMasquerade(_REQUESTS[word](shlex.split(rest)))


def _parameters(command: click.Command, words: list[str], expected: str) -> click.Context:
    """The words as the command itself would take them. Raises ValueError."""
    try:
        if "--help" in words:
            raise click.NoSuchOption("--help")
        return command.make_context(command.name or "", words)
    except click.ClickException as problem:
        raise ValueError(f"{problem.format_message()} Expected {expected}") from None


def _read_masquerade(words: list[str]) -> Request:
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb == "add":
        return network_request(**_parameters(masquerade.commands["add"], rest, NETWORK).params)
    if verb == "agent":
        return agent_request(**_parameters(masquerade.commands["agent"], rest, AGENT).params)
    raise ValueError(f"masquerade {verb} is nothing that stands; expected {NETWORK}, or {AGENT}")


def _read_portfw(words: list[str]) -> Request:
    context = _parameters(portfw, words, PORTFW)
    try:
        request = request_of(context)
    except click.UsageError as problem:
        raise ValueError(f"{problem.format_message()}. Expected {PORTFW}") from None
    if request is None or request.command is not Command.ADD:
        raise ValueError(f"a rule file only adds rules; expected {PORTFW}")
    if request.rule is None or not is_one_rule(request.rule):
        raise ValueError("in a rule file a rule of port forwarding must name both addresses")
    return request


_REQUESTS: Final[dict[str, Callable[[list[str]], Request]]] = {
    "masquerade": _read_masquerade,
    "portfw": _read_portfw,
}


def _masquerade_words(request: Request) -> str:
    if isinstance(request, NetworkRequest):
        words = f"masquerade add {IPv4Address(request.network)}/{request.length}"
        return words if request.address is None else f"{words} --address {IPv4Address(request.address)}"
    if isinstance(request, AgentRequest):
        return f"masquerade agent {IPv4Address(request.address)} {request.port}"
    rule = request.rule
    assert isinstance(request, ForwardingRequest)
    assert rule is not None
    protocol = "tcp" if rule.protocol == Proto.TCP else "udp"
    return (
        f"portfw -a -P {protocol} -L {IPv4Address(rule.laddr)} {rule.lport} "
        f"-R {IPv4Address(rule.raddr)} {rule.rport} -p {rule.pref}"
    )
