"""Hostile journals: a director starts with any, and says what it could not read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.engine import Engine
from pyvs.daemon.state.journal import Journal
from pyvs.daemon.state.kept import _FOLD
from pyvs.daemon.state.lines import HEADER, line_of, read, read_line
from pyvs.daemon.state.restore import restore
from pyvs.testing.environment import FixedEnvironment

SERVICE = ["service", "tcp/192.0.2.100/80", "rr", 0, 0, 4294967295, ""]


def server(n: int, weight: int = 1) -> list[Any]:
    return ["server", SERVICE[1], f"10.1.0.{n}/80", 0, weight, 0, 0, 0, 0, 0]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(path: Path, told: list[str], clock: Clock | None = None) -> Journal:
    return Journal(path, told.append, clock or Clock())


@given(st.lists(st.one_of(st.sampled_from(range(4)), st.binary(max_size=60)), max_size=12))
def test_a_director_starts_with_any_journal(parts: list[int | bytes]) -> None:
    lines = [line_of(SERVICE), line_of(server(1)), line_of(["all", [SERVICE, server(3)]]), b"\n"]
    data = HEADER + b"".join(part if isinstance(part, bytes) else lines[part] for part in parts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        path.write_bytes(data)
        told: list[str] = []
        journal = opened(path, told)
        kept = list(journal.kept.rows())
        journal.append(SERVICE)
        journal.close()
        after = list(read(path).kept.rows())
        assert [row for row in after if row != SERVICE] == [row for row in kept if row != SERVICE]
        place = path.with_name("journal.damaged")
        assert not place.exists() or place.read_bytes() == data
        if not told:
            assert not place.exists()


ROWS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([SERVICE[1]]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)
KINDS = [*_FOLD, "nosuch"]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.lists(ROWS, max_size=9)), max_size=6))
def test_whole_lines_that_lie_are_told(rows: list[tuple[str, list[Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        path.write_bytes(HEADER + b"".join(line_of([kind, *words]) for kind, words in rows))
        told: list[str] = []
        journal = opened(path, told)
        control = Engine(FixedEnvironment(), now=5.0).control
        restore(journal.kept, control, 5.0, 1e9, told.append)
        journal.close()


@given(st.binary(max_size=80))
def test_any_line_is_read_or_damaged(line: bytes) -> None:
    row = read_line(line)
    assert row is None or line_of(row).startswith(line[:8])
