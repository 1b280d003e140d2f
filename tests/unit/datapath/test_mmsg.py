"""Datagrams by recvmmsg and sendmmsg, over sockets of this process."""

import errno
import select
import socket
from collections.abc import Iterator
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.mmsg import SMALL, Inbox, Outbox


def name_of(receiver: socket.socket) -> bytes:
    """The packed address of an IPv4 socket."""
    host, port = receiver.getsockname()
    return pack("=H", socket.AF_INET) + pack("!H", port) + socket.inet_aton(host) + bytes(8)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    yield sender, receiver
    sender.close()
    receiver.close()


def received(inbox: Inbox, receiver: socket.socket, wanted: int) -> list[bytes]:
    """So many at least: the kernel may hand some over only after they were sent, also on the loopback device."""
    found: list[bytes] = []
    while len(found) < wanted:
        assert select.select([receiver], [], [], 30)[0]
        count, lengths = inbox.receive(receiver.fileno())
        found += [bytes(inbox.buffer[i * inbox.size : i * inbox.size + lengths[i]]) for i in range(count)]
    return found


def test_an_empty_socket_gives_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    assert Inbox(4, 100).receive(ends[1].fileno()) == (0, ())


def test_what_is_sent_arrives_in_order(ends: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = ends
    outbox, inbox = Outbox(8), Inbox(16, 4096)
    wanted = [bytes([i]) * (i * 700 + 1) for i in range(6)]  # some longer than a slot of its own
    assert max(map(len, wanted)) > SMALL > min(map(len, wanted))
    for _ in range(3):  # the slots are used again, by other lengths
        for data in wanted:
            assert outbox.put(data, name_of(receiver))
        assert outbox.count == 6
        assert outbox.send(sender.fileno()) == {}
        assert outbox.count == 0
        assert received(inbox, receiver, len(wanted)) == wanted
        wanted.reverse()


def test_each_goes_to_its_own_address(ends: tuple[socket.socket, socket.socket]) -> None:
    sender, first = ends
    outbox, inbox = Outbox(8), Inbox(4, 100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.bind(("127.0.0.1", 0))
        for turn in range(2):
            order = (first, second) if turn == 0 else (second, first)
            for receiver in order:
                outbox.put(b"to %d" % receiver.getsockname()[1], name_of(receiver))
            assert outbox.send(sender.fileno()) == {}
            for receiver in order:
                assert received(inbox, receiver, 1) == [b"to %d" % receiver.getsockname()[1]]


def test_a_full_outbox_says_so(ends: tuple[socket.socket, socket.socket]) -> None:
    outbox = Outbox(2, capacity=10_000)
    name = name_of(ends[1])
    assert outbox.put(b"a" * 9000, name)
    assert not outbox.put(b"b" * 9000, name)
    assert outbox.put(b"c", name)
    assert not outbox.put(b"d", name)
    assert outbox.count == 2


def test_one_that_is_refused_does_not_stop_the_others(ends: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = ends
    outbox, inbox = Outbox(), Inbox(8, 100)
    nowhere = pack("=HH4s8x", socket.AF_INET, 0, b"\x7f\0\0\1")  # port 0
    outbox.put(b"1", name_of(receiver))
    outbox.put(b"2", nowhere)
    outbox.put(b"3", nowhere)
    outbox.put(b"4", name_of(receiver))
    assert outbox.send(sender.fileno()) == {errno.EINVAL: 2}
    assert received(inbox, receiver, 2) == [b"1", b"4"]


def test_control_data_goes_with_its_datagram_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    """IP_TTL, seen by the receiver."""
    sender, receiver = ends
    receiver.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTTL if hasattr(socket, "IP_RECVTTL") else 12, 1)
    control = pack("@Nii", 20, socket.IPPROTO_IP, socket.IP_TTL) + pack("@i", 7) + bytes(4)
    outbox = Outbox()
    for turn in range(2):  # the slot is used without control data afterwards
        outbox.put(b"with", name_of(receiver), control if turn == 0 else b"")
        outbox.send(sender.fileno())
        _, ancillary, _, _ = receiver.recvmsg(10, 100)
        assert (int.from_bytes(ancillary[0][2][:1]) == 7) == (turn == 0)


def test_an_error_of_the_socket_is_raised() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        Inbox(1, 10).receive(-1)


@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=20))
def test_any_datagrams_pass_unchanged(datagrams: list[bytes]) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        outbox, inbox = Outbox(32), Inbox(32, 3000)
        for data in datagrams:
            outbox.put(data, b"")
        assert outbox.send(near.fileno()) == {}
        assert received(inbox, far, len(datagrams)) == datagrams
