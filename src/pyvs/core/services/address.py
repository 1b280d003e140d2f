"""Which addresses a server may have. Kernel: the address check of `ip_vs_new_dest`."""

from __future__ import annotations

from typing import Final

from pyvs.core.environment import Environment
from pyvs.core.flags import Family

MAPPED: Final = bytes(10) + b"\xff\xff"
"""IPv4 addresses written as IPv6 ones."""


def is_unicast(environment: Environment, af: Family, address: bytes) -> bool:
    """Whether an address is one host's: local, or neither broadcast, multicast nor unspecified.

    No route is needed. Kernel: `inet_addr_type`, `ipv6_addr_type`.
    """
    if environment.is_local(address):
        return True
    if not any(address):
        return False
    if af == Family.INET6:
        multicast = address[0] == 0xFF
        link_local = address[0] == 0xFE and address[1] & 0xC0 == 0x80
        return not multicast and not link_local and address[:12] != MAPPED
    if address[0] & 0xF0 == 0xE0 or address == b"\xff\xff\xff\xff":
        return False
    route = environment.route(address)
    return route is None or route.unicast
