"""The loopback device of BSD and macOS: four bytes that name the address family.

NULL has them in the byte order of the machine that captured, LOOP in network order; the numbers of IPv6
differ between systems. A family fits in two bytes, so either order can be told from the other.
"""

from typing import Final

from pyvs.datapath.link.link_type import IPV4, IPV6, LinkHeader, LinkType

_FAMILIES: Final = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
"""AF_INET everywhere; AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS."""


def _parse(data: bytes) -> LinkHeader | None:
    if len(data) < 4:
        return None
    family = int.from_bytes(data[:4], "big")
    if family > 0xFFFF:
        family = int.from_bytes(data[:4], "little")
    return LinkHeader(_FAMILIES.get(family, 0), 4)


def _build_null(header: LinkHeader) -> bytes:
    return (2 if header.protocol == IPV4 else 30).to_bytes(4, "little")


def _build_loop(header: LinkHeader) -> bytes:
    return (2 if header.protocol == IPV4 else 30).to_bytes(4, "big")


NULL: Final = LinkType(0, "null/loopback", _parse, _build_null)
LOOP: Final = LinkType(108, "loopback", _parse, _build_loop)
