"""Addresses in commands and answers; the recordings *-ftp-*words have these and more, judged by the kernel."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.apps.ftp.endpoint import Endpoint, extended, plain
from pyvs.core.flags import Family

GIVEN = bytes([10, 1, 0, 11])


def says(found: Endpoint | None) -> tuple[str, int] | None:
    return None if found is None else (str(ip_address(found.addr)), found.port)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"PORT 198,51,100,7,156,65\r\n", ("198.51.100.7", 40001)),
        (b"port  1,2,3,4,5,6\r\n", ("1.2.3.4", 0x506)),
        (b"PORT1,2,3,4,5,6\r\n", ("1.2.3.4", 0x506)),
        (b"PORTS x 1,2,3,4,5,6\r\n", None),
        (b"PORTS1,2,3,4,5,6\r\n", ("1.2.3.4", 0x506)),
        (b"PORT 300,2,3,4,5,6\r\n", ("44.2.3.4", 0x506)),
        (b"PORT 1,2,3,4,5," + b"9" * 30 + b"\r\n", ("1.2.3.4", 0x500 | int("9" * 30) % 256)),
        (b"PORT 1,2,3,4,5,6,7\r\n", ("1.2.3.4", 0x506)),
        (b"PORT ,,,,,\r\n", ("0.0.0.0", 0)),
        (b"PORT 1,2,3,4,5\r\n", None),
        (b"PORT 1,2,3,4,5,6", None),
        (b"PORT", None),
        (b"POR", None),
        (b"", None),
        (b" PORT 1,2,3,4,5,6\r\n", None),
    ],
)
def test_port(data: bytes, expected: tuple[str, int] | None) -> None:
    assert says(plain(data, b"PORT", b" ")) == expected


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"227 Entering Passive Mode (10,1,0,11,195,80).\r\n", b"10,1,0,11,195,80"),
        (b"227 Entering Passive Mode 10,1,0,11,195,80\r\n", b"10,1,0,11,195,80"),
        (b"227 =10,1,0,11,195,80\r\n", b"10,1,0,11,195,80"),
        (b"227 ((010,001,000,011,195,080)\r\n", b"010,001,000,011,195,080"),
        (b"227 v2 (10,1,0,11,195,80)\r\n", None),
        (b"227 ( 10,1,0,11,195,80)\r\n", None),
        (b"227-more\r\n227 (10,1,0,11,195,80)\r\n", None),
        (b"228 (10,1,0,11,195,80)\r\n", None),
    ],
)
def test_227(data: bytes, text: bytes | None) -> None:
    found = plain(data, b"227 ", b"(")
    assert (None if found is None else data[found.start : found.end]) == text
    if found is not None:
        assert says(found) == ("10.1.0.11", 50000)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"EPRT |1|198.51.100.7|40002|\r\n", ("198.51.100.7", 40002)),
        (b"eprt   !1!198.51.100.7!40002!", ("198.51.100.7", 40002)),
        (b"EPRT |1|198.051.100.007|40002|\r\n", ("198.51.100.7", 40002)),
        (b"EPRT |1|198.51.100.7|105538|\r\n", ("198.51.100.7", 40002)),
        (b"EPRT |2|2001:db8::1|40002|\r\n", None),
        (b"EPRT |1|198.51.100|40002|\r\n", None),
        (b"EPRT |1|198.51.100.7.1|40002|\r\n", None),
        (b"EPRT |1|198.51.100.256|40002|\r\n", None),
        (b"EPRT |1|198.51..7|40002|\r\n", None),
        (b"EPRT |||40002|\r\n", None),
        (b"EPRT |1|198.51.100.7|0|\r\n", None),
        (b"EPRT |1|198.51.100.7||\r\n", None),
        (b"EPRT |1|198.51.100.7|65536|\r\n", None),
        (b"EPRT |1|198.51.100.7|40002\r\n", None),
        (b"EPRT |1|198.51.100.7|40002", None),
        (b"EPRT |1|198.51.100.7|+1|\r\n", None),
        (b"EPRT |1|198.51.100.7", None),
        (b"EPRT |1", None),
        (b"EPRT |", None),
        (b"EPRT ", None),
        (b"EPRT \x7f1\x7f1.2.3.4\x7f5\x7f\r\n", None),
        (b"EPRT |1|" + b"1" * 60 + b"|5|\r\n", None),
    ],
)
def test_eprt(data: bytes, expected: tuple[str, int] | None) -> None:
    assert says(extended(data, b"EPRT", b" ", Family.INET)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (b"2001:db8:c::7", "2001:db8:c::7"),
        (b"02001:db8::1", "2001:db8::1"),
        (b"::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        (b"::", "::"),
        (b"12001:db8::1", None),
        (b"2001:db8::1::2", None),
        (b"2001:db8", None),
        (b"fe80::1%eth0", None),
        (b"198.51.100.7", None),
        (b"", None),
    ],
)
def test_eprt_ipv6(address: bytes, expected: str | None) -> None:
    found = extended(b"EPRT |2|" + address + b"|40002|\r\n", b"EPRT", b" ", Family.INET6)
    assert says(found) == (None if expected is None else (str(ip_address(expected)), 40002))


@pytest.mark.parametrize(
    ("data", "addr", "text"),
    [
        (b"229 Entering Extended Passive Mode (|||50001|)\r\n", GIVEN, b"|||50001|"),
        (b"229 (!!!50001!)", GIVEN, b"!!!50001!"),
        (b"229 (|1|10.1.0.12|50001|)\r\n", bytes([10, 1, 0, 12]), b"|1|10.1.0.12|50001|"),
    ],
)
def test_229(data: bytes, addr: bytes, text: bytes) -> None:
    found = extended(data, b"229 ", b"(", Family.INET, given=GIVEN)
    assert found is not None
    assert (found.addr, found.port, data[found.start : found.end]) == (addr, 50001, text)


@pytest.mark.parametrize(
    "data",
    [
        b"229 |||50001|\r\n",
        b"229 (|1||50001|)\r\n",
        b"229 (||50001|)\r\n",
        b"229 (|||50001)\r\n",
        b"229 (|2|2001:db8::1|50001|)\r\n",
        b"229 ( |||50001|)\r\n",
        b"229 (",
    ],
)
def test_no_229(data: bytes) -> None:
    assert extended(data, b"229 ", b"(", Family.INET, given=GIVEN) is None


PIECES = [
    b"PORT",
    b"EPRT",
    b"229 ",
    b" ",
    b"(",
    b"|",
    b"||",
    b"|1|",
    b"|2|",
    b"1.2.3.4",
    b"::1",
    b",",
    b"7",
    b"1,2,3,4",
]


@given(
    st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)),
    st.sampled_from([Family.INET, Family.INET6]),
)
def test_any_bytes(data: bytes, af: Family) -> None:
    given_addr = bytes(4 if af == Family.INET else 16)
    for found in (
        plain(data, b"PORT", b" "),
        extended(data, b"EPRT", b" ", af),
        extended(data, b"229 ", b"(", af, given=given_addr),
    ):
        if found is not None:
            assert 0 <= found.start < found.end <= len(data)
            assert 0 <= found.port <= 0xFFFF
            assert len(found.addr) in (4, 16)
