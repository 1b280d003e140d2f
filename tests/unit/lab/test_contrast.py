"""One way after another: what is started, what is counted, and when it ends early. No host is built."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from pyvs.lab import contrast, course
from pyvs.lab import director as room
from pyvs.lab.contrast import PATIENCE, UNAVAILABLE, WAYS, Cost
from pyvs.lab.howto import PLANS
from pyvs.lab.load import Tally


class Stage:
    """Stand-ins for all that takes a network; notes what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options: list[list[str]] = []
        self.rules = ""
        self.log = "the director serves\n"
        self.running = self.stopped = self.waited = 0
        self.tally = Tally(Counter(server1=3, server2=1), Counter(), [0.001, 0.002, 0.004, 0.009])
        self.spent = iter([10.0, 10.8, 20.0, 20.2, 30.0, 30.04])
        self.loads: list[dict[str, Any]] = []

    def director(self, lab: object, options: Sequence[str]) -> Director:
        return Director(self, list(options))

    def load(self, clients: Sequence[Any], sources: dict[str, str], target: Any, **how: Any) -> Load:
        self.loads.append({"clients": clients, "sources": sources, "target": target, **how})
        return Load(self)


class Director:
    def __init__(self, stage: Stage, options: list[str]) -> None:
        self.stage, self.log_file = stage, stage.folder / "log"
        self.log_file.write_text(stage.log)
        stage.options.append(options)
        stage.rules = Path(options[options.index("--rules") + 1]).read_text()

    def __enter__(self) -> Self:
        self.stage.running += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.running -= 1


class Load:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def start(self) -> None:
        assert self.stage.running == 1

    def wait(self, seconds: float) -> None:
        self.stage.waited = int(seconds)

    def stop(self) -> None:
        self.stage.stopped += 1

    def snapshot(self) -> Tally:
        assert self.stage.stopped == len(self.stage.loads)
        return self.stage.tally


class FakeLab:
    def __init__(self, topology: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(name=name)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)
    monkeypatch.setattr(contrast, "Lab", FakeLab)
    monkeypatch.setattr(contrast, "Director", stage.director)
    monkeypatch.setattr(contrast, "Load", stage.load)
    monkeypatch.setattr(course, "start_servers", lambda lab, method, families: None)
    monkeypatch.setattr(contrast, "_processor_time", lambda director: next(stage.spent))
    return stage


def test_each_way_has_a_director_of_its_own(stage: Stage) -> None:
    costs = [cost for cost in contrast.run(requests=4, rate=2.0) if isinstance(cost, Cost)]
    assert [cost.way for cost in costs] == [way for way, _ in WAYS]
    assert [options[:-2] for options in stage.options] == [list(options) for _, options in WAYS]
    assert [(cost.served, cost.failed, cost.median) for cost in costs] == [(4, 0, 3.0)] * 3
    assert [cost.cpu for cost in costs] == pytest.approx([200.0, 50.0, 10.0])
    assert stage.running == 0
    assert stage.waited == 4 / 2.0 + PATIENCE


def test_all_clients_ask_the_virtual_address(stage: Stage) -> None:
    next(contrast.run(WAYS[:1], 4, 2.0))
    (load,) = stage.loads
    plan = PLANS[4]
    assert load["sources"] == {f"client{n}": addr for n, addr in enumerate(plan.clients, 1)}
    assert [client.name for client in load["clients"]] == list(load["sources"])
    assert (load["target"].address, load["target"].port) == (plan.virtual, 80)
    assert load["target"].servers == tuple(f"server{n + 1}" for n in range(len(plan.servers)))
    assert (load["requests"], load["rate"]) == (4, 2.0)
    assert stage.rules.startswith("-A ")
    assert all(f" {plan.virtual}:80 " in line for line in stage.rules.splitlines())
    assert sum(line.startswith("-a ") for line in stage.rules.splitlines()) == len(plan.servers)


def test_what_has_no_end_has_failed(stage: Stage) -> None:
    stage.tally = Tally(Counter(server1=1), Counter(late=1), [0.001])
    assert [(cost.served, cost.failed) for cost in contrast.run(WAYS[:1], 4) if isinstance(cost, Cost)] == [
        (1, 3)
    ]
    stage.tally = Tally()
    (cost,) = contrast.run(WAYS[:1], 4)
    assert isinstance(cost, Cost)
    assert (cost.served, cost.failed, cost.median) == (0, 4, 0.0)


def test_where_the_fast_path_is_off_it_says_so_and_ends(stage: Stage) -> None:
    rows = contrast.run(requests=4)
    assert isinstance(next(rows), Cost)
    stage.log = f"warning: it begins\n12:00 warning: {UNAVAILABLE}: clang is missing\nthe director serves\n"
    assert list(rows) == [f"{UNAVAILABLE}: clang is missing"]
    assert len(stage.loads) == 1
    assert stage.running == 0


def test_a_cost_in_a_line() -> None:
    assert str(Cost("with the fast path", 9, 1, 0.256, 1.54)) == (
        "with the fast path:   9 requests, 1 failed; 0.26 ms of the director's time each; median 1.5 ms"
    )


def test_the_time_of_a_process_is_the_kernels() -> None:
    director = cast("room.Director", SimpleNamespace(process=SimpleNamespace(pid=os.getpid())))
    before = os.times()
    spent = contrast._processor_time(director)
    after = os.times()
    tick = 2.5 / os.sysconf("SC_CLK_TCK")
    assert before.user + before.system - tick <= spent <= after.user + after.system + tick
