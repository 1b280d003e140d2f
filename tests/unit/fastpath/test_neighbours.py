"""Messages of neighbours, as the kernel writes them, and as nobody should."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.fastpath import neighbours
from pyvs.fastpath.neighbours import Neighbours
from pyvs.lab.namespace import Namespace

NEW, DELETED, OTHER = 28, 29, 16
REACHABLE, FAILED, STALE = 0x02, 0x20, 0x04
FOUR, SIX = (ip_address(text).packed for text in ("10.0.0.1", "2001:db8::1"))
A, B = b"\2\0\0\0\0\x0a", b"\2\0\0\0\0\x0b"


def attribute(kind: int, value: bytes) -> bytes:
    return pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(
    address: bytes, lladdr: bytes = b"", *, kind: int = NEW, state: int = REACHABLE, ifindex: int = 2
) -> bytes:
    body = pack("=BxxxiHBB", 2 if len(address) == 4 else 10, ifindex, state, 0, 1) + attribute(1, address)
    body += attribute(3, bytes(16)) + (attribute(2, lladdr) if lladdr else b"")
    return pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


@pytest.fixture
def heard() -> Iterator[Neighbours]:
    heard = Neighbours()
    yield heard
    heard.close()


@pytest.mark.parametrize("address", [FOUR, SIX])
def test_only_another_address_of_a_known_one_counts(heard: Neighbours, address: bytes) -> None:
    assert not heard.read(message(address, A))
    assert not heard.read(message(address, A, state=STALE))
    assert heard.read(message(address, B))
    assert not heard.read(message(address, B))


@pytest.mark.parametrize(
    "ending", [message(FOUR, A, kind=DELETED), message(FOUR, A, state=FAILED), message(FOUR, state=FAILED)]
)
def test_a_known_one_that_is_gone_counts_once(heard: Neighbours, ending: bytes) -> None:
    assert not heard.read(ending)
    heard.read(message(FOUR, A))
    assert heard.read(ending)
    assert not heard.read(ending)
    assert not heard.read(message(FOUR, B))  # resolved anew: there was none in between


def test_one_that_is_being_sought_stays_known(heard: Neighbours) -> None:
    heard.read(message(FOUR, A))
    assert not heard.read(message(FOUR, state=0x01))
    assert heard.read(message(FOUR, B))


def test_the_device_is_part_of_the_name(heard: Neighbours) -> None:
    heard.read(message(FOUR, A, ifindex=2))
    assert not heard.read(message(FOUR, B, ifindex=3))
    assert heard.read(message(FOUR, B, ifindex=2))


def test_several_messages_in_one_datagram(heard: Neighbours) -> None:
    heard.read(message(FOUR, A) + message(SIX, A))
    assert heard.read(message(FOUR, A) + message(FOUR, A, kind=OTHER) + message(SIX, B) + message(FOUR, A))
    assert not heard.read(message(FOUR, B, kind=OTHER))


def test_the_next_message_begins_at_a_multiple_of_four(heard: Neighbours) -> None:
    """A length that counts no filling bytes is as good."""
    heard.read(message(SIX, A))
    first = message(FOUR, A)
    bare = pack("=I", len(first) - 2) + first[4:]
    assert heard.read(bare + message(SIX, B))


def test_so_many_are_known_and_no_more(heard: Neighbours, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "KNOWN_MOST", 3)
    for number in range(4):
        heard.read(message(bytes((10, 0, 0, number)), A))
    assert not heard.read(message(bytes((10, 0, 0, 0)), B))  # forgotten when the fourth came
    assert heard.read(message(bytes((10, 0, 0, 3)), B))


@given(st.data())
def test_nothing_that_comes_raises(data: st.DataObject) -> None:
    heard = Neighbours()
    try:
        whole = message(FOUR, A) + message(SIX, B, kind=DELETED)
        cut = data.draw(st.integers(0, len(whole)))
        at = data.draw(st.integers(0, len(whole) - 1))
        heard.read(whole[:cut])
        heard.read(whole[:at] + data.draw(st.binary(min_size=1, max_size=4)) + whole[at + 1 :])
        heard.read(data.draw(st.binary(max_size=64)))
    finally:
        heard.close()


def test_a_message_too_short_for_its_kind_is_passed_over(heard: Neighbours) -> None:
    heard.read(message(FOUR, A))
    short = pack("=IHHII", 16, NEW, 0, 0, 0)
    assert heard.read(short + message(FOUR, B))


class Door:
    """A socket that gives these, then nothing; an error is raised."""

    def __init__(self, *given: bytes | OSError) -> None:
        self.given = list(given)
        self.sent: list[bytes] = []

    def recv(self, _: int) -> bytes:
        if not self.given:
            raise BlockingIOError
        one = self.given.pop(0)
        if isinstance(one, OSError):
            raise one
        return one

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None: ...


def hearing(*given: bytes | OSError) -> Neighbours:
    heard = Neighbours()
    heard.close()
    heard._socket = Door(*given)  # type: ignore[assignment]
    return heard


def test_all_that_waits_is_read() -> None:
    assert hearing(message(FOUR, A), message(FOUR, B), message(FOUR, B)).changed()
    assert not hearing(message(FOUR, A), message(FOUR, A)).changed()
    assert not hearing().changed()


def test_what_was_missed_counts_as_a_change() -> None:
    heard = hearing(message(FOUR, A), OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)), message(FOUR, B))
    assert heard.changed()
    assert not heard.changed()


def test_other_errors_are_told() -> None:
    with pytest.raises(OSError, match="descriptor"):
        hearing(OSError(errno.EBADF, os.strerror(errno.EBADF))).changed()


def test_the_socket_does_not_block(heard: Neighbours) -> None:
    assert not os.get_blocking(heard.fileno())


@pytest.mark.root
def test_the_kernel_tells() -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    with Namespace("neighbours") as namespace:
        namespace.popen(["ip", "link", "add", "one", "type", "veth", "peer", "name", "two"]).wait(10)
        namespace.popen(["ip", "link", "set", "one", "up"]).wait(10)
        heard = namespace.call(Neighbours)
        try:
            for lladdr, another in ((A, False), (B, True)):
                words = ["ip", "neighbour", "replace", "10.0.0.1", "lladdr", lladdr.hex(":"), "dev", "one"]
                namespace.popen(words).wait(10)
                assert select.select([heard], [], [], 5)[0] == [heard]
                assert heard.changed() == another
        finally:
            heard.close()


def sent(heard: Neighbours) -> list[bytes]:
    door = heard._socket
    assert isinstance(door, Door)
    return door.sent


def used_ones(heard: Neighbours) -> list[tuple[int, int, int, bytes]]:
    """Device, family, flags and address of what the kernel was asked to use."""
    found = []
    for data in sent(heard):
        size, kind, flags, _, _ = unpack("=IHHII", data[:16])
        family, ifindex, state, flag, _ = unpack("=BxxxiHBB", data[16:28])
        assert (size, kind, flags, state) == (len(data), NEW, 1, 0)
        found.append((ifindex, family, flag, data[32:]))
    sent(heard).clear()
    return found


def unused(asked: list[tuple[int, bytes]]) -> Callable[[int, bytes], bool]:
    """Nobody is in use; notes who is asked about."""

    def used(ifindex: int, lladdr: bytes) -> bool:
        asked.append((ifindex, lladdr))
        return False

    return used


@pytest.mark.parametrize(("address", "family"), [(FOUR, 2), (SIX, 10)])
def test_a_stale_one_in_use_is_asked_for_once(address: bytes, family: int) -> None:
    heard = hearing()
    heard.read(message(address, A))
    heard.use(lambda ifindex, lladdr: True)
    assert used_ones(heard) == []
    heard.read(message(address, A, state=STALE))
    asked: list[tuple[int, bytes]] = []
    heard.use(unused(asked))
    assert asked == [(2, A)]
    assert used_ones(heard) == []
    heard.use(lambda ifindex, lladdr: True)
    assert used_ones(heard) == [(2, family, 1, address)]
    heard.use(lambda ifindex, lladdr: True)
    assert used_ones(heard) == []


@pytest.mark.parametrize(
    "later", [message(FOUR, A), message(FOUR, state=FAILED), message(FOUR, A, kind=DELETED)]
)
def test_one_that_is_not_stale_any_more_is_left_alone(later: bytes) -> None:
    heard = hearing()
    heard.read(message(FOUR, A, state=STALE) + later)
    heard.use(lambda ifindex, lladdr: True)
    assert used_ones(heard) == []


def test_of_many_stale_ones_each_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "LOOKED_AT", 2)
    heard = hearing()
    for ifindex in (2, 3, 4):
        heard.read(message(FOUR, A, state=STALE, ifindex=ifindex))
    asked: list[tuple[int, bytes]] = []
    for _ in range(3):
        heard.use(unused(asked))
    assert asked == [(ifindex, A) for ifindex in (2, 3, 4, 2, 3, 4)]


def test_after_too_many_messages_all_are_asked_for() -> None:
    heard = hearing(OSError(errno.ENOBUFS, "too many"))
    assert heard.changed()
    assert [unpack("=IHH", data[:8]) for data in sent(heard)] == [(28, 30, 0x301)]
