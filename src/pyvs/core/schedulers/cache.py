"""What lblc and lblcr remember of addresses, and when they forget it. Kernel: `struct ip_vs_lblc_table`.

Once a minute, and so whenever an address is looked up after one, old entries go: each 30th time all that were
not used for the expiration time, else, if there are more than 16,384, those not used for six minutes.
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from pyvs.core.schedulers.hashing import fold, hash_32

BITS: Final = 10
BUCKETS: Final = 1 << BITS
MOST: Final = BUCKETS * 16
"""Entries above which a sweep looks for idle ones."""
INTERVAL: Final = 60.0
"""Seconds between two sweeps. Kernel: CHECK_EXPIRE_INTERVAL."""
FULL: Final = 30
"""Each 30th sweep goes by the expiration time. Kernel: COUNT_FOR_FULL_EXPIRATION."""
IDLE: Final = 6 * 60.0
"""Seconds without use after which an entry may go. Kernel: ENTRY_TIMEOUT."""

T = TypeVar("T")


class _Entry(Generic[T]):
    """A value and when it was last of use."""

    __slots__ = ("last_use", "value")

    def __init__(self, value: T, now: float) -> None:
        self.value = value
        self.last_use = now


class AddressCache(Generic[T]):
    """A value for each address, forgotten in time."""

    def __init__(self, now: float, forget: Callable[[T], None]) -> None:
        """`forget` is told each value that goes."""
        self._buckets: list[dict[bytes, _Entry[T]]] = [{} for _ in range(BUCKETS)]
        self._count = 0
        self._forget = forget
        self._next_sweep = now + INTERVAL
        self._turn = 0
        """Sweeps since the last full one."""
        self._rover = 0

    def __len__(self) -> int:
        return self._count

    def get(self, addr: bytes, now: float, expiration: float) -> T | None:
        """What is remembered of an address, which counts as a use. Kernel: `ip_vs_lblc_get`."""
        if now >= self._next_sweep:
            self._sweep_until(now, expiration)
        entry = self._buckets[_bucket(addr)].get(addr)
        if entry is None:
            return None
        entry.last_use = now
        return entry.value

    def put(self, addr: bytes, value: T, now: float) -> None:
        """Remember it, in place of what there was. Kernel: `ip_vs_lblc_new`."""
        bucket = self._buckets[_bucket(addr)]
        entry = bucket.pop(addr, None)
        if entry is None:
            self._count += 1
        else:
            self._forget(entry.value)
        bucket[addr] = _Entry(value, now)

    def clear(self) -> None:
        """Forget all. Kernel: `ip_vs_lblc_flush`."""
        for bucket in self._buckets:
            for entry in bucket.values():
                self._forget(entry.value)
            bucket.clear()
        self._count = 0

    # ---- forgetting --------------------------------------------------------

    def _sweep_until(self, now: float, expiration: float) -> None:
        """Do the sweeps that are due. Kernel: `ip_vs_lblc_check_expire`, a timer."""
        due = int((now - self._next_sweep) // INTERVAL) + 1
        # Nothing was used meanwhile, so the last two full sweeps find all that those before them would have.
        skipped = max(0, due - 2 * FULL)
        self._turn = (self._turn + skipped) % FULL
        self._next_sweep += skipped * INTERVAL
        for _ in range(due - skipped):
            self._sweep(self._next_sweep, expiration)
            self._next_sweep += INTERVAL

    def _sweep(self, now: float, expiration: float) -> None:
        if self._turn == FULL - 1:
            self._turn = 0
            for bucket in self._buckets:
                self._drop(bucket, now - expiration, len(bucket))
            return
        if self._count <= MOST:
            self._turn += 1
            return
        goal = min((self._count - MOST) * 4 // 3, MOST // 2)
        for _ in range(BUCKETS):
            self._rover = (self._rover + 1) % BUCKETS
            goal -= self._drop(self._buckets[self._rover], now - IDLE, goal)
            if goal <= 0:
                break

    def _drop(self, bucket: dict[bytes, _Entry[T]], before: float, most: int) -> int:
        """Forget up to `most` entries that were last used at `before` or earlier; how many they were."""
        old = [addr for addr, entry in bucket.items() if entry.last_use <= before][:most]
        for addr in old:
            self._forget(bucket.pop(addr).value)
        self._count -= len(old)
        return len(old)


def _bucket(addr: bytes) -> int:
    return hash_32(fold(addr), BITS)
