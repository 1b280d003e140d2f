from collections.abc import Iterator
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.fastpath.neighbours import Neighbours

NEW, DELETED = 28, 29
REACHABLE, STALE, FAILED = 0x02, 0x04, 0x20
FIRST, SECOND = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


@pytest.fixture(scope="module")
def neighbours() -> Iterator[Neighbours]:
    made = Neighbours()
    yield made
    made.close()


def message(kind: int, state: int, lladdr: bytes, address: bytes = b"\x0a\0\0\x01", device: int = 3) -> bytes:
    body = pack("=BxxxiHBB", 2, device, state, 0, 1)
    for name, value in ((1, address), (2, lladdr)):
        if value:
            body += pack("=HH", 4 + len(value), name) + value + bytes(-len(value) % 4)
    return pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_only_another_address_of_a_known_neighbour_is_a_change(neighbours: Neighbours) -> None:
    read = neighbours.read
    assert not read(message(NEW, REACHABLE, FIRST))
    assert not read(message(NEW, STALE, FIRST))
    assert read(message(NEW, STALE, FIRST) + message(NEW, REACHABLE, SECOND))
    assert not read(message(NEW, REACHABLE, FIRST, device=4))
    assert read(message(NEW, FAILED, b""))
    assert not read(message(NEW, FAILED, b""))
    assert not read(message(NEW, REACHABLE, FIRST))
    assert read(message(DELETED, STALE, FIRST))


@given(st.binary(max_size=80))
def test_whatever_comes_is_read(neighbours: Neighbours, data: bytes) -> None:
    neighbours.read(data)
