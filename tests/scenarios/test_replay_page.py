"""The examples of docs/replay.md are what the commands print, word for word."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scapy.all import ARP, IP, TCP, Ether

from pyvs.cli.main import main
from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import PcapWriter

PAGE = Path(__file__).parents[2] / "docs" / "replay.md"
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
VIP = "192.0.2.100"
ROUTER, OUTSIDE, INSIDE = "02:00:00:00:00:fe", "02:00:00:00:00:01", "02:00:00:00:01:01"
SERVERS = [("10.1.0.12", "02:00:00:00:02:02"), ("10.1.0.11", "02:00:00:00:02:01")]
T = 1_700_000_000_000_000_000


def write_capture(path: Path) -> None:
    """Four clients ask two servers by turns, as a director's two interfaces see it; the last one gets no answer."""
    frames: list[tuple[str, Any]] = []

    def client(number: int, flags: str, seq: int, ack: int, data: bytes = b"") -> None:
        ends = IP(src=f"198.51.100.{7 + number}", dst=VIP, flags="DF", id=number)
        tcp = TCP(sport=40001 + number, dport=80, flags=flags, seq=seq, ack=ack)
        frames.append(("eth0", Ether(src=ROUTER, dst=OUTSIDE) / ends / tcp / data))

    def server(number: int, flags: str, seq: int, ack: int, data: bytes = b"") -> None:
        address, mac = SERVERS[number % 2]
        ends = IP(src=address, dst=f"198.51.100.{7 + number}", flags="DF", id=number)
        tcp = TCP(sport=8080, dport=40001 + number, flags=flags, seq=seq, ack=ack)
        frames.append(("eth1", Ether(src=mac, dst=INSIDE) / ends / tcp / data))

    for number in range(3):
        client(number, "S", 1000, 0)
        server(number, "SA", 5000, 1001)
        client(number, "A", 1001, 5001)
        client(number, "PA", 1001, 5001, b"GET / HTTP/1.0\r\n\r\n")
        server(number, "PA", 5001, 1019, b"HTTP/1.0 200 OK\r\n\r\nhello\n")
        server(number, "FA", 5026, 1019)
        client(number, "FA", 1019, 5027)
        server(number, "A", 5027, 1020)
    client(3, "S", 1000, 0)
    frames.append(
        ("eth0", Ether(src=ROUTER, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="192.0.2.254", hwsrc=ROUTER, pdst=VIP))
    )
    with PcapWriter(path) as writer:
        for number, (interface, packet) in enumerate(frames):
            time_ns = T + number * 5_000_000
            writer.transmit(Frame(bytes(packet), time_ns=time_ns, interface=interface, way=Way.IN))


def examples() -> list[tuple[str, str]]:
    """Commands and what they print, but for what plays the recordings: other tests do."""
    return re.findall(
        r"^    \$ (pyvs (?:replay|explain) [^\n]*)\n((?:    [^\n]*\n|\n(?=    ))*)",
        PAGE.read_text(),
        re.MULTILINE,
    )


def test_the_page_has_examples() -> None:
    assert [shlex.split(command)[1] for command, _ in examples()] == [
        "replay",
        "explain",
        "explain",
        "explain",
    ]


@pytest.mark.parametrize("number", range(4))
def test_an_example_is_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.chdir(tmp_path)
    write_capture(tmp_path / "in.pcapng")
    rules = re.search(r"^    # web\.rules\n((?:    [^\n]*\n)+)", PAGE.read_text(), re.MULTILINE)
    assert rules is not None
    (tmp_path / "web.rules").write_text(rules[1])
    command, printed = examples()[number]
    result = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
    expected = "\n".join(line.removeprefix("    ") for line in printed.rstrip("\n").split("\n")) + "\n"
    assert result.output == expected


def test_all_recordings_are_counted() -> None:
    number = len(list(RECORDINGS.glob("*.json")))
    assert re.findall(r"(\d+) of (\d+) scenarios played", PAGE.read_text()) == [(str(number),) * 2] * 2
