import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import IP, TCP, Ether

from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import PcapReader, PcapWriter

SYN = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(dst="192.0.2.100") / TCP(dport=80))
T = 1_700_000_000_123_456_789

frames = st.builds(
    Frame,
    st.binary(max_size=80),
    time_ns=st.integers(0, 2**32 * 1_000_000_000 - 1),
    interface=st.sampled_from(["eth0", "eth1", "weiß-0"]),
    way=st.sampled_from(Way),
    link=st.sampled_from([1, 101, 113]),
)
in_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def written(path: Path, content: list[Frame], **more: int) -> Path:
    with PcapWriter(path, **more) as writer:
        for frame in content:
            writer.transmit(frame)
    return path


def read(path: Path) -> tuple[list[Frame], str | None]:
    with PcapReader(path) as reader:
        return list(reader.receive()), reader.problem


def ng_block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def ng_section(order: str) -> bytes:
    return ng_block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


@in_folder
@given(st.lists(frames, max_size=6))
def test_pcapng_keeps_everything(tmp_path: Path, content: list[Frame]) -> None:
    for number, frame in enumerate(content, 1):
        frame.number = number
        frame.length += number % 3
    assert read(written(tmp_path / "a.pcapng", content)) == (content, None)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_blocks_of_all_kinds(tmp_path: Path, order: str) -> None:
    def option(code: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    interface = (
        struct.pack(order + "HHI", 1, 0, 3)
        + option(2, b"eth7")
        + option(4, bytes([10, 0, 0, 1, 255, 255, 0, 0]))
        + option(5, bytes(15) + b"\1\x40")
        + option(6, bytes(6))
        + option(9, b"\x8a")  # 2**-10 seconds
        + option(14, struct.pack(order + "q", 100))
        + option(0, b"")
    )
    packet = struct.pack(order + "IIIII", 0, 0, 512, 3, 3) + b"abc\0" + option(2, struct.pack(order + "I", 2))
    path = tmp_path / "a.pcapng"
    path.write_bytes(
        ng_section(order)
        + ng_block(order, 1, interface)
        + ng_block(order, 0x0BAD, b"whatever")
        + ng_block(order, 6, packet)
        + ng_block(order, 3, struct.pack(order + "I", 9) + b"def")
        + ng_block(order, 2, struct.pack(order + "HHIIII", 0, 0, 0, 1024, 2, 2) + b"gh")
        + ng_section("<" if order == ">" else ">")
    )
    with PcapReader(path) as reader:
        one, two, three = reader.receive()
        assert reader.problem is None
        assert reader.interfaces[0].addresses == [(bytes([10, 0, 0, 1]), 16), (bytes(15) + b"\1", 64)]
        assert str(reader.interfaces[0]) == "eth7 (10.0.0.1/16, ::1/64)"
    assert (one.data, one.time_ns, one.way, one.interface) == (b"abc", 100_500_000_000, Way.OUT, "eth7")
    assert (two.data, two.length, two.missing) == (b"def", 9, 6)
    assert (three.data, three.time_ns) == (b"gh", 101_000_000_000)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (ng_block("<", 6, bytes(20)), "packet 1 is of interface 0, which the file does not describe"),
        (ng_block("<", 6, bytes(8)), "the block of packet 1 is too short"),
        (ng_block("<", 1, bytes(4)), "an interface block is too short"),
        (struct.pack("<II", 6, 13), "a block of 13 bytes can't be"),
        (struct.pack("<II", 6, 1 << 30), "a block of 1073741824 bytes can't be"),
        (struct.pack("<III", 99, 12, 16), "the two lengths of a block differ"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 7), "no byte-order mark but 07000000"),
        (
            ng_block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)),
            "version 2 of pcapng is not known",
        ),
    ],
)
def test_broken_blocks(tmp_path: Path, tail: bytes, message: str) -> None:
    path = tmp_path / "a.pcapng"
    path.write_bytes(ng_section("<") + tail)
    content, problem = read(path)
    assert content == []
    assert problem is not None
    assert f"damaged at offset {len(ng_section('<'))}: " in problem
    assert message in problem
