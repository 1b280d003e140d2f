import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import pkt

from pyvs.core.packet.packet import Packet
from pyvs.host import options
from pyvs.host.host import Host

CLIENT, VIP, OWN = "198.51.100.7", "192.0.2.100", bytes([192, 0, 2, 100])
RECORD = bytes([7, 11, 4]) + bytes(8)
STAMP = bytes([68, 12, 5, 0]) + bytes(8)


def with_options(options_: bytes) -> bytes:
    packet = pkt.udp(CLIENT, VIP, 1, 2, b"x")
    options_ += bytes(-len(options_) % 4)
    head = bytes([0x45 + len(options_) // 4]) + packet[1:2] + struct.pack("!H", len(packet) + len(options_))
    head += packet[4:10] + b"\0\0" + packet[12:20] + options_
    return head[:10] + struct.pack("!H", pkt.cksum(head)) + head[12:] + packet[20:]


def with_extension(number: int, body: bytes) -> bytes:
    packet = pkt.udp("2001:db8:c::7", "2001:db8::100", 1, 2, b"x")
    header = bytes([17, (len(body) + 2) // 8 - 1]) + body
    return (
        packet[:4]
        + struct.pack("!HB", len(packet) - 40 + len(header), number)
        + packet[7:40]
        + header
        + packet[40:]
    )


def received(host: Host, options_: bytes, local: bool = True) -> bytes:
    packet = Packet(with_options(options_))
    assert options.receive(host, packet, local)
    assert pkt.cksum(packet.data[: (packet.data[0] & 15) * 4]) == 0
    return packet.data[20 : (packet.data[0] & 15) * 4]


def test_routes_are_recorded(host: Host) -> None:
    assert received(host, RECORD) == bytes([7, 11, 8]) + OWN + bytes(5)
    assert received(host, RECORD, local=False)[3:7] == bytes([192, 0, 2, 1])
    full = bytes([7, 7, 8, 1, 2, 3, 4])
    assert received(host, full)[:7] == full


def test_times_are_recorded(host: Host) -> None:
    host.now = 1.5
    assert received(host, STAMP) == bytes([68, 12, 9, 0]) + (1500).to_bytes(4, "big") + bytes(4)
    both = received(host, bytes([68, 12, 5, 1]) + bytes(8))
    assert both == bytes([68, 12, 13, 1]) + OWN + (1500).to_bytes(4, "big")
    assert received(host, bytes([68, 8, 9, 0x20]) + bytes(4))[3] == 0x30, "one more had no room"


def test_what_changes_nothing(host: Host) -> None:
    for plain in (b"", b"\x01\x01\x01\x01", bytes([148, 4, 0, 0]), b"\x00\x44\x00\x00"):
        assert received(host, plain) == plain


@pytest.mark.parametrize(
    ("bad", "at"),
    [
        (bytes([7, 40, 4]), 20),
        (bytes([7, 1, 4]), 20),
        (bytes([1, 1, 1, 7]), 23),
        (bytes([7, 11, 3]) + bytes(8), 22),
        (bytes([7, 2]), 21),
        (bytes([7, 11, 9]) + bytes(8), 22),
        (bytes([68, 8, 9, 0xF0]) + bytes(4), 23),
    ],
)
def test_problems_have_a_place(host: Host, bad: bytes, at: int) -> None:
    with pytest.raises(options.Problem) as caught:
        options.receive(host, Packet(with_options(bad)), True)
    assert caught.value.at == at
    host.receive(pkt.eth("02:00:00:00:00:01", "02:00:00:00:00:fe", with_options(bad)), "eth0", 1.0)
    ((_, frame),) = host.drain()
    assert f"type 12 code 0 rest {at << 24:#x}" in pkt.describe(frame)


@pytest.mark.parametrize("kind", [options.LOOSE, options.STRICT])
def test_source_routes_are_refused(host: Host, kind: int) -> None:
    assert not options.receive(host, Packet(with_options(bytes([kind, 7, 4, 10, 1, 0, 11]))), True)


def test_forwarding_leaves_its_address(host: Host) -> None:
    packet = Packet(with_options(RECORD))
    options.receive(host, packet, False)
    options.forwarded(packet, bytes([10, 1, 0, 1]))
    assert packet.data[20:27] == bytes([7, 11, 8, 10, 1, 0, 1])


def test_answers_carry_them_on(host: Host) -> None:
    host.receive(pkt.eth("02:00:00:00:00:01", "02:00:00:00:00:fe", with_options(RECORD)), "eth0", 1.0)
    ((_, frame),) = host.drain()
    assert frame[34:46] == bytes([7, 11, 12]) + OWN + OWN + b"\0"
    assert options.echoed(host, pkt.udp(CLIENT, VIP, 1, 2), OWN) == b""
    assert options.echoed(host, with_options(bytes([7, 40, 4])), OWN) == b""


@pytest.mark.parametrize(
    ("number", "body", "verdict"),
    [
        (0, b"\x01\x04\0\0\0\0", True),
        (0, b"\0\0\0\0\0\0", True),
        (0, b"\x05\x02\0\0\x01\0", True),
        (0, b"\x1e\x04\0\0\0\0", True),
        (0, b"\x40\x04\0\0\0\0", False),
        (0, b"\x01\x09\0\0\0\0", False),
        (0, b"\x80\x04\0\0\0\0", (2, 42)),
        (0, b"\xc2\x04\0\0\0\0", (0, 44)),
        (60, b"\x40\x04\0\0\0\0", False),
        (60, b"\x80\x04\0\0\0\0", (2, 42)),
        (43, b"\0\0\0\0\0\0", True),
        (43, b"\0\1\0\0\0\0", (0, 42)),
    ],
)
def test_extension_headers(number: int, body: bytes, verdict: bool | tuple[int, int]) -> None:
    data = with_extension(number, body)
    look = options.hop_by_hop if number == 0 else options.extensions
    if isinstance(verdict, bool):
        assert look(data) is verdict
        return
    with pytest.raises(options.Problem) as caught:
        look(data)
    assert (caught.value.code, caught.value.at) == verdict


def place(look: Callable[[bytes], object], data: bytes) -> int:
    """Where the problem is that a look at the bytes finds, -1 for none."""
    try:
        look(data)
    except options.Problem as found:
        return found.at
    return -1


@given(st.binary(min_size=4, max_size=40), st.binary(min_size=6, max_size=30))
def test_no_bytes_raise_anything_else(four: bytes, six: bytes) -> None:
    for number in (0, 43, 60):
        data = with_extension(number, (six + bytes(8))[: (len(six) + 2) // 8 * 8 + 6])
        assert place(options.hop_by_hop, data) < len(data)
        assert place(options.extensions, data) < len(data)
    packet = with_options(four[: len(four) // 4 * 4])
    assert place(options.walk4, packet) < (packet[0] & 15) * 4


def test_the_authentication_header_is_not_known_here() -> None:
    """Recorded: the sender is told where AH is named, behind other extension headers too."""
    alone = with_extension(51, bytes(22))
    behind = with_extension(60, bytes((1, 4)) + bytes(4) + bytes((17, 4)) + bytes(22))
    behind = behind[:40] + bytes((51, 0)) + behind[42:]
    for number, at, data in ((51, 6, alone), (60, 40, behind)):
        with pytest.raises(options.Problem) as caught:
            options.extensions(data)
        assert (data[6], caught.value.code, caught.value.at) == (number, 1, at)
