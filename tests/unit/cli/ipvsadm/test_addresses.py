import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.addresses import Endpoint, endpoint, endpoint_text, ipv4, ipv6, leading_number, number
from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.core.flags import Family


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), (" 5", 5), ("+5", 5), ("-1", None), ("0x10", None), ("010", 10), ("5 ", None), ("", None),
        ("5x", None), ("٥", None), ("65535", 65535), ("65536", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_strtol_does(text: str, value: int | None) -> None:
    assert number(text, 0, 65535) == value


@pytest.mark.parametrize(
    ("text", "value"), [("64x", 64), ("abc", 0), ("255.255.0.0", 255), ("", 0), (" 7", 7)]
)
def test_numbers_may_lead(text: str, value: int) -> None:
    assert leading_number(text) == value


@pytest.mark.parametrize(
    ("text", "addr"),
    [
        ("192.0.2.100", b"\xc0\0\2\x64"), ("192.0.2", b"\xc0\0\0\2"), ("10", b"\0\0\0\x0a"),
        ("0x0a000001", b"\x0a\0\0\1"),
        ("010.1.2.3", b"\x08\1\2\3"), ("", None), ("1.2.3.4 ", None), ("1.2.3.256", None), ("localhost", None),
    ],
)  # fmt: skip
def test_ipv4_in_all_forms_of_inet_aton(text: str, addr: bytes | None) -> None:
    assert ipv4(text) == addr


def test_ipv6_without_zone() -> None:
    assert ipv6("::1") == bytes(15) + b"\1"
    assert ipv6("fe80::1%eth0") is None
    assert ipv6("1.2.3.4") is None
    assert ipv6("a\0b") is None


V4, V6 = Family.INET, Family.INET6
ONE = bytes(15) + b"\1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.2.3.4:80", Endpoint(V4, b"\1\2\3\4", 80)),
        ("1.2.3.4", Endpoint(V4, b"\1\2\3\4", None)),
        ("localhost:http", Endpoint(V4, b"\x7f\0\0\1", 80)),
        ("[::1]:80", Endpoint(V6, ONE, 80)),
        ("::1", Endpoint(V6, ONE, None)),
        ("[1.2.3.4]:80", Endpoint(V4, b"\1\2\3\4", None)),
        ("1.2.3.4:", None),
        ("1.2.3.4:nosuch", None),
        ("nosuch:80", None),
        ("[::1]", None),
        ("[::1", None),
        ("[::1]80", None),
        ("[::1]:", None),
        ("", None),
        (":80", None),
    ],
)
def test_endpoints(text: str, found: Endpoint | None) -> None:
    assert endpoint(text, 6, WELL_KNOWN) == found


@given(
    st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16),
    st.integers(0, 65535),
    st.booleans(),
)
def test_endpoints_come_back(addr: bytes, port: int, named: bool) -> None:
    af = V4 if len(addr) == 4 else V6
    text = endpoint_text(af, addr, port, 6, WELL_KNOWN if named else None)
    assert endpoint(text, 6, WELL_KNOWN) == Endpoint(af, addr, port)


@given(st.text(max_size=40))
def test_any_text_is_taken_or_not(text: str) -> None:
    found = endpoint(text, 17, WELL_KNOWN)
    assert found is None or len(found.addr) in (4, 16)
