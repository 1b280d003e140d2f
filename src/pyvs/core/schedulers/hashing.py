"""The hashes that schedulers look addresses up with. Kernel: `hash_32` (hash.h), `hsiphash` (siphash.c)."""

from typing import Final

from pyvs.core.services.destination import Destination

GOLDEN_RATIO_32: Final = 0x61C88647
MASK_32: Final = 0xFFFFFFFF
MASK_64: Final = 0xFFFFFFFFFFFFFFFF


def fold(addr: bytes) -> int:
    """An address as 32 bits: an IPv4 one as it is, the four words of an IPv6 one by exclusive or."""
    value = int.from_bytes(addr, "big")
    if len(addr) == 16:
        value ^= value >> 64
        value ^= value >> 32
        return value & MASK_32
    return value


def hash_32(value: int, bits: int) -> int:
    """Fibonacci hashing: the upper `bits` of a product. Kernel: `hash_32`."""
    return (value * GOLDEN_RATIO_32 & MASK_32) >> (32 - bits)


def available(destination: Destination) -> bool:
    """Whether a server that stands in a hash table can take a connection.

    Kernel: `is_unavailable` of sh and mh.
    """
    return destination.weight > 0 and not destination.overloaded


def hsiphash(value: int, key: tuple[int, int]) -> int:
    """The hash of 32 bits on 64-bit kernels: SipHash-1-3 of four bytes, its lower half.

    value: the four bytes read as a little-endian number. Kernel: `hsiphash_1u32`.
    """
    word = 4 << 56 | value
    v0 = 0x736F6D6570736575 ^ key[0]
    v1 = 0x646F72616E646F6D ^ key[1]
    v2 = 0x6C7967656E657261 ^ key[0]
    v3 = 0x7465646279746573 ^ key[1] ^ word
    for round_ in range(4):
        v0 = v0 + v1 & MASK_64
        v2 = v2 + v3 & MASK_64
        v1 = (v1 << 13 & MASK_64 | v1 >> 51) ^ v0
        v3 = (v3 << 16 & MASK_64 | v3 >> 48) ^ v2
        v0 = (v0 << 32 & MASK_64 | v0 >> 32) + v3 & MASK_64
        v2 = v2 + v1 & MASK_64
        v3 = (v3 << 21 & MASK_64 | v3 >> 43) ^ v0
        v1 = (v1 << 17 & MASK_64 | v1 >> 47) ^ v2
        v2 = v2 << 32 & MASK_64 | v2 >> 32
        if round_ == 0:
            v0 ^= word
            v2 ^= 0xFF
    return (v0 ^ v1 ^ v2 ^ v3) & MASK_32
