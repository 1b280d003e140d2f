import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from scapy.all import IP, TCP, Ether, PcapNgReader, Raw

from pyvs.cli.replay import replay
from pyvs.datapath.device import Frame
from pyvs.datapath.pcap import PcapReader, PcapWriter

CLIENT, VIP, SERVER = "198.51.100.7", "192.0.2.100", "10.1.0.11"
ROUTER, DIRECTOR, REAL = "02:00:00:00:00:fe", "02:00:00:00:00:01", "02:00:00:00:02:01"
RULES = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m\n"
T = 1_700_000_000_000_000_000


def client(flags: str, port: int = 40001, **more: Any) -> Any:
    return (
        Ether(src=ROUTER, dst=DIRECTOR)
        / IP(src=CLIENT, dst=VIP)
        / TCP(sport=port, dport=80, flags=flags, **more)
    )


def server(flags: str, port: int = 40001, source: str = SERVER) -> Any:
    return (
        Ether(src=REAL, dst=DIRECTOR) / IP(src=source, dst=CLIENT) / TCP(sport=8080, dport=port, flags=flags)
    )


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    (tmp_path / "rules").write_text(RULES)
    path = tmp_path / "in.pcap"
    with PcapWriter(path) as writer:
        for number, packet in enumerate(
            [client("S"), server("SA"), client("A"), client("S", 40002), bytes(14)]
        ):
            writer.transmit(Frame(bytes(packet), time_ns=T + number * 10**8))
    return path


def run(capture: Path, *words: str) -> Result:
    arguments = [str(capture), "--rules", str(capture.parent / "rules"), *words]
    return CliRunner().invoke(replay, arguments, catch_exceptions=False)


def test_says_which_client_went_where(capture: Path) -> None:
    result = run(capture)
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.split("\n")]
    assert ["198.51.100.7:40001", "TCP", "192.0.2.100:80", "10.1.0.11:8080", "3", "ESTABLISHED"] in lines
    assert ["198.51.100.7:40002", "TCP", "192.0.2.100:80", "10.1.0.11:8080", "1", "SYN_RECV"] in lines
    assert ["TCP", "192.0.2.100:80", "10.1.0.11:8080", "2", "100.0", "%", "4"] in lines
    assert ["STOLEN", "FORWARDED", "3", "sent", "to", "the", "server"] in lines
    assert ["NOT_IP", "1", "neither", "IPv4", "nor", "IPv6"] in lines
    assert f"{capture}: 5 frames in 0.400 s, 2 connections, 4 frames emitted" in result.output


def test_writes_what_would_have_been_emitted(capture: Path) -> None:
    out = capture.parent / "out.pcapng"
    assert f"4 frames emitted, written to {out}" in run(capture, "-o", str(out)).output
    with PcapNgReader(str(out)) as reader:
        frames = list(reader)
    assert [(f.direction, f[IP].src, f[IP].dst, f[TCP].dport) for f in frames] == [
        (2, CLIENT, SERVER, 8080), (2, VIP, CLIENT, 40001), (2, CLIENT, SERVER, 8080), (2, CLIENT, SERVER, 8080)
    ]  # fmt: skip
    assert [int(f.time * 10**9) - T for f in frames] == [0, 10**8, 2 * 10**8, 3 * 10**8]


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_tshark_finds_all_checksums_right(capture: Path) -> None:
    out = capture.parent / "out.pcapng"
    run(capture, "-o", str(out))
    fields = ["-e", "ip.checksum.status", "-e", "tcp.checksum.status"]
    checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    done = subprocess.run(
        ["tshark", "-r", out, "-T", "fields", *fields, *checks],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split("\n") == ["1\t1"] * 4 + [""]


def test_a_classic_file_of_several_link_types_is_raw(capture: Path) -> None:
    mixed = capture.parent / "mixed.pcapng"
    with PcapWriter(mixed) as writer:
        writer.transmit(Frame(bytes(client("S")), time_ns=T, interface="eth0"))
        writer.transmit(Frame(bytes(client("A")[IP]), time_ns=T, interface="tun0", link=101))
    out = capture.parent / "out.pcap"
    assert run(mixed, "-o", str(out)).exit_code == 0
    with PcapReader(out) as reader:
        frames = list(reader.receive())
    assert [(frame.link, frame.data[0] >> 4) for frame in frames] == [(101, 4), (101, 4)]


def test_json(capture: Path) -> None:
    report = json.loads(run(capture, "--json").stdout)
    assert report["frames"] == 5
    assert report["sent"] == 4
    assert report["clients"][0] == {
        "client": "198.51.100.7:40001",
        "service": "TCP 192.0.2.100:80",
        "server": "10.1.0.11:8080",
        "packets": 3,
        "state": "ESTABLISHED",
    }
    assert report["servers"][0]["connections"] == 2
    assert {"verdict": "ACCEPT", "reason": "REPLY", "packets": 1} in report["verdicts"]
    assert report["skipped"] == {"NOT_IP": 1}
    assert report["problem"] is None


def test_trace_tells_each_frame(capture: Path) -> None:
    lines = run(capture, "--trace").stderr.split("\n")
    assert lines[0].startswith("1700000000.000000 < TCP 198.51.100.7:40001 > 192.0.2.100:80 [S]")
    assert lines[1].startswith("1700000000.000000 > if0 TCP 198.51.100.7:40001 > 10.1.0.11:8080 [S]")
    assert run(capture, "--trace", "-o", str(capture.parent / "out.pcap")).stderr.split("\n") == lines


def test_rows_are_limited(capture: Path) -> None:
    output = run(capture, "--rows", "1").output
    assert "... and 1 more connection (--rows 0 lists all)" in output
    assert "... and" not in run(capture, "--rows", "0").output


def test_packets_of_other_servers_are_told(capture: Path) -> None:
    with PcapWriter(capture) as writer:
        writer.transmit(Frame(bytes(server("SA", 49999))))
    assert "1 packet of servers without a connection here" in run(capture).output


def test_a_damaged_capture_is_played_up_to_there(capture: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-20])
    result = run(capture)
    assert result.exit_code == 1
    assert f"pyvs replay: {capture}: damaged at offset" in result.stderr
    assert "4 frames in" in result.stdout
    assert "damaged at offset" in json.loads(run(capture, "--json").stdout)["problem"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "{}/in.pcap"], "is the capture itself: name another file for -o"),
        (["-o", "{}/no/out.pcap"], "can't be written: No such file"),
        (["--mark", "x"], "--mark x: expected MARK="),
        (["--rules", "{}/missing"], "can't be read: No such file"),
        (["--rules", "{}/bad"], "bad:1: neither a rule nor a setting"),
        (["--local", "here"], "'here': expected ADDRESS/PREFIX"),
    ],
)
def test_mistakes_are_a_sentence(capture: Path, words: list[str], message: str) -> None:
    (capture.parent / "bad").write_text("nonsense")
    result = run(capture, *(word.format(capture.parent) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_no_capture(capture: Path) -> None:
    result = run(capture.parent / "missing.pcap")
    assert result.exit_code == 2
    assert "can't be read: No such file" in result.stderr
    (capture.parent / "text.pcap").write_text("hello")
    assert "no capture file" in run(capture.parent / "text.pcap").stderr


def test_the_mtu_and_the_kernels_ways_can_be_chosen(capture: Path) -> None:
    packets = [client("S"), client("PA") / Raw(b"x" * 1400)]
    packets[1][IP].flags = "DF"
    with PcapWriter(capture) as writer:
        for packet in packets:
            writer.transmit(Frame(bytes(packet)))
    assert "TOO_BIG" in run(capture, "--mtu", "1000", "--as-kernel").output
    assert "TOO_BIG" not in run(capture).output
