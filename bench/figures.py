"""Rows of results.json, as every part gives them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

TICK: Final = os.sysconf("SC_CLK_TCK")

Row = dict[str, object]


def figure(value: float, unit: str, runs: int, against: str = "") -> Row:
    """One row: a value, its unit, how many runs it is of, and what it is to be compared with."""
    return {"value": round(value, 3), "unit": unit, "runs": runs, "against": against}


def show(rows: Iterable[tuple[str, Row]]) -> None:
    """A line for each, as it comes."""
    for name, row in rows:
        print(f"{name:40} {row['value']:>12} {row['unit']:7} {row['against']}")


def processor_seconds(of: str) -> float:
    """What a process has used of the processor, or a thread, the kernel's work for it included. of: below /proc."""
    words = Path("/proc", of, "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK
