"""Every recording, played with the fast path on: what engine and programs do together is what the kernel did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import compare
from tests.fastpath.network import may_load

from pyvs.cli.play import ipvsadm
from pyvs.fastpath.fast import Mode
from pyvs.play.fast.director import FastDirector, Fault
from pyvs.play.fast.stage import NoFastPath, Stage
from pyvs.play.fast.tally import Tally
from pyvs.play.player import Player
from pyvs.play.scenario import parse

pytestmark = pytest.mark.root
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))
MODES: tuple[Mode, Mode] = ("tc", "xdp")
Play = Callable[[str, Mode, bool], tuple[list[str], Tally, dict[str, Any]]]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """Plays a recording by name: (differences, tally, what was played)."""
    if not may_load():
        pytest.skip("programs can be loaded by root only")
    stages: dict[tuple[Mode, bool], Stage] = {}
    with ExitStack() as exits:

        def run(name: str, mode: Mode, new: bool) -> tuple[list[str], Tally, dict[str, Any]]:
            if (mode, new) not in stages:
                try:
                    stages[mode, new] = exits.enter_context(Stage(mode, new=new))
                except NoFastPath as why:
                    pytest.skip(str(why))
            recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
            player = Player(parse(recorded), ipvsadm, make=partial(FastDirector, stage=stages[mode, new]))
            played = player.run()
            assert isinstance(player.director, FastDirector)
            return compare.differences(recorded, played), player.director.tally, played

        yield run


@pytest.mark.parametrize("new", [False, True], ids=["new-off", "new-on"])
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_kernel(name: str, new: bool, play: Play) -> None:
    """Each by both programs: one schedules, the other leaves that to the engine."""
    mode = MODES[(NAMES.index(name) + new) % 2]
    found, tally, _ = play(name, mode, new)
    assert not found, "\n".join(found)
    assert tally.packets == sum("frame" in step for step in steps(name))


def steps(name: str) -> list[dict[str, Any]]:
    recorded: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    found: list[dict[str, Any]] = recorded["scenario"]["steps"]
    return found


SERVED = {
    "nat-tcp": (7, 8),
    "nat-udp": (3, 4),
    "v6-nat": (6, 7),
    "dr-tcp": (4, 5),
    "tun-ipip": (3, 4),
    "tun-gre": (3, 4),
    "tun-gue": (3, 4),
    "tun-gue-csum": (3, 4),
    "tun-icmp-gre-csum": (5, 6),
    "conn-reuse-3": (31, 41),
    "drop-entry-spares": (60, 96),
    "sync-v1-every": (8, 11),
    "sched-wrr": (8, 108),
    "sched-mh": (0, 100),
}
"""At least so many packets, without and with new connections by the programs."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SERVED)
def test_packets_are_really_served(name: str, mode: Mode, play: Play) -> None:
    for new in (False, True):
        assert play(name, mode, new)[1].served >= SERVED[name][new]


def test_a_packet_that_the_programs_spoil_is_found(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge sees what they send: a byte of it changed, and it does not agree."""
    run = Stage.run

    def spoil(stage: Stage, frame: bytes, interface: str) -> Any:
        outcome = run(stage, frame, interface)
        assert outcome is not None
        return outcome._replace(frame=outcome.frame[:-1] + bytes([outcome.frame[-1] ^ 1]))

    assert not play("nat-udp", "tc", True)[0]
    monkeypatch.setattr(Stage, "run", spoil)
    with pytest.raises(Fault, match="changed a frame that it left to the host"):
        play("nat-udp", "tc", True)
    assert any("frame on eth1" in text for text in play("tun-ipip-mtu", "tc", True)[0])
