"""What is handed to raw sockets: next hop, mark and pieces; the sockets are stand-ins."""

import errno
import socket
from struct import pack, unpack

import pytest

from pyvs.core.environment import Route
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.datapath import sender as module
from pyvs.datapath.sender import Sender, SenderError

OWN = 0x40000000


class FakeOutbox:
    """Keeps what it is given; `room` datagrams at a time."""

    def __init__(self) -> None:
        self.count = 0
        self.room = 3
        self.waiting: list[tuple[bytes, bytes, bytes]] = []

    def put(self, data: bytes, name: bytes, control: bytes = b"") -> bool:
        if self.count == self.room:
            return False
        self.waiting.append((data, name, control))
        self.count += 1
        return True

    def send(self, descriptor: int) -> dict[int, int]:
        wire.extend((descriptor, *each) for each in self.waiting)
        self.waiting.clear()
        self.count = 0
        return dict(refusals)


wire: list[tuple[int, bytes, bytes, bytes]] = []
refusals: dict[int, int] = {}


class FakeSocket:
    """A raw socket that is known by its family and mark."""

    open: list["FakeSocket"] = []  # noqa: RUF012

    def __init__(self, family: int, mark: int) -> None:
        self.family, self.mark = family, mark
        self.closed = False
        FakeSocket.open.append(self)

    def fileno(self) -> int:
        return FakeSocket.open.index(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    wire.clear()
    refusals.clear()
    FakeSocket.open.clear()
    monkeypatch.setattr(module, "Outbox", FakeOutbox)
    monkeypatch.setattr(Sender, "_open", lambda self, family, mark: FakeSocket(family, mark))
    return Sender(OWN)


def ipv4(length: int = 40, *, df: bool = False, ident: int = 1) -> bytes:
    head = pack("!BBHHHBBH4s4s", 0x45, 0, length, ident, 0x4000 if df else 0, 64, 17, 0,
                b"\xc0\0\2\1", b"\xc0\0\2\2")  # fmt: skip
    return head + bytes(i & 0xFF for i in range(length - 20))


def ipv6(length: int = 60) -> bytes:
    return pack("!IHBB16s16s", 6 << 28, length - 40, 17, 64, bytes(15) + b"\1", bytes(15) + b"\2") + bytes(
        length - 40
    )


def hop(number: int) -> tuple[int, bytes]:
    """Family and address that a sent packet was sent towards."""
    name = wire[number][2]
    family = unpack("=H", name[:2])[0]
    return family, name[4:8] if family == socket.AF_INET else name[8:24]


ROUTE = Route(False, "eth0", bytes(4), None, 1500)


def test_the_next_hop_is_the_routes_not_the_packets(sender: Sender) -> None:
    server = b"\x0a\1\0\x0b"
    for _ in range(2):
        sender.transmit(Packet(ipv4()), ROUTE, server)
    sender.transmit(Packet(ipv4()), ROUTE, b"\x0a\1\0\x0c")
    sender.flush()
    assert [data for _, data, _, _ in wire] == [ipv4()] * 3
    assert [hop(i) for i in range(3)] == [(socket.AF_INET, server)] * 2 + [(socket.AF_INET, b"\x0a\1\0\x0c")]
    assert sender.sent == 3


def test_every_mark_has_ours_and_its_own_bits(sender: Sender) -> None:
    for mark in (0, 7, 0, 7):
        sender.transmit(Packet(ipv4(), mark=mark), ROUTE, bytes(4))
    sender.flush()
    assert sorted(FakeSocket.open[descriptor].mark for descriptor, _, _, _ in wire) == [
        OWN,
        OWN,
        OWN | 7,
        OWN | 7,
    ]
    assert len(FakeSocket.open) == 2


def test_sockets_are_bounded(sender: Sender) -> None:
    for mark in range(200):
        sender.transmit(Packet(ipv4(), mark=mark), ROUTE, bytes(4))
    sender.flush()
    assert len(wire) == 200
    assert [FakeSocket.open[descriptor].mark & ~OWN for descriptor, _, _, _ in wire] == list(range(200))
    assert sum(not each.closed for each in FakeSocket.open) <= module.SOCKETS_MAX


def test_more_than_an_outbox_holds_goes_out_in_between(sender: Sender) -> None:
    for i in range(8):
        sender.transmit(Packet(ipv4(ident=i + 1)), ROUTE, bytes(4))
    assert len(wire) == 6
    sender.flush()
    assert [int.from_bytes(data[4:6], "big") for _, data, _, _ in wire] == list(range(1, 9))


def test_a_link_local_next_hop_names_its_device(sender: Sender) -> None:
    sender.transmit(
        Packet(ipv6()), Route(False, "lo", bytes(16), None, 1500), b"\xfe\x80" + bytes(13) + b"\1"
    )
    sender.transmit(
        Packet(ipv6()), Route(False, "none", bytes(16), None, 1500), b"\xfe\x80" + bytes(13) + b"\1"
    )
    sender.flush()
    assert [unpack("=I", name[24:])[0] for _, _, name, _ in wire] == [socket.if_nametoindex("lo"), 0]


def test_what_is_too_long_and_may_be_cut_is_cut(sender: Sender) -> None:
    sender.transmit(Packet(ipv4(4000)), ROUTE, bytes(4))
    sender.flush()
    headers = [parse(data) for _, data, _, _ in wire]
    assert [len(data) for _, data, _, _ in wire] == [1500, 1500, 1040]
    assert [header.fragment_offset for header in headers] == [0, 1480, 2960]
    assert b"".join(data[20:] for _, data, _, _ in wire) == ipv4(4000)[20:]


def test_what_says_df_is_not_cut_unless_it_may_be(sender: Sender) -> None:
    sender.transmit(Packet(ipv4(4000, df=True)), ROUTE, bytes(4))
    sender.transmit(Packet(ipv6(4000)), ROUTE, bytes(16))
    assert sender.too_long == 2
    for data, destination in ((ipv4(4000, df=True), bytes(4)), (ipv6(4000), bytes(16))):
        packet = Packet(data)
        packet.ignore_df = True
        sender.transmit(packet, ROUTE, destination)
    sender.flush()
    assert len(wire) == 6
    assert max(len(data) for _, data, _, _ in wire) <= 1500


def test_pieces_of_a_packet_without_a_number_get_one(sender: Sender) -> None:
    for _ in range(2):
        sender.transmit(Packet(ipv4(2000, ident=0)), ROUTE, bytes(4))
    sender.flush()
    numbers = [data[4:6] for _, data, _, _ in wire]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    assert b"\0\0" not in numbers


def test_a_packet_of_ours_goes_to_the_address_in_its_header(sender: Sender) -> None:
    sender.output(ipv4())
    sender.output(ipv6())
    sender.flush()
    assert [hop(0), hop(1)] == [(socket.AF_INET, b"\xc0\0\2\2"), (socket.AF_INET6, bytes(15) + b"\2")]


def test_reinjection_asks_for_the_route_of_its_source(sender: Sender) -> None:
    sender.reinject(Packet(ipv4(3000), mark=9), 1500)
    sender.reinject(Packet(ipv6()), 1500)
    sender.flush()
    assert len(wire) == 4
    assert {FakeSocket.open[descriptor].mark for descriptor, _, _, _ in wire} == {OWN | 9, OWN}
    for _, data, _, control in wire:
        if data[0] >> 4 == 4:
            assert unpack("@Nii", control[:16])[1:] == (socket.IPPROTO_IP, 8)
            assert control[20:24] == data[12:16]
        else:
            assert unpack("@Nii", control[:16])[1:] == (socket.IPPROTO_IPV6, 50)
            assert control[16:32] == data[8:24]


def test_refusals_of_the_kernel_are_counted(sender: Sender) -> None:
    refusals[errno.EPERM] = 1
    for _ in range(2):
        sender.transmit(Packet(ipv4()), ROUTE, bytes(4))
    sender.flush()
    assert sender.errors == {errno.EPERM: 1}
    assert sender.sent == 1


def test_without_the_right_to_send_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr("socket.socket", refuse)
    with pytest.raises(SenderError, match="lacks CAP_NET_RAW and CAP_NET_ADMIN; run it as root"):
        Sender(OWN)
