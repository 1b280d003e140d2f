import errno

import pytest

from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.layout import CONN4, DEST, STATS
from pyvs.fastpath.maps import NO_EXIST, said

pytestmark = pytest.mark.root


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_one_at_a_time(fast: FastPath) -> None:
    table = fast.conns4
    assert table.get(key(1)) is None
    table.put(key(1), CONN4.pack(seen=7))
    with pytest.raises(FileExistsError):
        table.put(key(1), CONN4.pack(), NO_EXIST)
    assert CONN4.unpack(table.get(key(1)) or b"")["seen"] == 7
    assert table.delete(key(1))
    assert not table.delete(key(1))


def test_many_at_once(fast: FastPath) -> None:
    entries = {key(number): CONN4.pack(packets=number) for number in range(700)}
    fast.conns4.put_many(entries.items())
    assert dict(fast.conns4.items(batch=16)) == entries
    for each in entries:
        assert fast.conns4.delete(each)
    assert list(fast.conns4.items()) == []


def test_a_table_is_as_large_as_it_was_made(fast: FastPath) -> None:
    entries = [(key(number), bytes(CONN4.size)) for number in range(1 << 12)]
    with pytest.raises(OSError, match="Argument list too long") as caught:
        fast.conns4.put_many(entries)
    assert caught.value.errno == errno.E2BIG
    assert len(list(fast.conns4.items())) >= 1 << 10
    for each, _ in entries:
        fast.conns4.delete(each)


def test_arrays(fast: FastPath) -> None:
    fast.dests.set(3, DEST.pack(weight=-1))
    assert fast.dests.at(3)["weight"] == -1
    with pytest.raises(IndexError):
        fast.dests.at(1 << 20)


def test_sums_over_processors(fast: FastPath) -> None:
    each = STATS.pack(conns=2, inbytes=5)
    fast.stats.set(4, each * fast.stats.processors)
    assert fast.stats.total(4) == {
        "conns": 2 * fast.stats.processors, "inpkts": 0, "outpkts": 0,
        "inbytes": 5 * fast.stats.processors, "outbytes": 0,
    }  # fmt: skip
    assert fast.stats.totals(8)[4] == fast.stats.total(4)
    assert len(fast.stats.totals(8)) == 8
    with pytest.raises(IndexError):
        fast.stats.total(1 << 20)


def test_what_libbpf_said(fast: FastPath) -> None:
    assert isinstance(said(), str)
