"""Addresses and ports in FTP's commands and answers. Kernel: `ip_vs_ftp_get_addrport`, `in4_pton`, `in6_pton`.

    plain      PORT 198,51,100,7,156,65        227 Entering Passive Mode (10,1,0,11,195,80).
    extended   EPRT |1|198.51.100.7|40002|     229 Entering Extended Passive Mode (|||50001|)

Only what stands whole in one packet is seen. Parsers never raise; what they do not take is left alone.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple

from pyvs.core.flags import Family

_DIGITS: Final = frozenset(b"0123456789")
_SIX_NUMBERS: Final = re.compile(
    rb"([0-9]*),([0-9]*),([0-9]*),([0-9]*),([0-9]*),([0-9]*)(?=[^0-9])", re.DOTALL
)
_FAMILY_CODE: Final = {Family.INET: b"1", Family.INET6: b"2"}
_IPV6: Final = re.compile(rb"[0-9A-Fa-f:.]{2,49}")
_LEADING_ZEROS: Final = re.compile(rb"(?<![0-9A-Fa-f.])0+(?=[0-9A-Fa-f]{4}(?![0-9A-Fa-f.]))")
"""Beyond the four digits of a word; the kernel does not mind them."""
_PORT: Final = re.compile(rb"[0-9]*")
_LAST_DIGITS: Final = 16
"""Digits of a number that count, for it wraps around at 2**8 or 2**16 as in the kernel."""


class Endpoint(NamedTuple):
    """An address and port, and which bytes of the data say it."""

    addr: bytes
    port: int
    start: int
    end: int


def plain(data: bytes, command: bytes, skip: bytes) -> Endpoint | None:
    """The six numbers after a command: behind the first `skip`, or the first digit. Numbers wrap at 256."""
    start = _argument(data, command, skip, digit=True)
    if start is None:
        return None
    found = _SIX_NUMBERS.match(data, start)
    if found is None:
        return None
    numbers = bytes(_number(word) & 0xFF for word in found.groups())
    return Endpoint(numbers[:4], numbers[4] << 8 | numbers[5], start, found.end())


def extended(
    data: bytes, command: bytes, skip: bytes, af: Family, *, given: bytes | None = None
) -> Endpoint | None:
    """Family, address and port between delimiters, any printable character.

    given: the address if the data say none; without it they must.
    """
    start = _argument(data, command, skip, digit=False)
    if start is None or start >= len(data) or not 33 <= data[start] <= 126:
        return None
    delimiter = data[start : start + 1]
    at = start + 1
    if data[at : at + 1] == delimiter:
        if given is None or data[at + 1 : at + 2] != delimiter:
            return None
        addr: bytes | None = given
        at += 2
    else:
        if data[at : at + 2] != _FAMILY_CODE[af] + delimiter:
            return None
        at += 2
        end = data.find(delimiter, at, at + 50)
        if end < 0:
            return None
        addr = _ipv4(data[at:end]) if af == Family.INET else _ipv6(data[at:end])
        at = end + 1
    digits = _PORT.match(data, at)
    if addr is None or digits is None:
        return None
    end = digits.end()
    port = _number(digits.group()) & 0xFFFF
    if not port or data[end : end + 1] != delimiter:
        return None
    return Endpoint(addr, port, start, end + 1)


def _argument(data: bytes, command: bytes, skip: bytes, *, digit: bool) -> int | None:
    """Where the argument of a command, in any case, begins; None if it is another command or ends before.

    It is the first byte behind `skip`, repeated or not; `digit`: or the first digit, if that comes before.
    """
    if data[: len(command)].upper() != command:
        return None
    found = False
    for at in range(len(command), len(data)):
        byte = data[at]
        if found:
            if byte != skip[0]:
                return at
        elif digit and byte in _DIGITS:
            return at
        elif byte == skip[0]:
            found = True
    return None


def _number(word: bytes) -> int:
    return int(word[-_LAST_DIGITS:] or b"0")


def _ipv4(text: bytes) -> bytes | None:
    words = text.split(b".")
    if len(words) != 4 or not all(word.isdigit() and int(word) <= 0xFF for word in words):
        return None
    return bytes(int(word) for word in words)


def _ipv6(text: bytes) -> bytes | None:
    if not _IPV6.fullmatch(text):
        return None
    try:
        return IPv6Address(_LEADING_ZEROS.sub(b"", text).decode("ascii")).packed
    except AddressValueError:
        return None
