"""The table a second time, copied by another hand, and laws that it must keep whatever its cells."""

from __future__ import annotations

import pytest

from pyvs.core.protocols.tcp_states import (
    ACK_ROW,
    ACTIVE,
    FIN_ROW,
    NAMES,
    NO_ROW,
    NORMAL,
    ROW_OF_FLAGS,
    RST_ROW,
    SECURE,
    SYN_ROW,
    TIMEOUTS,
    TcpState,
)

LETTERS = dict(zip(["NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA"], TcpState, strict=True))

INPUT = """
SR ES ES SR SR SR SR SR SR SR SR
CL CW SS TW TW TW CL CW LA LI TW
ES ES SS ES FW TW CL CW CL LI ES
CL CL CL SR CL CL CL CL LA LI SR
"""
OUTPUT = """
SS ES SS SR SS SS SS SS SS LI SR
TW FW SS TW FW TW CL TW LA LI TW
ES ES SS ES FW TW CL CW LA ES ES
CL CL SS CL CL TW CL CL CL CL CL
"""
INPUT_ONLY = """
SR ES ES SR SR SR SR SR SR SR SR
CL FW SS TW FW TW CL CW LA LI TW
ES ES SS ES FW TW CL CW CL LI ES
CL CL CL SR CL CL CL CL LA LI CL
"""
SECURE_INPUT = """
SR ES ES SR SR SR SR SR SR SR SA
CL CW SS TW TW TW CL CW LA LI SA
ES ES SS SR FW TW CL CW CL LI SA
CL CL CL SR CL CL CL CL LA LI CL
"""
SECURE_OUTPUT = OUTPUT.replace("SS ES SS SR SS SS SS SS SS LI SR", "SS ES SS SA SS SS SS SS SS LI SA")
SECURE_INPUT_ONLY = INPUT_ONLY.replace("SR ES ES SR SR SR SR SR SR SR SR", "SA ES ES SR SA SA SA SA SA SA SA")


def read(text: str) -> tuple[tuple[TcpState, ...], ...]:
    return tuple(tuple(LETTERS[word] for word in line.split()) for line in text.split("\n") if line)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(NORMAL, (INPUT, OUTPUT, INPUT_ONLY)), (SECURE, (SECURE_INPUT, SECURE_OUTPUT, SECURE_INPUT_ONLY))],
    ids=["normal", "secure"],
)
def test_each_cell(ours: tuple[tuple[tuple[TcpState, ...], ...], ...], theirs: tuple[str, ...]) -> None:
    for number, text in enumerate(theirs):
        assert ours[number] == read(text)
    assert len(ours) == len(theirs)


def test_names_and_times_by_state() -> None:
    assert NAMES == (
        "NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
        "LISTEN", "SYNACK",
    )  # fmt: skip
    assert TIMEOUTS == (2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120)
    assert frozenset(TcpState[name] for name in ("ESTABLISHED", "SYN_SENT", "SYN_RECV", "SYNACK")) == ACTIVE
    assert [int(state) for state in TcpState] == list(range(11))


@pytest.mark.parametrize("flags", range(256))
def test_flags_choose_the_row_reset_before_syn_before_fin_before_ack(flags: int) -> None:
    asked = [row for bit, row in ((4, RST_ROW), (2, SYN_ROW), (1, FIN_ROW), (16, ACK_ROW)) if flags & bit]
    assert ROW_OF_FLAGS[flags] == (asked[0] if asked else NO_ROW)


def test_rows_are_numbered_as_the_tables_are_written() -> None:
    assert (SYN_ROW, FIN_ROW, ACK_ROW, RST_ROW, NO_ROW) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("table", [NORMAL, SECURE], ids=["normal", "secure"])
def test_repeating_a_segment_leads_nowhere_else(table: tuple[tuple[tuple[TcpState, ...], ...], ...]) -> None:
    """A retransmission finds the state that its first copy left, or one that it leaves alone."""
    for direction in table:
        for row in direction:
            for state in TcpState:
                once = row[state]
                assert row[row[once]] == row[once]


def test_the_wary_table_establishes_by_the_servers_word_alone() -> None:
    assert SECURE[0][ACK_ROW][TcpState.SYN_RECV] is TcpState.SYN_RECV
    assert SECURE[0][ACK_ROW][TcpState.SYNACK] is TcpState.SYNACK
    assert SECURE[1][SYN_ROW][TcpState.SYN_RECV] is TcpState.SYNACK
    assert SECURE[1][ACK_ROW][TcpState.SYNACK] is TcpState.ESTABLISHED
