import pytest

from pyvs.netlink import attributes
from pyvs.netlink.attributes import OPERATIONS, STATS, STATS64, Command, Kind, OpFlag, Table

TABLES = [value for value in vars(attributes).values() if isinstance(value, Table)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_numbers_run_from_one_and_names_are_different(table: Table) -> None:
    assert sorted(table.by_number) == list(range(1, len(table.by_number) + 1))
    assert len(table.by_name) == len(table.by_number)


def test_wide_counters_are_the_narrow_ones() -> None:
    assert list(STATS.by_name) == list(STATS64.by_name)
    assert {row.kind for row in STATS64.by_number.values()} == {Kind.U64}


def test_all_commands_but_an_answer_may_be_asked_and_all_need_an_administrator() -> None:
    assert set(Command) - set(OPERATIONS) == {Command.SET_INFO}
    assert all(flags & OpFlag.ADMIN_PERM for flags in OPERATIONS.values())
