import gc
import os
from collections.abc import Iterator

import pytest
from tests.unit.play.conftest import SCENARIO

from pyvs.cli.play import ipvsadm
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.play.director import Director
from pyvs.play.fast.network import PRESENT
from pyvs.play.fast.stage import START, NoFastPath, Stage
from pyvs.play.scenario import parse


def opened() -> int:
    """How many descriptors this process has, without those of other tests that nobody holds any more."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_without_root_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoFastPath, match="needs root"):
        Stage("tc")


def test_a_kernel_that_refuses_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FastPathUnavailable("the kernel does not take it")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(FastPath, "open", refuse)
    before = opened()
    with pytest.raises(NoFastPath, match="the kernel does not take it"):
        Stage("xdp")
    assert opened() <= before


@pytest.fixture
def stage() -> Iterator[Stage]:
    try:
        made = Stage("tc", new=True)
    except NoFastPath as why:
        pytest.skip(str(why))
    with made:
        yield made


@pytest.mark.root
def test_each_tick_is_a_jiffy(stage: Stage) -> None:
    jiffies = stage.fast.jiffies
    assert [jiffies.at(tick / 100) - START for tick in range(40_000)] == list(range(40_000))
    assert jiffies.length(15 * 60) == 90_000
    assert stage.fast.settings.at(0)["hop_age"] == 100


@pytest.mark.root
def test_a_frame_without_headers_is_not_tried(stage: Stage) -> None:
    stage.network.follow(Director(parse(SCENARIO), ipvsadm).host)
    assert stage.run(b"short", "eth0") is None
    outcome = stage.run(bytes(60), "eth0")
    assert outcome is not None
    assert (outcome.verdict, outcome.frame) == (0, bytes(60))


@pytest.mark.root
def test_nothing_is_left_of_a_scenario(stage: Stage) -> None:
    stage.fast.stats.set(3, b"\1" * stage.fast.stats.size)
    row = stage.fast.destination(3) | {"active": 2}
    stage.fast.dests.set(3, stage.fast.dests.values.pack(**row))
    stage.changes.owners.set(3, b"\1" * stage.changes.owners.size)
    stage.places = 4
    stage.clear()
    assert stage.fast.destination(3)["active"] == 0
    assert set(stage.fast.totals(3).values()) == {0}
    assert stage.changes.owners.at(3)["af"] == 0


@pytest.mark.root
def test_the_thread_comes_back() -> None:
    home, before = os.readlink(PRESENT), opened()
    with Stage("xdp") as stage:
        stage.network.follow(Director(parse(SCENARIO), ipvsadm).host)
        assert os.readlink(PRESENT) != home
    assert os.readlink(PRESENT) == home
    assert opened() <= before
