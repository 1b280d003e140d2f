from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.device import Frame
from pyvs.datapath.fault_injector import FaultInjector, Faults
from pyvs.datapath.memory import MemoryDevice

FRAMES = [Frame(bytes([number]) * 20, number=number) for number in range(200)]


def through(seed: int, faults: Faults) -> tuple[list[Frame], FaultInjector]:
    injector = FaultInjector(MemoryDevice(FRAMES), Random(seed), receiving=faults)
    return list(injector.receive()), injector


def test_without_faults_nothing_changes() -> None:
    assert through(1, Faults())[0] == FRAMES


def test_the_same_chance_gives_the_same_faults() -> None:
    faults = Faults(drop=0.1, duplicate=0.1, reorder=0.1, corrupt=0.1, truncate=0.1)
    assert through(7, faults)[0] == through(7, faults)[0] != through(8, faults)[0]


def test_drop_loses_frames() -> None:
    frames, injector = through(1, Faults(drop=0.5))
    assert len(frames) == 200 - injector.counts["drop"]
    assert 50 < len(frames) < 150


def test_duplicate_brings_frames_twice() -> None:
    frames, injector = through(1, Faults(duplicate=1))
    assert [f.number for f in frames] == [n for n in range(200) for _ in "ab"]
    assert injector.counts["duplicate"] == 200


@pytest.mark.parametrize("chance", [0.3, 1])
def test_reorder_loses_nothing(chance: float) -> None:
    numbers = [f.number for f in through(1, Faults(reorder=chance))[0]]
    assert sorted(numbers) == list(range(200))
    assert numbers != sorted(numbers)
    assert all(abs(number - place) <= 1 for place, number in enumerate(numbers))


def test_corrupt_changes_one_bit() -> None:
    frames, _ = through(1, Faults(corrupt=1))
    for frame in frames:
        before = bytes([frame.number]) * 20
        changed = sum((a ^ b).bit_count() for a, b in zip(before, frame.data, strict=True))
        assert changed == 1


def test_truncate_shortens() -> None:
    frames, _ = through(1, Faults(truncate=1))
    assert all(len(frame.data) < 20 and frame.missing == 0 for frame in frames)


@given(st.integers(0, 1000), st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_sending_has_faults_of_its_own(seed: int, chances: list[float]) -> None:
    drop, duplicate, reorder, corrupt, truncate = chances
    faults = Faults(drop=drop, duplicate=duplicate, reorder=reorder, corrupt=corrupt, truncate=truncate)
    device = MemoryDevice()
    injector = FaultInjector(device, Random(seed), sending=faults)
    for frame in FRAMES[:30]:
        injector.transmit(frame)
    injector.close()
    lost, twice = injector.counts["drop"], injector.counts["duplicate"]
    assert len(device.sent) == 30 - lost + twice


def test_a_chance_is_between_none_and_all() -> None:
    with pytest.raises(ValueError, match=r"drop is 1\.5, expected a number from 0 to 1"):
        Faults(drop=1.5)
