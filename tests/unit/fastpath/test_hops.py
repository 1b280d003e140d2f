import pytest
from tests.unit.fastpath.memory import MemoryMap

from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.hops import KEY_SIZE, UsedHops
from pyvs.fastpath.maps import BpfMap
from pyvs.fastpath.structure import Field, Layout

MAC = b"\2\0\0\0\0\x0a"
HZ = 100


@pytest.fixture
def table() -> BpfMap:
    return MemoryMap(KEY_SIZE, Layout("number", Field("number", "u32")))


@pytest.mark.parametrize("start", [0, (1 << 32) - 100])
def test_one_counts_for_some_seconds(table: BpfMap, start: int) -> None:
    jiffies = Jiffies(HZ, start, 0.0)
    used = UsedHops(table)
    table.put(MAC + (7).to_bytes(2, "little"), jiffies.at(10.0).to_bytes(4, "little"))
    for now, counts in ((9.99, True), (10.0, True), (15.0, True), (15.01, False), (1000.0, False)):
        assert used.lately(7, MAC, jiffies, now, 5.0) is counts
    assert not used.lately(8, MAC, jiffies, 10.0, 5.0)
    assert not used.lately(7, MAC[::-1], jiffies, 10.0, 5.0)


def test_a_device_that_is_too_high_for_the_maps_is_none_of_them(table: BpfMap) -> None:
    assert not UsedHops(table).lately(1 << 16, MAC, Jiffies(HZ, 0, 0.0), 10.0, 5.0)
