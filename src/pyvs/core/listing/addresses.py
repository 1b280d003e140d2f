"""Addresses and protocols as the kernel's files print them. Kernel: `%08X`, `%pI6`, `ip_vs_proto_name`."""

from typing import Final

PROTOCOLS: Final = {0: "IP", 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}


def protocol(number: int) -> str:
    """The name of a protocol."""
    return PROTOCOLS.get(number) or f"IP_{number}"


def plain(address: bytes) -> str:
    """192.0.2.1 as C0000201, 2001:db8::1 in full."""
    if len(address) == 4:
        return address.hex().upper()
    return address.hex(":", 2)


def bracketed(address: bytes) -> str:
    """The same, IPv6 in brackets."""
    return plain(address) if len(address) == 4 else f"[{plain(address)}]"
