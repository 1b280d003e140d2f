import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.all import IP, TCP, Ether, PcapNgReader, RawPcapReader

from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import CaptureError, Interface, PcapReader, PcapWriter

SYN = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(dst="192.0.2.100") / TCP(dport=80))
T = 1_700_000_000_123_456_789


def written(path: Path, content: list[Frame], **more: int) -> Path:
    with PcapWriter(path, **more) as writer:
        for frame in content:
            writer.transmit(frame)
    return path


def read(path: Path) -> tuple[list[Frame], str | None]:
    with PcapReader(path) as reader:
        return list(reader.receive()), reader.problem


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


def test_a_classic_file_has_one_link_type(tmp_path: Path) -> None:
    with (
        PcapWriter(tmp_path / "a.pcap") as writer,
        pytest.raises(CaptureError, match=r"name the file \.pcapng"),
    ):
        writer.transmit(Frame(b"", link=101))
