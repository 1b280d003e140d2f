"""Tables and trees for people: with rich on a terminal, as plain aligned text everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def aligned(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a plain table: numbers to the right, the rest to the left, two spaces between."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(column), *(len(row[at]) for row in texts)]) for at, column in enumerate(columns)]
    right = [
        bool(rows) and all(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))
    ]
    lines = []
    for cells in [list(columns), *texts]:
        parts = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return lines


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A titled table on standard output."""
    console = Console()
    if not console.is_terminal:
        click.echo(title)
        for line in aligned(columns, rows):
            click.echo(f"  {line}")
        return
    console.print(Text(title, style="bold"))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="cyan")
    for at, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[at], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)
