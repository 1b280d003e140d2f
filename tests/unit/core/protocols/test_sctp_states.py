"""The table's own laws, and rows known from the recorded kernel; every cell is judged by recordings."""

import pytest

from pyvs.core.flags import Direction
from pyvs.core.protocols.sctp_states import (
    NAMES,
    ROW_OF_CHUNK,
    ROWS,
    STATES,
    TIMEOUTS,
    Chunk,
    SctpState,
)


def next_state(direction: Direction, chunk: int, state: SctpState) -> SctpState:
    return STATES[direction][ROW_OF_CHUNK[chunk]][state]


def test_every_direction_has_every_row_and_column() -> None:
    assert len(STATES) == len(Direction)
    for table in STATES:
        assert len(table) == len(ROWS)
        assert all(len(row) == len(SctpState) for row in table)
    assert len(NAMES) == len(TIMEOUTS) == len(SctpState)


def test_a_whole_association() -> None:
    state = SctpState.NONE
    seen = []
    for direction, chunk in (
        (Direction.INPUT, Chunk.INIT),
        (Direction.OUTPUT, Chunk.INIT_ACK),
        (Direction.INPUT, Chunk.COOKIE_ECHO),
        (Direction.OUTPUT, Chunk.COOKIE_ACK),
        (Direction.INPUT, Chunk.DATA),
        (Direction.INPUT, Chunk.SHUTDOWN),
        (Direction.OUTPUT, Chunk.SHUTDOWN_ACK),
        (Direction.INPUT, Chunk.SHUTDOWN_COMPLETE),
    ):
        state = next_state(direction, chunk, state)
        seen.append(NAMES[state])
    assert seen == [
        "INIT1",
        "C-SENT",
        "C-REPLIED",
        "ESTABLISHED",
        "ESTABLISHED",
        "S-RECEIVED",
        "S-ACK-SENT",
        "CLOSED",
    ]


def test_only_the_client_is_seen() -> None:
    state = SctpState.INIT1
    for chunk in (Chunk.COOKIE_ECHO, Chunk.DATA, Chunk.SHUTDOWN_ACK):
        state = next_state(Direction.INPUT_ONLY, chunk, state)
    assert state == SctpState.CLOSED


@pytest.mark.parametrize("chunk", [3, 4, 5, 12, 13, 63, 128, 255])
def test_other_chunks_count_as_data(chunk: int) -> None:
    assert ROW_OF_CHUNK[chunk] == ROW_OF_CHUNK[Chunk.DATA]


@pytest.mark.parametrize("direction", Direction)
def test_abort_ends_in_closed_or_rejected(direction: Direction) -> None:
    ends = {next_state(direction, Chunk.ABORT, state) for state in SctpState}
    assert ends == {SctpState.CLOSED, SctpState.REJECTED}


def test_timeouts() -> None:
    assert TIMEOUTS[SctpState.NONE] == 2
    assert TIMEOUTS[SctpState.INIT1] == TIMEOUTS[SctpState.REJECTED] == 4
    assert TIMEOUTS[SctpState.ESTABLISHED] == 900
    assert set(TIMEOUTS) == {2, 4, 61, 900}
