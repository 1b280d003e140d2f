from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from pyvs.core.flags import Forward
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.entries import OffloadedConnection, client_key, server_key
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import LIMITS, Flag, Miss
from pyvs.testing.wire import tcp

pytestmark = pytest.mark.root
CLIENT, VIP, SERVER = (ip_address(text).packed for text in ("198.51.100.7", "192.0.2.1", "10.0.0.9"))
LOOPBACK = 1
NOW = 10_000


@pytest.fixture(autouse=True)
def still(fast: FastPath) -> Iterator[None]:
    """The programs' clock stands."""
    fast.configure(now=NOW)
    yield
    for conn in list(fast.connections()):
        fast.remove(conn)
    fast.configure(now=0)


def connection(port: int = 40000, forward: int = Forward.MASQ, timeout: int = 100) -> OffloadedConnection:
    dport = 8080 if forward == Forward.MASQ else 80
    return OffloadedConnection(6, CLIENT, port, VIP, 80, SERVER, dport, forward, 1, timeout, NOW, 9)


def test_insert_find_remove(fast: FastPath) -> None:
    conn = connection()
    fast.insert(conn)
    assert fast.find(client_key(conn)) == conn
    assert fast.find(server_key(conn)) is None
    assert list(fast.connections()) == [conn]
    assert fast.remove(conn)
    assert not fast.remove(conn)
    assert list(fast.conns4.items()) == []


def test_a_newer_connection_keeps_its_replies(fast: FastPath) -> None:
    older = connection()
    newer = OffloadedConnection(6, CLIENT, 40000, VIP, 81, SERVER, 8080, 0, 1, 100, NOW, 9)
    fast.insert_many([older, newer])
    assert fast.remove(older)
    assert fast.conns4.get(server_key(newer)) is not None
    assert list(fast.connections()) == [newer]


def test_a_reply_counts_as_life(fast: FastPath) -> None:
    conn = connection()
    fast.insert(conn)
    back = server_key(conn)
    fields = fast.conns4.values.unpack(fast.conns4.get(back) or b"")
    fast.conns4.put(back, fast.conns4.values.pack(**{**fields, "seen": NOW + 50}))
    (found,) = fast.connections()
    assert found.seen == NOW + 50
    fast.configure(now=NOW + 120)
    assert [ended for stretch in fast.sweep() for ended in stretch] == []
    fast.configure(now=NOW + 150)
    assert [ended.key for stretch in fast.sweep() for ended in stretch] == [client_key(conn)]
    assert list(fast.conns4.items()) == []


def test_a_sweep_leaves_tables_alone_that_are_not_named(fast: FastPath) -> None:
    conn = connection()
    fast.insert(conn)
    fast.configure(now=NOW + 100)
    assert [one for stretch in fast.sweep(("conns6", "templates")) for one in stretch] == []
    assert list(fast.connections()) == [conn]
    assert [one.key for stretch in fast.sweep(("conns4",)) for one in stretch] == [client_key(conn)]


def test_a_sweep_counts_down(fast: FastPath) -> None:
    fast.set_destination(9, Server(addr=SERVER, port=8080, u_threshold=4))
    row = fast.destination(9) | {"inactive": 4, "flags": Flag.AVAILABLE | Flag.OVERLOAD}
    fast.dests.set(9, fast.dests.values.pack(**row))
    fast.insert_many([connection(port) for port in range(4)])
    fast.configure(now=NOW + 100)
    ended = [one for stretch in fast.sweep() for one in stretch]
    for _ in range(3):
        ended += [one for stretch in fast.sweep() for one in stretch]
    assert len(ended) == 4
    row = fast.destination(9)
    assert (row["active"], row["inactive"], row["flags"]) == (0, 0, Flag.AVAILABLE)
    fast.clear_destination(9)


def test_half_open_ones_go_first_when_memory_is_short(fast: FastPath) -> None:
    half_open = [connection(port) for port in range(200)]
    for conn in half_open:
        conn.state = 3
    fast.insert_many(half_open)
    fast.insert(connection(30000))
    fast.configure(drop_entries=1)
    try:
        for _ in range(200):
            for _stretch in fast.sweep():
                pass
    finally:
        fast.configure(drop_entries=0)
    left = list(fast.connections())
    assert len(left) < 100
    assert any(conn.cport == 30000 for conn in left)


def test_settings(fast: FastPath) -> None:
    with pytest.raises(KeyError, match="no setting colour"):
        fast.configure(colour=1)
    before = fast.settings.at(0)["generation"]
    fast.renew_hops()
    assert fast.settings.at(0)["generation"] == before + 1
    with pytest.raises(ValueError, match="device number"):
        fast.set_device(LIMITS["MAX_DEVICES"], bytes(6))


def test_a_frame_for_another_host_is_left_alone(fast: FastPath) -> None:
    frame = b"\2\0\0\0\0\1" + bytes(6) + b"\x08\0" + tcp("198.51.100.7", "192.0.2.1", 40000, 80, 0x10)
    fast.insert(connection())
    before = fast.misses()[Miss.NOT_FOR_HOST]
    outcome = fast.test_run(frame, LOOPBACK)
    assert (outcome.verdict, outcome.frame) == (0, frame)
    assert fast.misses()[Miss.NOT_FOR_HOST] == before + 1


def test_the_virtual_router_s_address_is_another(fast: FastPath) -> None:
    frame = (
        bytes.fromhex("00005e000133")
        + bytes(6)
        + b"\x08\0"
        + tcp("198.51.100.7", "192.0.2.1", 40000, 80, 0x10)
    )
    fast.insert(connection())
    assert fast.test_run(frame, LOOPBACK).frame == frame


def test_without_privilege_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Jiffies:
        raise PermissionError(13, "Permission denied", "/proc/timer_list")

    monkeypatch.setattr(Jiffies, "read", refuse)
    with pytest.raises(FastPathUnavailable, match="needs root"):
        FastPath.open("tc")
