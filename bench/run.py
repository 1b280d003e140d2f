"""All benchmarks, one after another: a table on the terminal, and `bench/results.json`.

python bench/run.py [NAME ...]      the parts whose names are given, else all
"""

from __future__ import annotations

import importlib
import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results.json"

PARTS: Final = ("engine", "control", "apply", "nfqueue", "fast", "lab")
"""Modules beside this one; each has `measure()`, which gives figures by name."""


def reference() -> float:
    """Nanoseconds of a fixed loop in this run: what other runs are to be compared by."""

    def once() -> float:
        table: dict[int, int] = {}
        begin = time.perf_counter()
        for number in range(300_000):
            table[number & 1023] = number
        return (time.perf_counter() - begin) / 300_000 * 1e9

    return statistics.median(once() for _ in range(7))


def machine() -> dict[str, object]:
    """What it was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "reference_loop_ns": round(reference(), 2),
    }


def main(names: list[str]) -> int:
    """Run the parts, print and write; 1 when one failed."""
    sys.path.insert(0, str(HERE))
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"bench: there is no part {unknown[0]!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    results: dict[str, Any] = {"machine": machine()}
    failed = False
    console = Console()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        for name in names or PARTS:
            if not (HERE / f"{name}.py").exists():
                continue
            task = progress.add_task(f"measuring {name}")
            try:
                results.update(importlib.import_module(name).measure())
            except Exception as error:
                failed = True
                console.print(f"[red]{name} could not be measured: {error!r}")
            progress.remove_task(task)
    if names and RESULTS.exists():
        results = {**json.loads(RESULTS.read_text()), **results}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table = Table("figure", "value", "unit", "runs", "to be compared with", title="pyvs benchmarks")
    for name, row in results.items():
        if name != "machine":
            table.add_row(name, f"{row['value']:,}", row["unit"], str(row["runs"]), row["against"])
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in results["machine"].items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
