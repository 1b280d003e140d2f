"""A director put together, as far as it goes without a kernel; the live tests do the rest."""

import contextlib
import io
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from pyvs.core.control.specs import ServiceKey, ServiceSpec
from pyvs.core.errors import PyvsError
from pyvs.core.flags import Family
from pyvs.core.reasons import Reason
from pyvs.daemon import director as module
from pyvs.daemon.director import Director, Options
from pyvs.daemon.log import Log

SERVICE = ServiceSpec(ServiceKey(Family.INET, 6, b"\x7f\0\0\1", 80), "rr")


class Part:
    """Stands for a part that holds something of the kernel's."""

    def __init__(self, *arguments: object, **options: object) -> None:
        self.number = arguments[0] if arguments else None
        self.own_mark = 0
        self.errors: dict[int, int] = {}
        opened.append(self)

    def fileno(self) -> int:
        return -1

    def flush(self) -> None: ...

    def lost(self) -> int:
        return losses[0]

    def close(self) -> None:
        closed.append(self)


class Chains(Part):
    """Stands for the chains."""

    def take_leftovers(self) -> list[str]:
        return ["iptables-legacy"]

    def update(self, watches: object, aim: object) -> None:
        events.append("chains in")

    def begin(self, watches: object, aim: object) -> list[int]:
        events.append("chains changed")
        return []

    def finish(self) -> None: ...

    busy = False

    def close(self) -> None:
        events.append("chains out")


opened: list[Part] = []
closed: list[Part] = []
events: list[str] = []
losses = [0]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (opened, closed, events):
        each.clear()
    losses[0] = 0
    for name in ("Queue", "Sender"):
        monkeypatch.setattr(module, name, Part)
    monkeypatch.setattr(module, "Chains", Chains)
    monkeypatch.setattr(module, "freeze", lambda: None)
    monkeypatch.setattr(module, "firewall_hints", lambda ns: [])
    monkeypatch.setattr(module, "only_one", Part)
    monkeypatch.setattr(module, "hints", lambda ns, environment: ["the virtual address is on the moon"])


class Rules:
    """One service from a file."""

    digest = "of the file"

    def bring(self, control: Any, now: float) -> int:
        raise AssertionError("nothing was kept")

    def apply(self, control: Any, now: float) -> None:
        control.new_service(SERVICE, now)


def make(tmp_path: Path, text: io.StringIO, now: list[float]) -> Director:
    return Director(Options(queue=5), Log(text), tmp_path / "door", lambda: now[0])


@pytest.mark.usefixtures("parts")
def test_it_starts_and_ends_in_order(tmp_path: Path) -> None:
    text, now = io.StringIO(), [1000.0]
    with make(tmp_path, text, now) as director:
        assert [part.number for part in opened if part.number in (5, 6)] == [5, 6]
        director.start(Rules())
        assert events == ["chains in"]
        log = text.getvalue()
        assert (
            log.index("did not end cleanly")
            < log.index("on the moon")
            < log.index("ready: 1 service, 0 servers;")
        )
        assert "added" not in log
        assert (tmp_path / "door").exists()
        director.control.new_service(
            ServiceSpec(ServiceKey(Family.INET, 17, b"\x7f\0\0\1", 80), "rr"), now[0]
        )
        assert events == ["chains in", "chains changed"]
        assert "service UDP 127.0.0.1:80 added" in text.getvalue()
    assert events[-1] == "chains out"
    assert all(part in closed for part in opened if part.number in (5, 6))
    assert not (tmp_path / "door").exists()
    assert "ended after 0 packets" in text.getvalue()


@pytest.mark.usefixtures("parts")
def test_an_account_is_given_on_demand_and_at_the_end(tmp_path: Path) -> None:
    text, now = io.StringIO(), [1000.0]
    with make(tmp_path, text, now) as director:
        director.start()
        director.engine.ns.reasons[Reason.NO_SERVICE] += 3
        director.loop.running = True
        os.kill(os.getpid(), signal.SIGUSR1)
        director._signalled()
        assert director.loop.running
        assert "packets by reason: 3 NO_SERVICE\n" in text.getvalue()
        director.engine.ns.reasons[Reason.NO_SERVICE] += 1
    assert "packets by reason: 4 NO_SERVICE\n" in text.getvalue()


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_starts_or_ends_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    text, now = io.StringIO(), [1000.0]

    def come(*_: object) -> None:
        os.kill(os.getpid(), number)

    with make(tmp_path, text, now) as director:
        monkeypatch.setattr(director.chains, "update", come)
        take_out = director.chains.close

        def close() -> None:
            come()
            take_out()

        monkeypatch.setattr(director.chains, "close", close)
        watch = director.loop.watch
        monkeypatch.setattr(
            director.loop, "watch", lambda source, handler: source.fileno() < 0 or watch(source, handler)
        )
        director.start()
        director.run()
        assert f"{number.name}: ending" in text.getvalue()
    assert events[-1] == "chains out"
    assert "ended after 0 packets" in text.getvalue()


@pytest.mark.usefixtures("parts")
def test_time_brings_hints_and_losses(tmp_path: Path) -> None:
    text, now = io.StringIO(), [1000.0]
    with make(tmp_path, text, now) as director:
        director.start()
        assert text.getvalue().count("on the moon") == 1
        director.control.new_service(SERVICE, now[0])
        wake = director._next_time()
        assert wake is not None
        assert wake <= now[0] + module.HINTS_SECONDS
        losses[0] = 4
        for _ in range(20):
            now[0] += 1.0
            director._tick()
        assert text.getvalue().count("on the moon") == 1  # said once, as long as it lasts
        assert text.getvalue().count("the queues were full: 8 packets were lost") == 1
        wake = director._next_time()
        assert wake is not None
        assert wake > now[0]


def test_there_isonly_one_in_a_network_namespace() -> None:
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with lock, contextlib.suppress(OSError):
        lock.bind("\0pyvs-director")  # or somebody else has it: just as good
        with pytest.raises(PyvsError, match="another director runs in this network namespace: end it first"):
            module.only_one()


@pytest.mark.usefixtures("parts")
def test_a_refusal_on_the_way_lets_go_of_what_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PyvsError("queue 5 is taken")

    monkeypatch.setattr(module, "Queue", refuse)
    with pytest.raises(PyvsError, match="queue 5 is taken"):
        make(tmp_path, io.StringIO(), [0.0])
    assert not (tmp_path / "door").exists()
    assert [part for part in closed if isinstance(part, Part)]
