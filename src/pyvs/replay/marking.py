"""Firewall marks: captures do not hold them, so a few rules set them again."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import Proto

EXPECTED: Final = "expected MARK=[tcp|udp|sctp:]ADDRESS[:PORT], such as 1=tcp:192.0.2.100:80"
_PROTOCOLS: Final = {"tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP}


class MarkError(PyvsError):
    """A text that is no rule for marks."""


@dataclass(slots=True, frozen=True)
class MarkRule:
    """Packets to this address (protocol and port: 0 for all) get this mark."""

    mark: int
    address: bytes
    protocol: int = 0
    port: int = 0

    def matches(self, destination: bytes, protocol: int, port: int) -> bool:
        """Whether a packet gets the mark."""
        return (
            destination == self.address
            and self.protocol in (0, protocol)
            and (not self.port or (self.port == port and protocol in _PROTOCOLS.values()))
        )


def parse_mark(text: str) -> MarkRule:
    """The rule that a text such as `1=tcp:192.0.2.100:80` or `2=[2001:db8::1]:80` says. Raises MarkError."""
    number, found, rest = text.partition("=")
    try:
        mark = int(number, 0)
    except ValueError:
        mark = -1
    if not found or not 0 < mark <= 0xFFFFFFFF:
        raise MarkError(f"--mark {text}: {EXPECTED}")
    protocol = 0
    head, found, tail = rest.partition(":")
    if found and head.lower() in _PROTOCOLS:
        protocol, rest = _PROTOCOLS[head.lower()], tail
    if rest.startswith("["):
        host, closed, port = rest[1:].partition("]")
        host = host if closed and port[:1] in ("", ":") else ""
        port = port[1:]
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    try:
        address = ip_address(host).packed
        where = int(port) if port else 0
    except ValueError:
        raise MarkError(f"--mark {text}: {EXPECTED}") from None
    if not 0 <= where <= 0xFFFF:
        raise MarkError(f"--mark {text}: port {where} can't be, expected 1 to 65535")
    return MarkRule(mark, address, protocol, where)


def mark_of(rules: tuple[MarkRule, ...], destination: bytes, protocol: int, port: int) -> int:
    """The mark of a packet: the first rule that matches, else 0."""
    for rule in rules:
        if rule.matches(destination, protocol, port):
            return rule.mark
    return 0
