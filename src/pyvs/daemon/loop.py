"""The event loop: whoever has something to read is called, timers run, and memory is tidied after each round."""

from __future__ import annotations

import contextlib
import gc
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final, Protocol

SECOND: Final = 1.0
SWITCH_SECONDS: Final = 0.0005
"""For so long at most a thread that writes chains keeps packets waiting."""
YOUNG_MAX: Final = 3000
"""Objects that one tidying looks at, at most, those of threads among them: a millisecond."""


class HasDescriptor(Protocol):
    """Something to wait for."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


class Loop:
    """Calls handlers for descriptors that are readable, and `tick` when its time has come."""

    def __init__(self, clock: Callable[[], float], fault: Callable[[Exception], None] | None = None) -> None:
        """fault: told when a handler raises, which then counts as done; without it the loop ends with the exception."""
        self._clock = clock
        self._fault = fault
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self.running = True

    def watch(self, source: HasDescriptor | int, handler: Callable[[], None]) -> None:
        """Call `handler` whenever there is something to read."""
        descriptor = source if isinstance(source, int) else source.fileno()
        self._epoll.register(descriptor, select.EPOLLIN)
        self._handlers[descriptor] = handler

    def forget(self, source: HasDescriptor | int) -> None:
        """Watch it no longer; to be called before it is closed."""
        descriptor = source if isinstance(source, int) else source.fileno()
        if self._handlers.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(descriptor)

    def run(self, next_time: Callable[[], float | None], tick: Callable[[], None]) -> None:
        """Until `running` is false. `tick` is called when `next_time` has come; both are asked after each round."""
        clock, poll, handlers = self._clock, self._epoll.poll, self._handlers
        wake = next_time()
        while self.running:
            events = poll(SECOND if wake is None else min(max(wake - clock(), 0.0), SECOND))
            try:
                for descriptor, _ in events:
                    handler = handlers.get(descriptor)
                    if handler is not None:
                        handler()
                wake = next_time()
                if wake is not None and wake <= clock():
                    tick()
                    wake = next_time()
                tidy()
            except Exception as error:  # packets must go on, whatever one command or one moment has hit
                if self._fault is None:
                    raise
                self._fault(error)

    def close(self) -> None:
        """Close what is the loop's own."""
        self._epoll.close()


def freeze() -> None:
    """Take Python's collector of reference cycles out of the packets' way.

    A full collection over a million connections would take 350 ms; on the path no cycles are made.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)


def tidy() -> None:
    """Collect the few cycles that commands have left, and put the rest out of the collector's sight.

    After each round: 20 ns an object while it is fresh in the processor's memory. Later it would be 500 ns, and nobody
    could say how many there are, for the collector's count is less by one for each old object that went meanwhile.
    """
    if 0 < gc.get_count()[0] <= YOUNG_MAX:
        gc.collect(0)
    gc.freeze()


class Signals:
    """Signals as something to read: the numbers that came."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._before = {number: signal.signal(number, _nothing) for number in numbers}
        self._wakeup = signal.set_wakeup_fd(self._far.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Readable when one has come."""
        return self._near.fileno()

    def read(self) -> list[signal.Signals]:
        """Which have come."""
        try:
            return [signal.Signals(number) for number in self._near.recv(64)]
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Let signals do what they did before."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._near.close()
        self._far.close()


def _nothing(number: int, frame: object) -> None:
    """The loop reads its number."""
