import json
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from scapy.all import IP, TCP, Ether

from pyvs.cli.explain import as_lines, as_tree, explain
from pyvs.core.reasons import Reason
from pyvs.datapath.device import Frame
from pyvs.datapath.pcap import PcapWriter
from pyvs.replay.walk import Step, Walk

RULES = """\
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m
-A -f 7 -s rr
-a -f 7 -r 10.1.0.12 -g
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").write_text(RULES)
    ether = Ether(src="02:00:00:00:00:fe", dst="02:00:00:00:00:01")
    client = IP(src="198.51.100.7", dst="192.0.2.100")
    with PcapWriter(tmp_path / "in.pcap") as writer:
        writer.transmit(Frame(bytes(ether / client / TCP(sport=40001, dport=80, flags="S"))))
        back = IP(src="10.1.0.11", dst="198.51.100.7") / TCP(sport=8080, dport=40001, flags="SA")
        writer.transmit(Frame(bytes(ether / back), time_ns=10**9))
        writer.transmit(
            Frame(bytes(ether / client / TCP(sport=40001, dport=80, flags="A")), time_ns=2 * 10**9)
        )
        writer.transmit(Frame(bytes(14)))
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(explain, [*words, "--rules", str(folder / "rules")], catch_exceptions=False)


def test_a_captured_packet_is_explained_in_its_state(folder: Path) -> None:
    output = run(folder, str(folder / "in.pcap"), "--packet", "3").output
    assert output.startswith("packet 3 at 2.000000 s: TCP 198.51.100.7:40001 > 192.0.2.100:80 [.]")
    assert "found, SYN_RECV" in output
    assert "ESTABLISHED, 900 s" in output
    assert "sends" in output
    assert "TCP 198.51.100.7:40001 > 10.1.0.11:8080 [.]" in output


def test_a_reply_is_explained_at_forward(folder: Path) -> None:
    walk = json.loads(run(folder, str(folder / "in.pcap"), "-n", "2", "--json").output)
    assert (walk["hook"], walk["reason"], walk["number"]) == ("FORWARD", "REPLY", 2)
    assert walk["steps"][0] == {"room": "host", "sentence": "routed on: time to live 64 becomes 63"}
    assert walk["sent"][0].startswith("if0: TCP 192.0.2.100:80 > 198.51.100.7:40001 [S.]")


def test_a_frame_that_does_not_reach_us_is_explained_too(folder: Path) -> None:
    output = run(folder, str(folder / "in.pcap"), "-n", "4").output
    assert "does not reach the virtual server: neither IPv4 nor IPv6" in output


def test_a_five_tuple(folder: Path) -> None:
    words = ["tcp", "198.51.100.7:40001", "192.0.2.100:80"]
    walk = json.loads(run(folder, *words, "--json").output)
    assert (walk["hook"], walk["verdict"], walk["reason"]) == (
        "LOCAL_IN", "taken over by the virtual server", "FORWARDED"
    )  # fmt: skip
    rooms = {step["room"]: step["sentence"] for step in walk["steps"]}
    assert rooms["scheduler"] == "rr chose 10.1.0.11:8080"
    assert "NOT_AN_OPENER" in run(folder, *words, "--flags", "A").output
    assert "NO_SERVICE" in run(folder, *words[:2], "192.0.2.100:81").output
    assert "forward" in run(folder, *words, "--hook", "forward").output.lower()


def test_a_mark(folder: Path) -> None:
    output = run(folder, "udp", "198.51.100.7:5", "203.0.113.1:53", "--mark", "7=203.0.113.1").output
    assert "firewall mark 7" in output
    assert "rr chose 10.1.0.12" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tcp", "1.2.3.4", "5.6.7.8:80"], "'1.2.3.4': expected ADDRESS:PORT"),
        (["tcp", "1.2.3.4:5"], "expected a capture, PROTOCOL SOURCE DESTINATION, or a REASON"),
        (["{}/in.pcap"], "Say --packet NUMBER, counted from 1"),
        (["{}/in.pcap", "-n", "9"], "has 4 packets: there is no packet 9"),
        (["{}/none.pcap", "-n", "1"], "can't be read: No such file"),
        (["tcp", "1.2.3.4:5", "5.6.7.8:80", "--flags", "Q"], "TCP flag 'Q' is not known"),
    ],
)
def test_mistakes_are_a_sentence(folder: Path, words: list[str], message: str) -> None:
    result = run(folder, *(word.format(folder) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_damaged_capture_can_hide_the_packet(folder: Path) -> None:
    path = folder / "in.pcap"
    path.write_bytes(path.read_bytes()[:-5])
    result = run(folder, str(path), "-n", "4")
    assert "damaged at offset" in result.stderr
    assert "packet 4 can't be reached" in result.stderr
    assert run(folder, str(path), "-n", "3").exit_code == 0


def test_decisions_stand_under_their_function() -> None:
    walk = Walk(
        "a packet",
        mark=3,
        hook="LOCAL_IN",
        steps=[Step("hook", "LOCAL_IN: incoming"), Step("connection", "none")],
        verdict="dropped",
        reason="NO_ROUTE",
        explanation="no route to the server",
        sent=["eth0: an answer"],
    )
    assert as_lines(walk) == [
        "a packet",
        "  mark        firewall mark 3",
        "  LOCAL_IN: incoming",
        "    connection  none",
        "  dropped (NO_ROUTE: no route to the server)",
        "    sends       eth0: an answer",
    ]
    console = Console(record=True, width=80, file=StringIO())
    console.print(as_tree(walk))
    assert console.export_text().split("\n") == [
        "a packet",
        "├── mark: firewall mark 3",
        "├── LOCAL_IN: incoming",
        "│   └── connection: none",
        "└── dropped (NO_ROUTE: no route to the server)",
        "    └── sends eth0: an answer",
        "",
    ]


def test_the_help_shows_its_examples_as_they_are_written() -> None:
    text = CliRunner().invoke(explain, ["--help"]).output
    assert "\n  pyvs explain IN.pcap --packet 7 --rules FILE\n  pyvs explain tcp 198.51" in text
    assert "\\b" not in text


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_every_counted_reason_is_named(reason: Reason) -> None:
    """Those too that no packet of a capture can show: of agents, of synchronisation."""
    result = CliRunner().invoke(explain, [reason.name], catch_exceptions=False)
    assert (result.exit_code, result.output) == (0, f"{reason.name}: {reason.sentence}\n")


def test_a_word_that_is_no_reason_is_taken_for_a_capture(folder: Path) -> None:
    assert "NO_SUCH_REASON" in run(folder, "NO_SUCH_REASON", "-n", "1").output
    assert "Missing option" in CliRunner().invoke(explain, ["NO_SUCH_REASON"]).output
