"""When chains are replaced: at once as long as changes come one by one, gathered when there are many."""

import io
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family
from pyvs.daemon.chain_updates import (
    BURST,
    GATHER_SECONDS,
    MANY,
    PATIENCE_SECONDS,
    REFILL_SECONDS,
    REST,
    REST_MAX,
    ChainUpdates,
)
from pyvs.daemon.log import Log
from pyvs.datapath.chains.iptables import ChainError
from pyvs.datapath.chains.rules import Aim
from pyvs.datapath.chains.watch import Watch
from pyvs.testing.environment import FixedEnvironment


class FakeChains:
    """Counts what is put in; may be slow."""

    def __init__(self) -> None:
        self.put: list[tuple[list[Watch], Aim]] = []
        self.busy = False
        self.slow = False
        self.refuses = False
        self.ends: list[int] = []

    def update(self, watches: list[Watch], aim: Aim) -> None:
        self.put.append((watches, aim))

    def begin(self, watches: list[Watch], aim: Aim) -> list[int]:
        if self.refuses:
            raise ChainError("iptables-restore refused our chains")
        self.put.append((watches, aim))
        self.busy = self.slow
        return self.ends

    def finish(self) -> None:
        self.busy = self.busy and self.slow


class Fixture:
    """Updates with stand-ins around them, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.chains = FakeChains()
        self.engine = Engine(FixedEnvironment())
        self.host = SimpleNamespace(policy_routing=False)
        self.text = io.StringIO()
        self.updates = ChainUpdates(
            self.chains,  # type: ignore[arg-type]
            self.engine.ns,
            self.host,  # type: ignore[arg-type]
            Log(self.text),
            lambda: self.now,
            queue=5,
            gso_queue=6,
            own_mark=8,
            bypass=False,
            settled=self.settle,
        )
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1

    @property
    def times(self) -> int:
        return len(self.chains.put)


@pytest.fixture
def fixture() -> Fixture:
    return Fixture()


def test_single_changes_are_put_in_before_they_are_answered(fixture: Fixture) -> None:
    for number in range(BURST):
        fixture.updates.changed()
        assert fixture.times == number + 1
    assert fixture.updates.due is None


def test_many_changes_are_gathered(fixture: Fixture) -> None:
    for _ in range(BURST + 500):
        fixture.updates.changed()
    assert fixture.times == BURST
    assert fixture.updates.due == fixture.now + GATHER_SECONDS
    fixture.now += GATHER_SECONDS
    fixture.updates.put_in()
    assert fixture.times == BURST + 1
    assert fixture.updates.due is None
    fixture.now += REFILL_SECONDS
    fixture.updates.changed()
    assert fixture.times == BURST + 2


def test_while_iptables_is_slow_packets_go_on(fixture: Fixture) -> None:
    fixture.chains.slow = True
    fixture.updates.changed()
    assert fixture.updates.due == fixture.now + PATIENCE_SECONDS
    assert fixture.updates.settling()
    fixture.updates.changed()
    fixture.updates.put_in()
    assert fixture.times == 1
    assert fixture.updates.due is not None
    assert fixture.settled == 0
    fixture.chains.slow = False
    fixture.updates.put_in()
    assert fixture.settled == 1
    assert fixture.times == 2
    assert fixture.updates.due is None


def test_answers_wait_for_slow_chains_but_not_for_long(fixture: Fixture) -> None:
    fixture.chains.slow = True
    fixture.updates.changed()
    fixture.now += PATIENCE_SECONDS
    assert not fixture.updates.settling()
    fixture.updates.put_in()
    assert fixture.settled == 1
    assert fixture.chains.busy


class FakeLoop:
    """Keeps whom to call when iptables has ended."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[], None]] = {}

    def watch(self, pidfd: int, handler: Callable[[], None]) -> None:
        self.handlers[pidfd] = handler

    def forget(self, pidfd: int) -> None:
        del self.handlers[pidfd]


@pytest.mark.parametrize("refused", [False, True])
def test_an_answer_waits_for_all_changes_of_its_step(fixture: Fixture, refused: bool) -> None:
    loop = fixture.updates._loop = FakeLoop()  # type: ignore[assignment]
    fixture.chains.slow, fixture.chains.ends = True, [7]
    for _ in range(3):
        fixture.updates.changed()
    fixture.chains.busy, fixture.chains.refuses = False, refused
    loop.handlers[7]()
    assert (fixture.times, fixture.settled) == ((1, 1) if refused else (2, 0))
    if not refused:
        assert fixture.updates.settling()
        fixture.chains.busy = False
        loop.handlers[7]()
    assert not fixture.updates.settling()
    assert (fixture.updates.due, fixture.settled, loop.handlers) == (None, 1, {})


def test_many_services_are_put_in_by_a_thread(fixture: Fixture) -> None:
    for number in range(MANY + 1):
        key = ServiceKey(Family.INET, 6, number.to_bytes(4, "big"), 80)
        fixture.engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    fixture.updates.changed()
    assert fixture.times == 0
    assert not fixture.updates.settling()
    fixture.updates.put_in()
    assert fixture.updates.busy
    fixture.updates.close()
    assert fixture.times == 1
    fixture.updates.put_in()
    assert fixture.times == 1
    assert fixture.updates.due is None


@pytest.mark.parametrize(("spent", "rest"), [(0.01, REST * 0.01), (1.0, REST_MAX)])
def test_after_many_chains_there_is_a_rest(
    fixture: Fixture, monkeypatch: pytest.MonkeyPatch, spent: float, rest: float
) -> None:
    readings = iter((0.0, spent, 0.0, spent))
    monkeypatch.setattr("pyvs.daemon.chain_updates.time", SimpleNamespace(thread_time=lambda: next(readings)))
    for number in range(MANY + 1):
        key = ServiceKey(Family.INET, 6, number.to_bytes(4, "big"), 80)
        fixture.engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    fixture.updates.changed()
    fixture.updates.put_in()
    fixture.updates.changed()  # while the thread is at work
    for thread in threading.enumerate():
        if thread.name == "chains":
            thread.join()
    fixture.updates.put_in()
    assert fixture.times == 1
    assert fixture.updates.due == fixture.now + rest
    fixture.now += rest
    fixture.updates.put_in()
    fixture.updates.close()
    assert fixture.times == 2


def test_a_refusal_is_told_and_the_director_lives(fixture: Fixture) -> None:
    fixture.chains.refuses = True
    fixture.updates.changed()
    assert "iptables-restore refused our chains" in fixture.text.getvalue()


def test_the_aim_follows_sysctl_and_rules(fixture: Fixture) -> None:
    assert fixture.updates.aim() == Aim(queue=5, gso_queue=6, own_mark=8, bypass=False, track=False)
    fixture.engine.control.sysctl_write("conntrack", "1", 0.0)
    fixture.host.policy_routing = True
    assert fixture.updates.aim() == Aim(queue=5, gso_queue=5, own_mark=8, bypass=False, track=True)


def test_servers_forgotten_from_the_trash_leave_the_chains(fixture: Fixture) -> None:
    key = ServiceKey(Family.INET, 6, b"\x0a\0\0\1", 80)
    control = fixture.engine.control
    control.new_service(ServiceSpec(key, "rr"), 0.0)
    control.new_dest(key, DestSpec(DestKey(b"\x0a\0\0\2", 80)), 0.0)
    control.del_dest(key, DestKey(b"\x0a\0\0\2", 80), 0.0)
    fixture.updates.start()
    fixture.updates.look()
    assert fixture.updates.due is None
    for second in range(0, 600, 30):
        fixture.engine.handle_timeouts(float(second))
    assert len(fixture.engine.ns.trash) == 0
    fixture.updates.look()
    assert fixture.updates.due == fixture.now
