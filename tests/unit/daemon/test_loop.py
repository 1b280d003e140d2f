"""Descriptors, time and signals; what memory is tidied."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from pyvs.daemon import loop as module
from pyvs.daemon.loop import Loop, Signals, freeze, tidy


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(lambda: 0.0)
    yield made
    made.close()


def test_a_readable_descriptor_is_handled_until_it_is_forgotten(loop: Loop) -> None:
    near, far = socket.socketpair()
    with near, far:
        heard: list[bytes] = []

        def hear() -> None:
            heard.append(near.recv(1))
            if len(heard) == 3:
                loop.forget(near)
                loop.forget(near)
                loop.running = False

        loop.watch(near, hear)
        far.send(b"abcd")
        loop.run(lambda: None, lambda: None)
        assert heard == [b"a", b"b", b"c"]


def test_time_that_has_come_is_handled_even_while_packets_do(loop: Loop) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.send(b"never read")
        handled, ticks = [0], [0]

        def handle() -> None:
            handled[0] += 1

        def tick() -> None:
            ticks[0] += 1
            loop.running = ticks[0] < 3

        loop.watch(near, handle)
        loop.run(lambda: -1.0, tick)
        assert ticks == [3]
        assert handled == [3]


def test_a_fault_is_told_and_the_loop_goes_on() -> None:
    told: list[Exception] = []
    loop = Loop(lambda: 0.0, told.append)
    wrong = ValueError("wrong")

    def tick() -> None:
        loop.running = len(told) < 2
        raise wrong

    loop.run(lambda: -1.0, tick)
    loop.close()
    assert told == [wrong] * 3


def test_without_anyone_to_tell_a_fault_ends_the_loop(loop: Loop) -> None:
    def tick() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        loop.run(lambda: -1.0, tick)


def test_idle_rounds_tidy(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECOND", 0.001)

    def stop() -> None:
        loop.running = False

    monkeypatch.setattr(module, "tidy", stop)
    loop.run(lambda: None, lambda: None)
    assert not loop.running


def test_the_collector_stays_out_of_the_way() -> None:
    frozen, interval = gc.get_freeze_count(), sys.getswitchinterval()
    try:
        freeze()
        assert not gc.isenabled()
        assert gc.get_freeze_count() > frozen
        before = gc.get_freeze_count()
        kept = [[] for _ in range(1000)]  # type: ignore[var-annotated]
        tidy()
        assert gc.get_freeze_count() >= before + len(kept)
    finally:
        gc.unfreeze()
        gc.enable()
        sys.setswitchinterval(interval)


def test_a_signal_is_something_to_read() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    signals = Signals(signal.SIGUSR1)
    try:
        assert signals.read() == []
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.read() == [signal.SIGUSR1]
    finally:
        signals.close()
    assert signal.getsignal(signal.SIGUSR1) == before
