"""Which programs of this host listen at a port that is to be forwarded: they would get nothing any more."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, Literal

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Proto
from pyvs.core.masquerade.portfw import Rule

PROC: Final = Path("/proc/self/net")
LISTEN: Final = 0x0A
UNCONNECTED: Final = 0x07
"""State of a UDP socket that takes from anyone."""
_FILES: Final[dict[int, tuple[tuple[str, ...], int]]] = {
    Proto.TCP: (("tcp", "tcp6"), LISTEN),
    Proto.UDP: (("udp", "udp6"), UNCONNECTED),
}
_ANY: Final = (bytes(4), bytes(16))
_MAPPED: Final = bytes(10) + b"\xff\xff"


def refuse_if_used(rule: Rule, proc: Path = PROC) -> None:
    """Raises ControlError(EADDRINUSE) when a program listens at a rule's local port."""
    for address, port in listeners(rule.protocol, proc):
        if port == rule.lport and (address in _ANY or address == rule.laddr or rule.laddr == bytes(4)):
            name = "tcp" if rule.protocol == Proto.TCP else "udp"
            where = "every address" if address in _ANY else str(IPv4Address(address))
            raise ControlError(
                Errno.EADDRINUSE,
                f"{name} port {rule.lport} is in use: a program of this host listens at it on {where}; "
                "end that program, or forward another port",
            )


def listeners(protocol: int, proc: Path = PROC) -> Iterator[tuple[bytes, int]]:
    """The addresses (all zero: any) and ports at which programs of this network namespace listen."""
    names, state = _FILES.get(protocol, ((), 0))
    for name in names:
        try:
            lines = (proc / name).read_text().splitlines()[1:]
        except OSError:
            continue  # no IPv6
        for line in lines:
            words = line.split()
            if len(words) > 3 and int(words[3], 16) == state:
                host, _, port = words[1].partition(":")
                yield _address(host), int(port, 16)


def _address(text: str) -> bytes:
    """An address of /proc/net: 32-bit words in the machine's order. IPv4 within IPv6 as IPv4."""
    packed = b"".join(int(text[at : at + 8], 16).to_bytes(4, _order()) for at in range(0, len(text), 8))
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _order() -> Literal["little", "big"]:
    return sys.byteorder
