"""Both formats, read and written: round trips, scapy and tcpdump as judges, damage, fuzz."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import IP, TCP, Ether, PcapNgReader, RawPcapReader

from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import CaptureError, Interface, PcapReader, PcapWriter
from pyvs.datapath.pcap.capture import LONGEST

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


@in_folder
@given(st.lists(frames, max_size=6))
def test_pcapng_keeps_everything(tmp_path: Path, content: list[Frame]) -> None:
    for number, frame in enumerate(content, 1):
        frame.number = number
        frame.length += number % 3
    assert read(written(tmp_path / "a.pcapng", content)) == (content, None)


@in_folder
@given(st.lists(frames, max_size=6))
def test_pcap_keeps_all_but_interface_and_way(tmp_path: Path, content: list[Frame]) -> None:
    for frame in content:
        frame.link = 101
    back, problem = read(written(tmp_path / "a.pcap", content, link=101))
    assert problem is None
    assert [(f.data, f.time_ns, f.length, f.link) for f in back] == [
        (f.data, f.time_ns, f.length, f.link) for f in content
    ]
    assert {f.way for f in back} <= {Way.UNKNOWN}


@pytest.mark.parametrize(
    ("order", "magic", "fraction", "time_ns"),
    [
        ("<", 0xA1B2C3D4, 123_456, 123_456_000),
        (">", 0xA1B2C3D4, 123_456, 123_456_000),
        ("<", 0xA1B23C4D, 123_456_789, 123_456_789),
        (">", 0xA1B23C4D, 123_456_789, 123_456_789),
    ],
)
def test_pcap_of_either_order_and_resolution(
    tmp_path: Path, order: str, magic: int, fraction: int, time_ns: int
) -> None:
    path = tmp_path / "a.pcap"
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 0x14000000 | 113)
    path.write_bytes(head + struct.pack(order + "IIII", 5, fraction, 4, 90) + b"data")
    (frame,), problem = read(path)
    assert problem is None
    assert (frame.data, frame.time_ns, frame.length, frame.link) == (
        b"data",
        5_000_000_000 + time_ns,
        90,
        113,
    )


def ng_block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def ng_section(order: str) -> bytes:
    return ng_block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


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


def test_interfaces_are_described_before_their_frames(tmp_path: Path) -> None:
    interface = Interface("eth1", 1, addresses=[(bytes([10, 1, 0, 1]), 24), (bytes(16), 64)], mac=b"\2" * 6)
    with PcapWriter(tmp_path / "a.pcapng") as writer:
        writer.describe(interface)
        writer.transmit(Frame(SYN, interface="eth1"))
        assert list(writer.receive()) == []
    with PcapReader(tmp_path / "a.pcapng") as reader:
        assert len(list(reader.receive())) == 1
        (back,) = reader.interfaces
    assert (back.name, back.addresses, back.mac) == (interface.name, interface.addresses, interface.mac)


def test_scapy_reads_the_same(tmp_path: Path) -> None:
    content = [
        Frame(SYN, time_ns=T, interface="eth0", way=Way.OUT),
        Frame(SYN[:20], length=99, time_ns=T + 1),
    ]
    path = written(tmp_path / "a.pcapng", content)
    with PcapNgReader(str(path)) as reader:
        first, second = reader.read_packet(), reader.read_packet()
    assert (bytes(first), first.sniffed_on, first.direction) == (SYN, "eth0", 2)
    assert int(first.time * 10**9) == T
    assert second.wirelen == 99
    with RawPcapReader(str(written(tmp_path / "a.pcap", content))) as raw:
        assert [(data, meta.wirelen, meta.usec) for data, meta in raw] == [
            (SYN, len(SYN), T % 10**9), (SYN[:20], 99, T % 10**9 + 1)
        ]  # fmt: skip


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed")
@pytest.mark.parametrize("name", ["a.pcap", "a.pcapng"])
def test_tcpdump_reads_it(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, [Frame(SYN, time_ns=T, interface="eth0", way=Way.IN)] * 2)
    done = subprocess.run(["tcpdump", "-nr", path], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.count("192.0.2.100.80: Flags [S]") == 2


# ---- what is wrong ---------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "it is empty"), (b"GIF89a", "it begins with 47 49 46 38: expected pcap or pcapng")],
)
def test_no_capture(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=message):
        PcapReader(path)


def test_no_file_and_no_place(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="can't be read: No such file"):
        PcapReader(tmp_path / "missing.pcap")
    with pytest.raises(CaptureError, match="can't be read: Is a directory"):
        PcapReader(tmp_path)
    with pytest.raises(CaptureError, match="can't be written: No such file"):
        PcapWriter(tmp_path / "no" / "a.pcap")


def test_a_reader_takes_no_frames(tmp_path: Path) -> None:
    with (
        PcapReader(written(tmp_path / "a.pcap", [])) as reader,
        pytest.raises(CaptureError, match="is being read"),
    ):
        reader.transmit(Frame(b""))


def test_a_classic_file_has_one_link_type(tmp_path: Path) -> None:
    with (
        PcapWriter(tmp_path / "a.pcap") as writer,
        pytest.raises(CaptureError, match=r"name the file \.pcapng"),
    ):
        writer.transmit(Frame(b"", link=101))


@pytest.mark.parametrize("name", ["a.pcap", "a.pcapng"])
@pytest.mark.parametrize("cut", [1, 5, 17, 60])
def test_a_truncated_file_gives_what_is_before(tmp_path: Path, name: str, cut: int) -> None:
    path = written(tmp_path / name, [Frame(SYN, time_ns=T)] * 3)
    path.write_bytes(path.read_bytes()[:-cut])
    content, problem = read(path)
    assert [frame.data for frame in content] == [SYN, SYN]
    assert problem is not None
    assert problem.startswith(f"{path}: damaged at offset ")
    assert " ends after " in problem


def test_a_lying_length_is_damage_with_its_offset(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcap", [Frame(SYN)])
    good = path.read_bytes()
    path.write_bytes(good + struct.pack("<IIII", 0, 0, LONGEST + 1, 9))
    content, problem = read(path)
    assert len(content) == 1
    assert (
        problem
        == f"{path}: damaged at offset {len(good)}: packet 2 claims 262145 bytes, more than the 262144 allowed"
    )


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


@in_folder
@given(st.sampled_from(["a.pcap", "a.pcapng"]), st.data())
def test_changed_bytes_end_the_file_at_worst(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content = bytearray(written(tmp_path / name, [Frame(SYN, interface="eth0", way=Way.IN)] * 3).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content)
    back, _problem = read(tmp_path / name)
    assert len(back) <= 20


@in_folder
@given(
    st.sampled_from([b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d"]), st.binary(max_size=300)
)
def test_any_bytes_after_the_magic(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    (tmp_path / "a").write_bytes(magic + rest)
    read(tmp_path / "a")
