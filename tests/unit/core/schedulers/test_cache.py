from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.schedulers.cache import IDLE, INTERVAL, MOST, AddressCache

DAY = 86400.0


def address(number: int) -> bytes:
    return number.to_bytes(4, "big")


def test_remembers_and_forgets_after_the_expiration() -> None:
    forgotten: list[str] = []
    cache: AddressCache[str] = AddressCache(0.0, forgotten.append)
    cache.put(address(1), "a", 0.0)
    assert cache.get(address(1), DAY - 1, DAY) == "a"
    cache.put(address(2), "b", DAY + 1)
    # The full sweeps come each half hour: the first one a day after the use finds it.
    assert cache.get(address(2), 2 * DAY, DAY) == "b"
    assert cache.get(address(1), 2 * DAY + 1800, DAY) is None
    assert forgotten == ["a"]


def test_full_sweeps_come_each_half_hour() -> None:
    cache: AddressCache[str] = AddressCache(0.0, lambda value: None)
    cache.put(address(1), "a", 0.0)
    for minute in range(1, 30):
        cache.get(address(2), minute * INTERVAL, 60.0)
        assert len(cache) == 1, minute
    cache.get(address(2), 30 * INTERVAL, 60.0)
    assert len(cache) == 0


def test_many_entries_are_thinned_out_before() -> None:
    cache: AddressCache[int] = AddressCache(0.0, lambda value: None)
    extra = 300
    for number in range(MOST + extra):
        cache.put(address(number), number, 0.0)
    cache.get(address(1), IDLE - 1, DAY)
    assert len(cache) == MOST + extra
    cache.get(address(1), IDLE, DAY)
    assert len(cache) == MOST + extra - extra * 4 // 3


def test_a_new_value_takes_the_place_of_the_old() -> None:
    forgotten: list[str] = []
    cache: AddressCache[str] = AddressCache(0.0, forgotten.append)
    cache.put(address(1), "a", 0.0)
    cache.put(address(1), "b", 1.0)
    assert (forgotten, len(cache), cache.get(address(1), 2.0, DAY)) == (["a"], 1, "b")


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 4000)), max_size=40))
def test_counts_right_and_forgets_each_value_once(steps: list[tuple[int, float]]) -> None:
    held: set[int] = set()
    cache: AddressCache[int] = AddressCache(0.0, held.remove)
    now, serial = 0.0, 0
    for number, pause in steps:
        now += pause
        if cache.get(address(number), now, 3600.0) is None:
            serial += 1
            held.add(serial)
            cache.put(address(number), serial, now)
        assert len(cache) == len(held)
    cache.clear()
    assert not held
    assert len(cache) == 0
