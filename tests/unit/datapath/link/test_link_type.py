from hypothesis import given
from hypothesis import strategies as st
from scapy.all import IP, UDP, IPv6

from pyvs.datapath.link import LINK_TYPES, LinkHeader

PACKET = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP())
PACKET6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP())


def test_the_register_knows_each_by_its_number() -> None:
    assert all(number == link.number for number, link in LINK_TYPES.items())


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=40))
def test_any_bytes_are_a_header_within_them_or_none(number: int, data: bytes) -> None:
    header = LINK_TYPES[number].parse(data)
    if header is not None:
        assert header.offset <= len(data)


@given(
    st.sampled_from(sorted(LINK_TYPES)),
    st.sampled_from([0x0800, 0x86DD]),
    st.binary(min_size=6, max_size=6),
    st.lists(st.integers(0, 0xFFFF), max_size=3),
)
def test_what_is_built_is_parsed(number: int, protocol: int, mac: bytes, tags: list[int]) -> None:
    link = LINK_TYPES[number]
    stacked = b"".join(b"\x81\x00" + tag.to_bytes(2, "big") for tag in tags)
    built = link.build(LinkHeader(protocol, 0, source=mac, destination=mac, tags=stacked))
    payload = PACKET if protocol == 0x0800 else PACKET6
    header = link.parse(built + payload)
    assert header is not None
    if number not in (228, 229):
        assert header.protocol == protocol
    assert header.offset == len(built)
    if link.has_addresses:
        assert (header.source, header.tags) == (mac, stacked)
