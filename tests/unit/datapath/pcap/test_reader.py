from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import IP, TCP, Ether

from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import CaptureError, PcapReader, PcapWriter

SYN = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(dst="192.0.2.100") / TCP(dport=80))
T = 1_700_000_000_123_456_789

in_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def written(path: Path, content: list[Frame], **more: int) -> Path:
    with PcapWriter(path, **more) as writer:
        for frame in content:
            writer.transmit(frame)
    return path


def read(path: Path) -> tuple[list[Frame], str | None]:
    with PcapReader(path) as reader:
        return list(reader.receive()), reader.problem


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
