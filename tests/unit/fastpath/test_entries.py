from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import Family, Forward
from pyvs.core.packet.checksum import apply
from pyvs.fastpath.entries import (
    OffloadedConnection,
    client_key,
    from_entry,
    key,
    native,
    server_key,
    to_entries,
)
from pyvs.fastpath.layout import CONN4, KEY4

PORTS = st.integers(0, 0xFFFF)
NUMBERS = st.integers(0, 0xFFFFFFFF)


@st.composite
def connections(draw: st.DrawFn) -> OffloadedConnection:
    size = draw(st.sampled_from((4, 16)))
    addresses = st.binary(min_size=size, max_size=size)
    return OffloadedConnection(
        draw(st.sampled_from((6, 17))), draw(addresses), draw(PORTS), draw(addresses), draw(PORTS), draw(addresses),
        draw(PORTS), draw(st.sampled_from((Forward.MASQ, Forward.TUNNEL, Forward.DROUTE))),
        draw(st.integers(0, 10)), draw(NUMBERS), draw(NUMBERS), draw(st.integers(0, 99)), draw(NUMBERS),
        draw(st.booleans()), draw(st.booleans()),
    )  # fmt: skip


@given(connections())
def test_what_goes_into_the_maps_comes_back(conn: OffloadedConnection) -> None:
    entries = to_entries(conn)
    assert len(entries) == (1 if conn.single else 2)
    raw_key, value = entries[-1]
    assert raw_key == client_key(conn)
    daddr = bytes(len(conn.daddr)) if conn.single else conn.daddr
    assert from_entry(raw_key, value) == replace(conn, daddr=daddr)
    if not conn.single:
        assert entries[0][0] == server_key(conn)
        assert from_entry(*entries[0]) is None


def test_keys_are_as_packets_say() -> None:
    client, vip, server = (ip_address(text).packed for text in ("198.51.100.7", "192.0.2.1", "10.0.0.9"))
    conn = OffloadedConnection(6, client, 40000, vip, 80, server, 8080, 0, 1, 10)
    assert conn.af is Family.INET
    assert client_key(conn) == client + vip + b"\x9c\x40\x00\x50\x06\0\0\0"
    assert server_key(conn) == server + client + b"\x1f\x90\x9c\x40\x06\0\0\0"
    assert key(6, client, vip, 40000, 80) == client_key(conn)
    assert len(client_key(conn)) == KEY4.size


def test_differences_are_in_the_order_of_the_machine() -> None:
    client, vip, server = (ip_address(text).packed for text in ("198.51.100.7", "192.0.2.1", "10.0.0.9"))
    conn = OffloadedConnection(6, client, 1, vip, 80, server, 8080, 0, 1, 10)
    (_, reply), (_, inward) = to_entries(conn)
    there, back = (CONN4.unpack(value)["check"] for value in (inward, reply))
    check = 0x1234
    changed = apply(check, native(there))
    assert changed != check
    assert apply(changed, native(back)) == check
