from collections.abc import Collection, Iterator

import pytest

from pyvs.fastpath.entries import OffloadedConnection, client_key, server_key
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.server import Server
from pyvs.fastpath.sweep import SWEPT, Ended
from pyvs.fastpath.sweep_by_key import BATCH, KeySweeper
from pyvs.fastpath.tables import CLAIMED, Flag, Status

pytestmark = pytest.mark.root

NOW = 1_000_000


def connection(number: int, *, state: int = 1, six: bool = False, timeout: int = 100) -> OffloadedConnection:
    size = 16 if six else 4
    caddr, vaddr, daddr = (bytes((first, *bytes(size - 1))) for first in (10, 20, 30))
    cport = number % 60000 + 1
    caddr = caddr[:-1] + bytes((number // 60000,))
    return OffloadedConnection(6, caddr, cport, vaddr, 80, daddr, 8080, 0, state, timeout, NOW, 9)


@pytest.fixture
def sweeper(fast: FastPath) -> Iterator[KeySweeper]:
    fast.configure(now=NOW)
    fast.set_destination(9, Server(addr=bytes(4), port=8080))
    made = KeySweeper(fast.loaded.maps, fast.jiffies)
    yield made
    made.close()
    fast.configure(now=0)
    fast.clear(10)


def swept(sweeper: KeySweeper, tables: Collection[str] = SWEPT) -> list[Ended]:
    return [ended for stretch in sweeper.stretches(tables) for ended in stretch]


@pytest.mark.parametrize("six", [False, True])
def test_it_ends_what_both_directions_are_silent_for(fast: FastPath, sweeper: KeySweeper, six: bool) -> None:
    conn, longer = connection(1, six=six), connection(2, six=six, timeout=1000)
    fast.insert_many([conn, longer])
    fast.configure(now=NOW + 99)
    assert swept(sweeper) == []
    table = fast.conns6 if six else fast.conns4
    fields = table.values.unpack(table.get(server_key(conn)) or b"")
    table.put(server_key(conn), table.values.pack(**{**fields, "seen": NOW + 50}))
    fast.configure(now=NOW + 149)
    assert swept(sweeper) == []
    fast.configure(now=NOW + 150)
    (ended,) = swept(sweeper)
    assert (ended.key, ended.dest) == (client_key(conn), 9)
    assert list(fast.connections()) == [longer]
    assert fast.destination(9)["inactive"] == -1  # it was never counted


def test_tables_that_are_not_named_are_left_alone(fast: FastPath, sweeper: KeySweeper) -> None:
    both = [connection(1), connection(1, six=True)]
    fast.insert_many(both)
    fast.configure(now=NOW + 100)
    assert swept(sweeper, ("templates",)) == []
    assert list(fast.connections()) == both
    assert [ended.key for ended in swept(sweeper, ("conns6", "templates"))] == [client_key(both[1])]
    assert [ended.key for ended in swept(sweeper, ("conns4",))] == [client_key(both[0])]


def test_replies_that_were_left_behind_go(fast: FastPath, sweeper: KeySweeper) -> None:
    conn = connection(1)
    fast.insert(conn)
    fast.conns4.delete(client_key(conn))
    fast.configure(now=NOW + 100)
    assert swept(sweeper) == []
    assert list(fast.conns4.items()) == []


def test_a_removed_server_takes_them_along_if_asked(fast: FastPath, sweeper: KeySweeper) -> None:
    conn = connection(1)
    fast.insert(conn)
    fast.clear_destination(9)
    assert swept(sweeper) == []
    fast.configure(expire_nodest=1)
    try:
        assert [ended.key for ended in swept(sweeper)] == [client_key(conn)]
    finally:
        fast.configure(expire_nodest=0)


def test_half_open_ones_go_first_when_memory_is_short(fast: FastPath, sweeper: KeySweeper) -> None:
    half_open = [connection(number, state=3) for number in range(200)]
    fast.insert_many([*half_open, connection(1000)])
    fast.configure(drop_entries=1)
    try:
        ended = [one for _ in range(100) for one in swept(sweeper)]
    finally:
        fast.configure(drop_entries=0)
    assert len(ended) > 100
    assert client_key(connection(1000)) not in {one.key for one in ended}


def test_stretches_are_bounded(fast: FastPath, sweeper: KeySweeper) -> None:
    fast.insert_many(connection(number) for number in range(400))
    fast.configure(now=NOW + 100)
    stretches = list(sweeper.stretches(SWEPT))
    assert sum(map(len, stretches)) == 400
    assert all(len(stretch) <= BATCH for stretch in stretches)
    assert fast.destination(9)["flags"] & Flag.AVAILABLE


@pytest.mark.parametrize("six", [False, True])
def test_claims_of_another_engine_go_and_are_nobodys_end(
    fast: FastPath, sweeper: KeySweeper, six: bool
) -> None:
    table = fast.conns6 if six else fast.conns4
    fast.configure(claimant=5)
    for number, told in ((1, 5), (2, 6)):
        value = table.values.pack(status=Status.CLAIMED, dest=CLAIMED, told=told)
        table.put(client_key(connection(number, six=six)), value)
    fast.configure(now=NOW + 1000)
    before = fast.destination(9)
    assert swept(sweeper) == []
    assert [raw for raw, _ in table.items()] == [client_key(connection(1, six=six))]
    assert fast.destination(9) == before
    fast.configure(claimant=0)
