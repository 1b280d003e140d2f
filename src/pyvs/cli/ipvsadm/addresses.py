"""Text to addresses and ports, as ipvsadm takes them, and back."""

import re
import socket
from typing import Final, NamedTuple

from pyvs.cli.ipvsadm.names import Names
from pyvs.core.flags import Family

_NUMBER: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", re.ASCII)
_DIGITS: Final = 20


def number(text: str, low: int, high: int) -> int | None:
    """A decimal number from low to high, as strtol reads it; None for anything else."""
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        value = int(text)
    else:
        match = _NUMBER.fullmatch(text)
        if match is None or len(match[1]) > _DIGITS:
            return None
        value = int(match[1])
    return value if low <= value <= high else None


def leading_number(text: str) -> int:
    """The number that the text begins with, 0 if it doesn't, as atoi reads it."""
    match = _NUMBER.match(text)
    return int(match[1][:_DIGITS]) if match else 0


def ipv4(text: str) -> bytes | None:
    """An IPv4 address in any form that inet_aton takes (`10`, `192.0.2`, `0x0a000001`)."""
    if not text.isascii() or text.split() != [text]:
        return None
    try:
        return socket.inet_aton(text)
    except (OSError, ValueError):
        return None


def ipv6(text: str) -> bytes | None:
    """An IPv6 address."""
    if text.count(":") < 2:
        return None
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except (OSError, UnicodeError, ValueError):
        return None


class Endpoint(NamedTuple):
    """An address, with a port if there was one."""

    af: Family
    addr: bytes
    port: int | None


def endpoint(text: str, protocol: int, names: Names) -> Endpoint | None:
    """`host[:port]`, `[ipv6]:port` or a bare IPv6 address; None when it is none of these.

    A bracket needs a port after it. Names of hosts are of IPv4.
    """
    port_text: str | None = None
    if text.startswith("["):
        host, bracket, tail = text[1:].partition("]")
        if not bracket or not tail.startswith(":"):
            return None
        text, port_text = host, tail[1:]
    addr6 = ipv6(text)
    if addr6 is not None:
        af, addr = Family.INET6, addr6
    else:
        # In brackets the port is lost: only IPv6 belongs there.
        host, colon, tail = text.rpartition(":")
        text, port_text = (host, tail) if colon else (text, None)
        found = ipv4(text) or names.find_host(text)
        if found is None:
            return None
        af, addr = Family.INET, found
    if port_text is None:
        return Endpoint(af, addr, None)
    port = number(port_text, 0, 65535)
    if port is None:
        port = names.find_port(port_text, protocol)
    return None if port is None else Endpoint(af, addr, port)


def address_text(af: Family, addr: bytes) -> str:
    """The address in numbers, without brackets."""
    return socket.inet_ntop(socket.AF_INET6 if af == Family.INET6 else socket.AF_INET, addr)


def endpoint_text(af: Family, addr: bytes, port: int, protocol: int, names: Names | None) -> str:
    """`host:port`, by name if there are names (IPv6 addresses have none)."""
    host = port_name = None
    if names is not None:
        host = names.host(addr) if af == Family.INET else None
        port_name = names.port(port, protocol)
    if host is None:
        text = address_text(af, addr)
        host = f"[{text}]" if af == Family.INET6 else text
    return f"{host}:{port if port_name is None else port_name}"
