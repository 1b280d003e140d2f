"""Requests to masquerading as words, for they are not of the family "IPVS": what passes in a frame MASQUERADE.

    network add|delete NETWORK/LENGTH [ADDRESS]
    portfw add|edit|delete tcp|udp LADDR LPORT RADDR RPORT PREF
    portfw flush
    agent add|delete ADDRESS [PORT]

Words are parted by a zero byte.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Proto
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest, Request

_PROTOCOLS: Final = {"tcp": Proto.TCP, "udp": Proto.UDP}
_NUMBER_MAX: Final = 10


def write(request: Request) -> str:
    """A request as text."""
    return "\0".join(_words(request))


def _words(request: Request) -> list[str]:
    if isinstance(request, NetworkRequest):
        words = ["network", _verb(request.add), f"{IPv4Address(request.network)}/{request.length}"]
        return words if request.address is None else [*words, str(IPv4Address(request.address))]
    if isinstance(request, AgentRequest):
        return ["agent", _verb(request.add), str(IPv4Address(request.address)), str(request.port)]
    rule = request.rule
    if rule is None:
        return ["portfw", request.command.value]
    return [
        "portfw",
        request.command.value,
        "tcp" if rule.protocol == Proto.TCP else "udp",
        str(IPv4Address(rule.laddr)),
        str(rule.lport),
        str(IPv4Address(rule.raddr)),
        str(rule.rport),
        str(rule.pref),
    ]


def read(text: str) -> Request:
    """The request of a text. Raises ControlError(EINVAL)."""
    words = text.split("\0")
    match words:
        case ["network", verb, network, *address] if len(address) <= 1:
            place, _, length = network.partition("/")
            under = _address(address[0]) if address else None
            return NetworkRequest(_is_add(verb), _address(place), _number(length or "32"), under)
        case ["agent", verb, address, *port] if len(port) <= 1:
            return AgentRequest(_is_add(verb), _address(address), _number(port[0]) if port else 0)
        case ["portfw", "flush"]:
            return ForwardingRequest(Command.FLUSH)
        case ["portfw", verb, protocol, laddr, lport, raddr, rport, pref]:
            rule = Rule(
                _PROTOCOLS.get(protocol, 0),
                _address(laddr),
                _number(lport),
                _address(raddr),
                _number(rport),
                _number(pref),
            )
            try:
                command = Command(verb)
            except ValueError:
                raise _refused(f"portfw {verb!r} is none of add, edit, delete, flush") from None
            return ForwardingRequest(command, rule)
    raise _refused(f"{' '.join(words)[:80]!r} is no request to masquerading")


def _verb(add: bool) -> str:
    return "add" if add else "delete"


def _is_add(verb: str) -> bool:
    if verb not in ("add", "delete"):
        raise _refused(f"{verb!r} is none of add, delete")
    return verb == "add"


def _address(text: str) -> bytes:
    try:
        return IPv4Address(text).packed
    except ValueError:
        raise _refused(f"{text!r} is no IPv4 address") from None


def _number(text: str) -> int:
    if not (text.lstrip("-").isdigit() and text.isascii() and len(text) <= _NUMBER_MAX):
        raise _refused(f"{text!r} is no number")
    return int(text)


def _refused(sentence: str) -> ControlError:
    return ControlError(Errno.EINVAL, sentence)
