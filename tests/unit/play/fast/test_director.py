from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pyvs.cli.play import ipvsadm
from pyvs.fastpath.tables import Miss
from pyvs.fastpath.testrun import Outcome
from pyvs.host.ethernet import mac
from pyvs.play.director import Director
from pyvs.play.fast.director import FastDirector, Fault, unpadded
from pyvs.play.fast.stage import NoFastPath, Stage
from pyvs.play.fast.tally import UNTRIED
from pyvs.play.player import Player
from pyvs.play.scenario import parse
from pyvs.testing.wire import tcp

FROM_ROUTER = mac("02:00:00:00:00:01") + mac("02:00:00:00:00:fe") + b"\x08\0"
FROM_SERVER = mac("02:00:00:00:01:01") + mac("02:00:00:00:02:01") + b"\x08\0"
SYN = FROM_ROUTER + tcp("198.51.100.7", "192.0.2.100", 4000, 80, 0x02)
ANSWER = FROM_SERVER + tcp("10.1.0.11", "198.51.100.7", 8080, 4000, 0x12)
ACK = FROM_ROUTER + tcp("198.51.100.7", "192.0.2.100", 4000, 80, 0x10)
SETUP = ["ipvsadm -A -t 192.0.2.100:80 -s rr", "ipvsadm -a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m"]


@pytest.mark.parametrize(
    "packet", [SYN[14:], tcp("2001:db8:c::7", "2001:db8::100", 4000, 80, 0x02)], ids=["four", "six"]
)
def test_padding_is_cut_off(packet: bytes) -> None:
    kind = b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd"
    assert unpadded(bytes(12) + kind + packet + b"padding") == bytes(12) + kind + packet


def test_other_frames_are_whole() -> None:
    assert unpadded(bytes(60)) == bytes(60)


@pytest.fixture(params=["tc", "xdp"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    try:
        made = Stage(request.param, new=True)
    except NoFastPath as why:
        pytest.skip(str(why))
    with made:
        yield made


Plays = Callable[[list[dict[str, Any]]], tuple[dict[str, Any], FastDirector]]


@pytest.fixture
def plays(stage: Stage, bare: dict[str, Any]) -> Plays:
    """What comes of steps, and the director; a director without the fast path does the same."""

    def play(steps: list[dict[str, Any]]) -> tuple[dict[str, Any], FastDirector]:
        scenario = parse({**bare, "setup": SETUP, "steps": steps})
        player = Player(scenario, ipvsadm, make=partial(FastDirector, stage=stage))
        played = player.run()
        plain = Player(scenario, ipvsadm, make=Director).run()
        assert played["log"] == plain["log"]
        assert played["final"] == plain["final"]
        assert isinstance(player.director, FastDirector)
        return played, player.director

    return play


def frames(*given: bytes) -> list[dict[str, Any]]:
    return [{"iface": "eth0" if f[:6] == FROM_ROUTER[:6] else "eth1", "frame": f.hex()} for f in given]


@pytest.mark.root
def test_what_the_programs_serve_is_what_the_director_sends_and_lists(plays: Plays) -> None:
    played, director = plays([*frames(SYN, ANSWER, ACK), {"cmd": "ipvsadm -Lnc"}, {"snap": "then"}])
    assert director.tally.lines() == ["3 of 3 packets served by the programs (100 %)"]
    assert "ESTABLISHED 198.51.100.7:4000" in played["final"]["ipvsadm -Lnc"]
    assert [event["iface"] for event in played["log"] if event["ev"] == "out"] == ["eth1", "eth0", "eth1"]


@pytest.mark.root
def test_what_goes_up_is_the_hosts(plays: Plays) -> None:
    last = SYN[:22] + b"\1" + SYN[23:]  # a time to live of 1: the checksum is another one
    right = int.from_bytes(SYN[24:26], "big") + ((SYN[22] - 1) << 8)
    last = last[:24] + (right % 0xFFFF).to_bytes(2, "big") + last[26:]
    _, director = plays(frames(last, b"\xff" * 12 + b"\x08\x06", SYN[:12]))
    assert director.tally.served == 0
    assert director.tally.up == {Miss.TTL.sentence: 1, Miss.NOT_FOR_HOST.sentence: 1, UNTRIED: 1}


@pytest.mark.root
def test_time_ends_what_the_programs_own(plays: Plays) -> None:
    lines = [{"cmd": "ipvsadm -Ln"}, {"cmd": "ipvsadm -Lnc"}]
    played, director = plays([*frames(SYN), {"cmd": "sleep 59"}, *lines, {"cmd": "sleep 2"}, *lines])
    listings = [event["output"] for event in played["log"] if "-L" in event.get("cmd", "")]
    assert ["SYN_RECV" in listings[1], "SYN_RECV" in listings[3]] == [True, False]
    assert [text.split()[-2] for text in (listings[0], listings[2])] == ["1", "0"]
    assert director.tally.served == 1


@pytest.mark.root
def test_routes_that_change_are_followed(plays: Plays) -> None:
    steps = [
        *frames(SYN, ANSWER),
        {"cmd": "ip route replace default via 192.0.2.253"},
        {"cmd": "ip neigh add 192.0.2.253 lladdr 02:00:00:00:00:fd dev eth0"},
        *frames(ANSWER),
    ]
    played, director = plays(steps)
    out = [event["hex"][:12] for event in played["log"] if event["ev"] == "out"]
    assert out == ["020000000201", "0200000000fe", "0200000000fd"]
    assert director.tally.served == 3


@pytest.mark.root
def test_a_program_that_does_what_it_must_not_is_found(
    stage: Stage, plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sent = Stage.run, {"tc": 7, "xdp": 3}

    def changed(stage: Stage, frame: bytes, interface: str) -> Outcome | None:
        outcome = run(stage, frame, interface)
        return outcome and outcome._replace(
            frame=b"\0" + outcome.frame[1:], verdict={"tc": 0, "xdp": 2}[stage.mode]
        )

    def elsewhere(stage: Stage, frame: bytes, interface: str) -> Outcome:
        return Outcome(sent[stage.mode], frame, 0)

    monkeypatch.setattr(Stage, "run", changed)
    with pytest.raises(Fault, match="changed a frame that it left to the host"):
        plays(frames(SYN))
    monkeypatch.setattr(Stage, "run", elsewhere)
    with pytest.raises(Fault, match="the address 02:00:00:00:00:fe"):
        plays(frames(SYN))
