from typing import Any

import pytest
from tests import pkt

from pyvs.cli.play import ipvsadm
from pyvs.play.player import REST, STATE, CannotPlay, play

SETUP = ["ipvsadm -A -t 192.0.2.100:80 -s rr", "ipvsadm -a -t 192.0.2.100:80 -r 10.1.0.11 -m"]
SYN = pkt.eth(
    "02:00:00:00:00:01", "02:00:00:00:00:fe", pkt.tcp("198.51.100.7", "192.0.2.100", 40001, 80, pkt.SYN)
).hex()


def test_a_result_has_the_form_of_a_recording(bare: dict[str, Any]) -> None:
    bare |= {"setup": SETUP, "steps": [{"iface": "eth0", "frame": SYN}, {"snap": "syn"}, {"cmd": "echo hi"}]}
    result = play(bare, ipvsadm)
    assert list(result) == ["scenario", "kernel", "setup", "log", "final", "dmesg"]
    assert result["scenario"] is bare
    assert result["setup"] == [{"cmd": line, "rc": 0, "output": ""} for line in SETUP]
    assert [(e["ev"], e["step"]) for e in result["log"]] == [("in", 0), ("out", 0), ("snap", 1), ("cmd", 2)]
    assert list(result["log"][2]["state"]) == list(STATE)
    assert result["log"][3] | {"t": 0} == {
        "t": 0,
        "ev": "cmd",
        "step": 2,
        "cmd": "echo hi",
        "rc": 0,
        "output": "hi\n",
    }
    assert set(result["final"]) == {*STATE, *REST, "sysctl"}
    assert result["final"]["sysctl"]["sync_threshold"] == "3 50"
    assert "SYN_RECV" in result["final"]["ipvsadm -Lnc"]


MASTER = [
    "sysctl -w net.ipv4.vs.sync_threshold='0 1'",
    "ipvsadm --start-daemon master --mcast-interface eth1 --syncid 5",
    "ipvsadm -A -u 192.0.2.100:53 -s rr",
    "ipvsadm -a -u 192.0.2.100:53 -r 10.1.0.11 -m",
]
QUERY = pkt.eth(
    "02:00:00:00:00:01", "02:00:00:00:00:fe", pkt.udp("198.51.100.7", "192.0.2.100", 40001, 53, b"q")
).hex()


def test_times_and_timers(bare: dict[str, Any]) -> None:
    bare["setup"] = MASTER
    bare["steps"] = [
        {"iface": "eth0", "frame": QUERY, "t": 1},
        {"cmd": "sleep 0.5"},
        {"snap": "x", "t": 9.999},
    ]
    log = play(bare, ipvsadm)["log"]
    message = next(e for e in log if e["ev"] == "out" and e["step"] is None)
    assert 3.0 <= message["t"] <= 4.1
    assert [e["t"] for e in log if e["step"] is not None] == pytest.approx([1, 1, 1.52, 10.01], abs=0.011)


def test_timers_during_a_command_are_its(bare: dict[str, Any]) -> None:
    bare["setup"] = MASTER
    bare["steps"] = [{"iface": "eth0", "frame": QUERY}, {"cmd": "sleep 5"}]
    assert [(e["ev"], e["step"]) for e in play(bare, ipvsadm)["log"]][2:] == [("cmd", 1), ("out", 1)]


def test_what_the_setup_sends_is_not_recorded(bare: dict[str, Any]) -> None:
    program = 'import socket; socket.socket(2, 2).sendto(b"q", ("10.1.0.11", 53))'
    bare["setup"] = [f"python3 -c '{program}'"]
    assert play(bare, ipvsadm)["log"] == []


def test_same_chance_gives_the_same(bare: dict[str, Any]) -> None:
    ping = pkt.eth(
        "02:00:00:00:00:01", "02:00:00:00:00:fe", pkt.icmp("198.51.100.7", "192.0.2.100", 8, 0)
    ).hex()
    bare["steps"] = [{"iface": "eth0", "frame": ping}]
    assert play(bare, ipvsadm) == play(bare, ipvsadm)
    assert play(bare, ipvsadm)["log"] != play(bare, ipvsadm, seed=2)["log"], "the identification is by chance"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"setup": ["frobnicate"]}, "bare, setup: the command 'frobnicate' is not known"),
        ({"steps": [{"cmd": "echo 'a"}]}, "bare, step 0: a single quote is not closed"),
        ({"routes": ["default via 9.9.9.9"]}, "can't be built: .*invalid gateway"),
        ({"sysctls": {"net.ipv4.vs.nosuch": 1}}, "can't be built"),
    ],
)
def test_what_cannot_be_played(bare: dict[str, Any], change: dict[str, Any], what: str) -> None:
    with pytest.raises(CannotPlay, match=what):
        play({**bare, **change}, ipvsadm)
