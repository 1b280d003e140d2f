import re

from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.grammar import (
    LONG,
    MATRIX,
    SHORT,
    SWITCHES,
    TUNNEL_MATRIX,
    Argument,
    Command,
    Option,
    Row,
)
from pyvs.cli.ipvsadm.parse import _Parser
from pyvs.cli.ipvsadm.usage import USAGE


def test_the_matrix_speaks_of_every_command_and_option() -> None:
    assert set(MATRIX) == set(Command) - {Command.HELP, Command.VERSION}
    for row in MATRIX.values():
        assert set(row) == set(Option)
        assert set(row.values()) <= set("+.1x")


def test_the_tunnels_matrix_speaks_of_tunnels_only() -> None:
    for row in TUNNEL_MATRIX.values():
        assert set(row) == {Option.TUN_PORT, Option.TUN_NOCSUM, Option.TUN_CSUM, Option.TUN_REMCSUM}


def test_switches_are_different_and_can_all_be_done() -> None:
    assert len(SHORT) == sum(1 for switch in SWITCHES if switch.short)
    assert len(LONG) == len(SWITCHES) - 1  # list has two letters
    for switch in SWITCHES:
        assert switch.command is not None or switch.action
        if switch.action:
            assert callable(getattr(_Parser, f"_{switch.action}"))
    assert [switch.long for switch in SWITCHES if switch.argument is Argument.OPTIONAL] == ["persistent"]


def test_the_usage_names_every_switch() -> None:
    for switch in SWITCHES:
        if switch.command is not Command.VERSION:
            assert re.search(rf"--{switch.long}[ |]", USAGE), switch.long


@given(
    st.sampled_from([*MATRIX.values(), *TUNNEL_MATRIX.values()]),
    st.sets(st.sampled_from(Option), max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_a_row_allows_what_its_columns_say(row: Row, options: set[Option], legal: bool, whole: bool) -> None:
    if legal:
        options = {option for option in options if row.get(option) != "x"}
    needed = {option for option, says in row.items() if says == "+"}
    if whole:
        options |= needed
    said = [row.get(option, ".") for option in options]
    assert row.allows(options) == (needed <= options and "x" not in said and said.count("1") < 2)
