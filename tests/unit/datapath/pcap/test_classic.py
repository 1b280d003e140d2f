import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import IP, TCP, Ether

from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import PcapReader, PcapWriter
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
