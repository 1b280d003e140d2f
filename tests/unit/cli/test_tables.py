import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.tables import aligned, print_table


def test_numbers_to_the_right_and_words_to_the_left() -> None:
    assert aligned(("name", "count"), [("a", 1), ("longer", 100)]) == [
        "name    count",
        "a           1",
        "longer    100",
    ]


def test_without_rows_there_is_the_head() -> None:
    assert aligned(("name", "count"), []) == ["name  count"]


@given(st.lists(st.tuples(st.text("ab", max_size=9), st.integers(), st.text("cd", min_size=1)), min_size=1))
def test_columns_stand_below_each_other(rows: list[tuple[str, int, str]]) -> None:
    lines = aligned(("one", "two", "three"), rows)
    start = lines[0].index("three")
    assert all(line[start:] == row[2] for line, row in zip(lines[1:], rows, strict=True))


def test_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("A title", ("name", "count"), [("[red]x", 1)])
    assert capsys.readouterr().out == "A title\n  name    count\n  [red]x      1\n"


def test_with_rich_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    print_table("A title", ("name", "count"), [("[red]x", 1)])
    out = capsys.readouterr().out
    assert "\x1b[" in out
    assert "[red]x" in out
