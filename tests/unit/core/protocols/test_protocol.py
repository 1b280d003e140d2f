from __future__ import annotations

from collections.abc import Callable

import pytest

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.protocols.protocol import Protocol
from pyvs.testing.wire import ip, tcp

Make = Callable[..., Connection]
CLIENT, VIP, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.11"


class Simple(Protocol):
    name = "Simple"
    number = Proto.TCP
    state_names = ("ONE", "TWO")
    default_timeouts = (1.0, 2.0)


def test_packets_are_found_by_their_ends_and_swapped_when_quoted(ns: Namespace, make: Make) -> None:
    conn = make()
    simple = Simple(ns)
    for src, dst, sport, dport, find in (
        (CLIENT, VIP, 40000, 80, simple.find_in),
        (REAL, CLIENT, 8080, 40000, simple.find_out),
    ):
        data = tcp(src, dst, sport, dport, 16)
        assert find(data, parse(data)) is conn
        back = tcp(dst, src, dport, sport, 16)
        header = parse(back)
        assert find(back, header) is None
        header = parse(back)
        header.inverse = True
        assert find(back, header) is conn


def test_the_key_that_was_looked_up_is_kept(ns: Namespace) -> None:
    data = tcp(CLIENT, VIP, 40000, 80, 16)
    header = parse(data)
    Simple(ns).find_in(data, header)
    assert header.key == data[12:24]


def test_ports_that_are_cut_off(ns: Namespace) -> None:
    data = tcp(CLIENT, VIP, 40000, 80, 16)
    assert Simple(ns).ports(data, parse(data)) == (40000, 80)
    assert Simple(ns).ports(data[:24], parse(data)) == (40000, 80)
    for short in (ip(CLIENT, VIP, 6, b"\1\2\3"), ip(CLIENT, VIP, 6, b"")):
        with pytest.raises(Malformed):
            Simple(ns).ports(short, parse(short))
        assert Simple(ns).find_in(short, parse(short)) is None


def test_states_have_names_and_times(ns: Namespace) -> None:
    simple = Simple(ns)
    assert [simple.state_name(number) for number in (-1, 0, 1, 2)] == ["ERR!", "ONE", "TWO", "ERR!"]
    simple.timeouts[0] = 9.0
    assert Simple.default_timeouts[0] == 1.0


def test_what_a_protocol_need_not_know(ns: Namespace, make: Make) -> None:
    simple, data = Simple(ns), tcp(CLIENT, VIP, 1, 2, 2)
    assert not simple.is_new(data, parse(data))
    assert not simple.may_reuse(make())
    assert simple.sync_states() is None
    assert simple.reassemble
    assert simple.has_ports
