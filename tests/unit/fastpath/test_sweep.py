import pytest

from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.sweep import STRETCH, SWEPT, Ended, Sweeper

pytestmark = pytest.mark.root


def test_stretches_are_bounded(fast: FastPath) -> None:
    entry = bytes(fast.conns4.size)
    keys = [number.to_bytes(16, "big") for number in range(900)]
    fast.conns4.put_many((key, entry) for key in keys)
    fast.configure(now=5)
    sweeper = Sweeper(fast.loaded.maps)
    try:
        ended: list[Ended] = []
        for _ in range(5):
            for stretch in sweeper.stretches(SWEPT):
                assert len(stretch) <= STRETCH // 56
                ended += stretch
    finally:
        sweeper.close()
        fast.configure(now=0)
        for key in keys:
            fast.conns4.delete(key)
    assert {one.key for one in ended} <= set(keys)
    assert len(ended) > 800
