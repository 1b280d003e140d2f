from __future__ import annotations

import pytest

from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.tables import Miss
from pyvs.testing.repeat import COURSE, Repeat
from pyvs.testing.wire import tcp

pytestmark = pytest.mark.root

FRAME = bytes(12) + b"\x08\0" + tcp("10.0.0.0", "192.0.2.100", 1024, 80, 0x10, data=b"x" * 10)


def test_a_course_is_what_the_program_has() -> None:
    assert COURSE.size == 80
    assert COURSE.offset("packet") == 16


def test_each_time_the_program_sees_the_packet(fast: FastPath) -> None:
    repeat = Repeat("tc", fast.program)
    try:
        before = fast.misses()[Miss.NOT_AN_OPENER]
        outcome = repeat.run(FRAME, 1, times=100)
        assert (outcome.verdict, outcome.frame) == (0, FRAME)
        repeat.run(FRAME, 1, times=10, mask=3)
        assert fast.misses()[Miss.NOT_AN_OPENER] == before + 110
    finally:
        repeat.close()


def test_flows_have_addresses_and_ports_of_their_own(fast: FastPath) -> None:
    repeat = Repeat("tc", fast.program)
    try:
        outcome = repeat.run(FRAME, 1, times=2, mask=0x1FFFF)
        assert outcome.frame[26:30] == b"\x0a\x00\x79\xb1"
        assert int.from_bytes(outcome.frame[34:36], "big") in (1024, 1025)
        assert fast.misses()[Miss.BAD_HEADER] == 0
    finally:
        repeat.close()
