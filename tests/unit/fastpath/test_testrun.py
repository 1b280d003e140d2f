import pytest

from pyvs.fastpath import build
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.objects import LoadedObject
from pyvs.fastpath.testrun import run_tc, run_xdp

pytestmark = pytest.mark.root
FRAME = bytes(12) + b"\x08\x06" + bytes(50)


def test_a_frame_goes_through_tc(fast: FastPath) -> None:
    outcome = run_tc(fast.program, FRAME, 1, mark=3, gso_size=20)
    assert (outcome.verdict, outcome.frame) == (0, FRAME)


def test_a_frame_goes_through_xdp() -> None:
    loaded = LoadedObject(build.program("pyvs_xdp"), sizes={"conns4": 64, "conns6": 64})
    try:
        outcome = run_xdp(loaded.program("pyvs_xdp"), FRAME, 1, repeat=10)
    finally:
        loaded.close()
    assert (outcome.verdict, outcome.frame) == (2, FRAME)


def test_too_short_a_frame_is_refused(fast: FastPath) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        run_tc(fast.program, b"x", 1)
