"""A queue's fast reading of messages, and what it says when it can't be had."""

import errno
import os
import socket
from collections.abc import Iterator
from struct import pack, unpack_from

import pytest

from pyvs.datapath.nfqueue import messages, queue
from pyvs.datapath.nfqueue.messages import Attribute, Message, attribute
from pyvs.datapath.nfqueue.queue import ACCEPT, DROP, SLOT, Queue, QueueError


class FakeSocket:
    """A netlink socket that acknowledges, or refuses with an errno a request."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)
        self.sent: list[bytes] = []
        self.closed = False
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def recv(self, size: int) -> bytes:
        number = self.refusals.pop(0) if self.refusals else 0
        return pack("=IHHIIi", 36, messages.NLMSG_ERROR, 0, 0, 0, -number) + bytes(16)

    def fileno(self) -> int:
        return self.near.fileno()

    def close(self) -> None:
        self.closed = True
        self.near.close()
        self.far.close()

    def bind(self, address: object) -> None: ...
    def setsockopt(self, *arguments: object) -> None: ...
    def settimeout(self, seconds: float) -> None: ...
    def setblocking(self, blocking: bool) -> None: ...


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSocket]:
    fake = FakeSocket()
    monkeypatch.setattr("socket.socket", lambda *arguments: fake)
    yield fake
    fake.close()


def message(number: int, payload: bytes, hook: int = 1, *extra: bytes) -> bytes:
    body = pack("!BBH", 2, 0, 5) + attribute(Attribute.PACKET_HDR, pack("!IHB", number, 0x0800, hook))
    body += b"".join(extra) + attribute(Attribute.PAYLOAD, payload)
    return pack("=IHHII", 16 + len(body), Message.PACKET, 0, 0, 0) + body


def native(number: int) -> int:
    value: int = unpack_from("=I", pack("!I", number))[0]
    return value


def test_packets_of_many_shapes_are_read_alike_the_first_and_the_second_time(wire: FakeSocket) -> None:
    waiting = Queue(5)
    indev = attribute(Attribute.INDEV, pack("!I", 2))
    mark = attribute(Attribute.MARK, pack("!I", 7))
    cap = attribute(Attribute.CAP_LEN, pack("!I", 70000))
    address = attribute(9, bytes(12))
    shapes = [(indev,), (indev, mark), (indev, address), (indev, mark, address), (indev, cap), (), (indev,)]
    for round_ in range(3):
        for i, shape in enumerate(shapes):
            for hook in (1, 2):
                wire.far.send(message(round_ * 100 + i, b"p%d" % i, hook, *shape))
        received = waiting.receive()
        assert [number for number, _, _ in received] == [
            native(round_ * 100 + i) for i in range(len(shapes)) for _ in (1, 2)
        ]
        assert [data for _, _, data in received] == [b"p%d" % i for i in range(len(shapes)) for _ in (1, 2)]
        assert [meta.hook for _, meta, _ in received] == [1, 2] * len(shapes)
        assert [bool(meta.mark) for _, meta, _ in received][::2] == [mark in shape for shape in shapes]
        assert [meta.cut for _, meta, _ in received][::2] == [cap in shape for shape in shapes]


def test_no_more_shapes_are_remembered_than_is_bounded(
    wire: FakeSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "SHAPES_MAX", 4)
    waiting = Queue(5)
    for mark in range(20):
        wire.far.send(message(mark + 1, b"x", 1, attribute(Attribute.MARK, pack("!I", mark))))
        assert [meta.mark for _, meta, _ in waiting.receive()] == [mark]
        assert len(waiting._shapes) <= 4


def test_a_message_without_a_packet_is_dropped_in_the_kernel(wire: FakeSocket) -> None:
    waiting = Queue(5)
    wire.sent.clear()
    broken = bytearray(message(9, b"x" * 8))
    broken[messages.FIRST_CHANGING + 4 :] = bytes(len(broken) - messages.FIRST_CHANGING - 4)
    wire.far.send(bytes(broken))
    wire.far.send(message(10, b"fine"))
    assert [data for _, _, data in waiting.receive()] == [b"fine"]
    waiting.flush()
    assert unpack_from("!II", wire.sent[0], 24) == (DROP, 9)


def test_a_refused_verdict_is_counted(wire: FakeSocket) -> None:
    waiting = Queue(5)
    wire.far.send(pack("=IHHIIi", 36, messages.NLMSG_ERROR, 0, 0, 0, -errno.ENOENT) + bytes(16))
    assert waiting.receive() == []
    assert waiting.refused == 1


def test_verdicts_go_together_and_not_too_many_at_once(wire: FakeSocket) -> None:
    waiting = Queue(5)
    wire.sent.clear()
    waiting.judge(native(1), ACCEPT)
    waiting.accept_changed(native(2), b"new", 5)
    waiting.judge_up_to(native(3), DROP)
    waiting.flush()
    waiting.flush()
    assert len(wire.sent) == 1
    kinds = []
    at = 0
    while at < len(wire.sent[0]):
        length, kind = unpack_from("=IH", wire.sent[0], at)
        kinds.append(kind)
        at += length
    assert kinds == [Message.VERDICT, Message.VERDICT, Message.VERDICT_BATCH]
    wire.sent.clear()
    for number in range(4):
        waiting.accept_changed(native(number), bytes(60_000))
    waiting.flush()
    assert [len(data) // 60_000 for data in wire.sent] == [1, 1, 1, 1]
    assert max(map(len, wire.sent)) < SLOT


@pytest.mark.parametrize(
    ("refusals", "words"),
    [
        ((errno.EPERM,), "lacks CAP_NET_ADMIN; run it as root"),
        ((errno.EINVAL,), "this kernel has no NFQUEUE"),
        ((0, errno.EPERM), "queue 5 is taken by another program"),
        ((0, errno.EBUSY), "queue 5 is taken by another program"),
        ((0, errno.ENOMEM), "can't be bound"),
        ((0, 0, errno.EOPNOTSUPP), "can't be configured"),
    ],
)
def test_what_hinders_is_said_in_a_sentence(refusals: tuple[int, ...], words: str, wire: FakeSocket) -> None:
    wire.refusals = list(refusals)
    with pytest.raises(QueueError, match=words):
        Queue(5)
    assert wire.closed


def test_a_kernel_without_netfilters_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))

    monkeypatch.setattr("socket.socket", refuse)
    with pytest.raises(QueueError, match="no NFQUEUE"):
        Queue(5)


def test_losses_are_read_from_the_kernels_list(
    wire: FakeSocket, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = f"{tmp_path}/listing"
    with open(listing, "w") as file:
        file.write("    5   2861     0 2 65531    17    4     1040  1\n 6 1 0 2 65531 9 9 0 1\n")
    monkeypatch.setattr(queue, "LISTING", listing)
    assert Queue(5).lost() == 21
    monkeypatch.setattr(queue, "LISTING", f"{tmp_path}/none")
    assert Queue(5).lost() == 0
