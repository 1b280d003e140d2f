from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.packet.checksum import checksum
from pyvs.core.packet.header import parse
from pyvs.core.transmit.rewrite import ip_header, ttl_decremented
from pyvs.testing.wire import ip

V4, V6 = ("198.51.100.7", "192.0.2.100"), ("2001:db8::7", "2001:db8::100")
OTHER4, OTHER6 = ip_address("10.1.0.11").packed, ip_address("fd00::11").packed


@given(st.integers(2, 255), st.integers(0, 255), st.integers(0, 65535))
def test_one_less_to_live_is_what_summing_anew_gives(ttl: int, tos: int, ident: int) -> None:
    before = ip(*V4, 17, b"payload.", ttl=ttl, tos=tos, ident=ident)
    after = ttl_decremented(before)
    assert after == ip(*V4, 17, b"payload.", ttl=ttl - 1, tos=tos, ident=ident) or checksum(after[:20]) == 0
    assert (after[8], after[:8], after[12:]) == (ttl - 1, before[:8], before[12:])
    assert checksum(after[:20]) == 0


def test_every_checksum_survives_one_less_to_live() -> None:
    for ident in range(0x10000):
        after = ttl_decremented(ip(*V4, 17, b"", ident=ident))
        assert checksum(after) == 0


def test_ipv6_has_no_checksum() -> None:
    before = ip(*V6, 17, b"payload.", ttl=9)
    assert ttl_decremented(before) == ip(*V6, 17, b"payload.", ttl=8)


@pytest.mark.parametrize(("ends", "other"), [(V4, OTHER4), (V6, OTHER6)])
def test_addresses_and_life_are_changed_and_nothing_else(ends: tuple[str, str], other: bytes) -> None:
    src, dst = ends
    text = str(ip_address(other))
    before = ip(src, dst, 17, b"payload.")
    assert ip_header(before, src=other) == ip(text, dst, 17, b"payload.")
    assert ip_header(before, dst=other) == ip(src, text, 17, b"payload.")
    assert ip_header(before, ttl=3) == ip(src, dst, 17, b"payload.", ttl=3)
    assert ip_header(before) == before


@pytest.mark.parametrize(("ends", "other"), [(V4, OTHER4), (V6, OTHER6)])
def test_a_header_further_inside(ends: tuple[str, str], other: bytes) -> None:
    inner = ip(*ends, 17, b"payload.")
    changed = ip_header(b"outside!" + inner, dst=other, at=8)
    assert changed[:8] == b"outside!"
    assert changed[8:] == ip_header(inner, dst=other)
    assert parse(changed, 8).dst == other


def test_options_are_part_of_the_header() -> None:
    plain = ip(*V4, 17, b"")
    long = b"\x46" + plain[1:2] + b"\0\x18" + plain[4:20] + b"\x94\x04\0\0"
    changed = ip_header(long, src=OTHER4)
    assert checksum(changed[:24]) == 0
    assert changed[20:] == b"\x94\x04\0\0"
