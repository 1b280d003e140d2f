from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.listing.addresses import bracketed, plain, protocol


@given(st.binary(min_size=4, max_size=4))
def test_ipv4_is_eight_digits(address: bytes) -> None:
    assert plain(address) == bracketed(address) == f"{int.from_bytes(address, 'big'):08X}"


@given(st.binary(min_size=16, max_size=16))
def test_ipv6_is_written_in_full(address: bytes) -> None:
    groups = plain(address).split(":")
    assert [int(group, 16) for group in groups] == [
        int.from_bytes(address[at : at + 2], "big") for at in range(0, 16, 2)
    ]
    assert all(len(group) == 4 and group == group.lower() for group in groups)
    assert bracketed(address) == f"[{plain(address)}]"


def test_protocols() -> None:
    assert [protocol(number) for number in (0, 1, 6, 17, 47, 58, 132)] == [
        "IP",
        "ICMP",
        "TCP",
        "UDP",
        "IP_47",
        "ICMPv6",
        "SCTP",
    ]
