from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.device import Frame
from pyvs.datapath.memory import MemoryDevice
from pyvs.replay import order
from pyvs.replay.order import WINDOW_NS, InOrder

MS = 1_000_000


def frames(*times: int) -> list[Frame]:
    return [Frame(bytes(60), time_ns=time, number=number) for number, time in enumerate(times, 1)]


def numbers(device: InOrder) -> list[int]:
    return [frame.number for frame in device.receive()]


def test_a_late_frame_takes_its_place() -> None:
    device = InOrder(MemoryDevice(frames(0, 30 * MS, 10 * MS, 20 * MS, 40 * MS)))
    assert numbers(device) == [1, 3, 4, 2, 5]
    assert device.moved == 2


def test_frames_of_one_time_keep_their_order() -> None:
    device = InOrder(MemoryDevice(frames(5, 5, 5, 5)))
    assert numbers(device) == [1, 2, 3, 4]
    assert device.moved == 0


def test_what_is_too_late_comes_when_it_is_read() -> None:
    device = InOrder(MemoryDevice(frames(0, 3 * WINDOW_NS, WINDOW_NS, 4 * WINDOW_NS)))
    assert numbers(device) == [1, 3, 2, 4]
    device = InOrder(MemoryDevice(frames(0, 10, 5 * WINDOW_NS, 20, 30)))
    assert numbers(device) == [1, 2, 4, 5, 3]


@given(st.lists(st.integers(0, 1 << 63), max_size=50))
def test_no_frame_is_lost_whatever_the_times(times: list[int]) -> None:
    assert sorted(numbers(InOrder(MemoryDevice(frames(*times))))) == list(range(1, len(times) + 1))


@pytest.mark.parametrize(("name", "most"), [("MOST_FRAMES", 10), ("MOST_BYTES", 600)])
def test_only_so_many_wait(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, name, most)
    given_out = 0

    class Counting(MemoryDevice):
        def receive(self) -> Iterator[Frame]:
            nonlocal given_out
            for frame in super().receive():
                given_out += 1
                yield frame

    for taken, _ in enumerate(InOrder(Counting(frames(*range(100)))).receive(), 1):
        assert given_out - taken <= 10


def test_the_device_is_reached_through_it() -> None:
    device = MemoryDevice()
    InOrder(device).transmit(frames(1)[0])
    InOrder(device).close()
    assert [frame.number for frame in device.sent] == [1]
