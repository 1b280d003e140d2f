"""The small language of filters: words that must all hold.

service=192.0.2.100:80   service=fwm:5   service=fwm6:5   server=10.1.0.11   client=198.51.100.0/24
state=ESTABLISHED        proto=tcp       older=10m (no packet for so long)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any, Final

from pyvs.core.control.connections import EVERYTHING, Filter
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.core.protocols import PROTOCOLS

WORDS: Final = (
    "service=ADDRESS[:PORT] or fwm:MARK or fwm6:MARK, server=, client=ADDRESS[/LENGTH], "
    "state=, proto=, older=10m"
)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)")
_PLACE: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?|([0-9.]+)(?::(\d{1,5}))?|([0-9A-Fa-f:]+)")
_PROTOCOLS: Final = {"tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP, "ip": Proto.IP}
_MARKS: Final = {"fwm": Family.INET, "fwm6": Family.INET6}
PORT_MAX: Final = 65535
MARK_MAX: Final = 0xFFFFFFFF
_STATES: Final = sorted(
    {"NONE", "ASSURED", "ERR!"}.union(*(protocol.state_names for protocol in PROTOCOLS.values()))
)
"""Of connections and templates, whatever their protocol."""


def read_time(text: str) -> float:
    """Seconds of 90, 90s, 10m, 2h, 1d. Raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time: write 90s, 10m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


def read_place(text: str) -> tuple[bytes, int | None]:
    """The address, and port if there is one, of 10.1.0.11, 10.1.0.11:80, 2001:db8::1, [2001:db8::1]:80.

    Raises ValueError.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no ADDRESS or ADDRESS:PORT")
    address = ip_address(found[1] or found[3] or found[5])
    port = found[2] or found[4]
    if port is not None and int(port) > PORT_MAX:
        raise ValueError(f"{text!r}: a port is at most {PORT_MAX}")
    return address.packed, None if port is None else int(port)


def _service(text: str) -> dict[str, Any]:
    name, _, mark = text.partition(":")
    if name in _MARKS:
        if not (mark.isascii() and mark.isdigit() and 1 <= int(mark) <= MARK_MAX):
            raise ValueError(f"{mark!r} is no firewall mark: write a number from 1 to {MARK_MAX}")
        return {"fwmark": int(mark), "family": _MARKS[name]}
    return {"service": read_place(text)}


def _client(text: str) -> dict[str, Any]:
    network = ip_network(text, strict=False)
    return {"client": (network.network_address.packed, network.prefixlen)}


def _protocol(text: str) -> dict[str, Any]:
    if text.lower() not in _PROTOCOLS:
        raise ValueError(f"{text!r} is none of {', '.join(_PROTOCOLS)}")
    return {"protocol": int(_PROTOCOLS[text.lower()])}


def _state(text: str) -> dict[str, Any]:
    if text.upper() not in _STATES:
        raise ValueError(f"there is no state {text!r}: take one of {', '.join(_STATES)}")
    return {"state": text.upper()}


_READ: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "service": _service,
    "server": lambda text: {"server": read_place(text)},
    "client": _client,
    "state": _state,
    "proto": _protocol,
    "older": lambda text: {"older": read_time(text)},
}


def read_filter(text: str) -> Filter:
    """The filter of words, parted by blanks or commas; none: all connections. Raises ControlError(EINVAL)."""
    found = EVERYTHING
    for one in text.replace(",", " ").split():
        name, _, value = one.partition("=")
        if name not in _READ or not value:
            raise ControlError(Errno.EINVAL, f"{one[:60]!r} is no part of a filter: write {WORDS}")
        try:
            found = replace(found, **_READ[name](value))
        except ValueError as error:
            raise ControlError(Errno.EINVAL, f"{one[:60]!r}: {error}") from None
    return found
