"""The connection table, alone and against a list that is searched from end to end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import ConnectionTable, in_key, out_key, template_key
from pyvs.core.flags import ConnFlag, Family, Forward, Proto
from pyvs.core.persistence.sip import SipEngine

A, B, V, D = (
    bytes((198, 51, 100, 7)),
    bytes((198, 51, 100, 8)),
    bytes((192, 0, 2, 100)),
    bytes((10, 1, 0, 11)),
)


def conn(
    cport: int = 40000, flags: int = 0, *, caddr: bytes = A, protocol: int = Proto.TCP, vport: int = 80
) -> Connection:
    return Connection(Family.INET, Proto.TCP, caddr, cport, V, 80, Family.INET, D, 8080, flags)


def from_client(c: Connection, cport: int | None = None) -> bytes:
    port = c.cport if cport is None else cport
    return c.caddr + c.vaddr + port.to_bytes(2, "big") + c.vport.to_bytes(2, "big")


def from_server(c: Connection) -> bytes:
    return c.daddr + c.caddr + c.dport.to_bytes(2, "big") + c.cport.to_bytes(2, "big")


def test_keys_are_what_stands_in_packets() -> None:
    one = conn()
    assert in_key(one) == bytes.fromhex("c6336407 c0000264 9c40 0050")
    assert out_key(one) == bytes.fromhex("0a01000b c6336407 1f90 9c40")
    assert out_key(conn(flags=Forward.DROUTE)) == bytes.fromhex("c0000264 c6336407 0050 9c40")
    assert template_key(A, 0, V, 80) == bytes.fromhex("c6336407 c0000264 0000 0050")
    assert (
        template_key(A, 0, V, 80, "sip", b"me") == bytes.fromhex("c6336407 c0000264 0000 0050") + b"sip\0me"
    )


def test_it_is_found_by_both_directions_of_its_protocol() -> None:
    table, one = ConnectionTable(), conn()
    table.insert(one)
    assert table.find_in(6, from_client(one)) is one
    assert table.find_out(6, from_server(one)) is one
    assert table.find_in(17, from_client(one)) is None
    assert table.find_out(17, from_server(one)) is None
    assert table.find_in(6, from_server(one)) is None
    assert one.flags & ConnFlag.HASHED
    assert table.count == 1


def test_what_is_removed_is_gone_and_can_come_back() -> None:
    table, one = ConnectionTable(), conn()
    table.insert(one)
    assert table.remove(one)
    assert not table.remove(one)
    assert (table.count, table.no_cport) == (0, 0)
    for shards in (*table.incoming.values(), *table.outgoing.values()):
        assert not any(shards)  # no key is left behind
    assert table.find_in(6, from_client(one)) is None
    assert table.find_out(6, from_server(one)) is None
    one.cport = 5
    table.insert(one)
    assert table.find_in(6, from_client(one)) is one


def test_inserting_twice_changes_nothing() -> None:
    table, one = ConnectionTable(), conn()
    table.insert(one)
    table.insert(one)
    assert table.count == 1
    assert list(table) == [one]
    table.remove(one)
    assert list(table) == []


def test_the_newest_of_one_key_hides_the_others() -> None:
    table, old, middle, new = ConnectionTable(), conn(), conn(), conn()
    for one in (old, middle, new):
        table.insert(one)
    assert table.find_in(6, from_client(old)) is new
    assert list(table) == [new, middle, old]
    table.remove(middle)
    assert table.find_in(6, from_client(old)) is new
    table.remove(new)
    assert table.find_in(6, from_client(old)) is old
    assert table.find_out(6, from_server(old)) is old
    table.remove(old)
    assert table.find_out(6, from_server(old)) is None


@pytest.mark.parametrize("flags", [0, ConnFlag.TEMPLATE])
def test_one_deep_down_is_taken_out_of_its_chain(flags: int) -> None:
    for which in range(5):
        table, chain = ConnectionTable(), [conn(9, flags) for _ in range(5)]
        for one in chain:
            table.insert(one)
        table.remove(chain.pop(which))
        assert list(table) == chain[::-1]
        while chain and not flags:
            assert table.find_in(6, from_client(chain[0])) is chain[-1]
            assert table.find_out(6, from_server(chain[0])) is chain[-1]
            table.remove(chain.pop())


def test_one_without_client_port_is_found_by_any_port() -> None:
    table, wide, exact = ConnectionTable(), conn(0, ConnFlag.NO_CPORT), conn(7)
    table.insert(wide)
    table.insert(exact)
    assert table.no_cport == 1
    assert table.find_in(6, from_client(wide, 40009)) is wide
    assert table.find_in(6, from_client(wide, 7)) is exact
    assert table.find_in(6, from_client(wide, 0)) is wide
    table.remove(wide)
    assert table.no_cport == 0
    assert table.find_in(6, from_client(wide, 40009)) is None


def test_a_real_port_of_zero_is_not_unknown() -> None:
    table, zero, wide = ConnectionTable(), conn(0), conn(0, ConnFlag.NO_CPORT)
    table.insert(zero)
    assert (
        table.find_in(6, from_client(zero)) is None
    )  # ports of zero are looked up as unknown ones, as in the kernel
    table.insert(wide)
    table.insert(conn(0))
    assert table.find_in(6, from_client(zero, 9)) is wide
    assert table.find_in(6, from_client(zero, 0)) is wide


def test_templates_are_kept_apart_from_connections() -> None:
    table, template, one = ConnectionTable(), conn(0, ConnFlag.TEMPLATE), conn(0)
    table.insert(template)
    table.insert(one)
    assert table.find_template(6, A, V, 80) is template
    assert table.find_template(6, B, V, 80) is None
    assert table.find_template(17, A, V, 80) is None
    assert table.find_template(6, A, V, 81) is None
    assert list(table) == [one, template]
    assert (table.count, table.no_cport) == (2, 0)
    table.remove(template)
    assert table.find_template(6, A, V, 80) is None
    assert table.templates == {}


def test_older_templates_come_forth_again() -> None:
    table = ConnectionTable()
    old, middle, new = (conn(0, ConnFlag.TEMPLATE) for _ in range(3))
    for one in (old, middle, new):
        table.insert(one)
    assert table.find_template(6, A, V, 80) is new
    assert list(table) == [new, middle, old]
    table.remove(middle)
    table.remove(new)
    assert table.find_template(6, A, V, 80) is old
    assert list(table) == [old]
    assert old.in_next is None


def test_templates_with_a_name_are_found_by_it() -> None:
    table, one, other, plain = ConnectionTable(), *(conn(0, ConnFlag.TEMPLATE) for _ in range(3))
    for template, name in ((one, b"one"), (other, b"two")):
        template.pe, template.pe_data = SipEngine(), name
        table.insert(template)
    table.insert(plain)
    assert table.find_named_template(6, A, V, 80, "sip", b"one") is one
    assert table.find_named_template(6, A, V, 80, "sip", b"two") is other
    assert table.find_named_template(6, A, V, 80, "sip", b"three") is None
    assert table.find_named_template(6, A, V, 80, "other", b"one") is None
    assert table.find_template(6, A, V, 80) is plain
    assert set(table) == {one, other, plain}
    table.remove(one)
    assert table.find_named_template(6, A, V, 80, "sip", b"one") is None
    assert table.named_templates != {}


def test_it_may_be_changed_while_it_is_gone_through() -> None:
    table = ConnectionTable()
    for port in range(1000):
        table.insert(conn(port + 1))
    seen = 0
    for one in table:
        table.remove(one)
        seen += 1
    assert seen == 1000
    assert table.count == 0


def test_it_is_cut_into_shards_that_all_fill() -> None:
    table = ConnectionTable()
    for port in range(20000):
        table.insert(conn(port + 1))
    sizes = [len(shard) for shard in table.incoming[6]]
    assert len(sizes) == 256
    assert max(sizes) < 4 * 20000 / 256


ports = st.integers(0, 3)
steps = st.lists(
    st.tuples(st.booleans(), ports, st.sampled_from((A, B)), st.sampled_from((0, 3)), st.integers(0, 9)),
    max_size=60,
)


@settings(max_examples=200)
@given(steps)
def test_it_finds_what_a_list_finds(course: list[tuple[bool, int, bytes, int, int]]) -> None:
    table = ConnectionTable()
    ours: list[Connection] = []
    for new, port, caddr, method, which in course:
        if new:
            one = conn(port + 1, method, caddr=caddr)
            table.insert(one)
            ours.insert(0, one)
        elif ours:
            table.remove(ours.pop(which % len(ours)))
        for cport in range(1, 5):
            for client in (A, B):
                probe = conn(cport, caddr=client)
                wanted = next((c for c in ours if from_client(c) == from_client(probe)), None)
                assert table.find_in(6, from_client(probe)) is wanted
                nat = next((c for c in ours if c.masqueraded and from_server(c) == from_server(probe)), None)
                assert table.find_out(6, from_server(probe)) is nat
        assert table.count == len(ours)
        assert set(table) == set(ours)
