"""The screen of `pyvs lab demo`: a live table on a terminal, plain lines elsewhere, and a summary line at the end."""

import io
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pyvs.core.wording import counted
from pyvs.lab import course
from pyvs.lab.course import Outcome, Result, Round, Sample, Settings
from pyvs.lab.howto import PLANS, TITLES
from pyvs.lab.load import Tally

EVERY: Final = 1.0
"""Seconds between two plain lines."""
PARTY: Final = "three clients, a router, the director and three real servers are up"
WIDTH: Final = 118
"""Columns of the picture."""
_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def title(which: Round) -> str:
    """A round's name for people."""
    return f"{TITLES[which.method]}, IPv{which.family}"


def shares(tally: Tally) -> str:
    """Who served how much."""
    parts = (
        f"{name} {tally.answered[name]} ({100 * tally.share(name):.1f} %)" for name in sorted(tally.answered)
    )
    return ", ".join(parts) or "nobody served"


def reasons(tally: Tally) -> str:
    """Why requests failed, in brackets; empty when none did."""
    return (
        f" ({', '.join(f'{count} {why}' for why, count in tally.failed.most_common())})" if tally.bad else ""
    )


def result_line(result: Result) -> str:
    """One line a round."""
    tally = result.tally
    asked = counted(result.planned, "request")
    line = f"{title(result.round)}: {asked}, {tally.bad} failed{reasons(tally)}; {shares(tally)}"
    if tally.seconds:
        line += f"; median {1000 * statistics.median(tally.seconds):.1f} ms"
    if result.known < result.planned:
        line += f"; the director knows of {counted(result.known, 'connection')} only"
    return line


def summary_line(outcome: Outcome, seconds: float) -> str:
    """The demo's last line."""
    tally = outcome.tally
    asked, bad = counted(outcome.planned, "request"), counted(tally.bad, "failure")
    return f"{asked}, {bad}{reasons(tally)}; {shares(tally)}; {seconds:.1f} s"


def table(sample: Sample) -> Table:
    """Services, servers, connections and rates.

    Connections are what the director says, pages and pages/s what the clients got. (The director's own rates are
    those of `pyvsadm -L --rate`; as IPVS's they follow too slowly for rounds of seconds.)
    """
    plan = PLANS[sample.round.family]
    host = f"[{plan.virtual}]" if sample.round.family == 6 else plan.virtual
    sheet = Table(
        title=f"{title(sample.round)}: TCP {host}:{course.PORT}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    sheet.add_column("server", no_wrap=True)
    sheet.add_column("address", no_wrap=True)
    for name in ("weight", "active", "inact", "pages", "pages/s", "share"):
        sheet.add_column(name, justify="right", no_wrap=True)
    for row in sample.rows:
        pages = sample.tally.answered[row.name]
        figures = (
            row.weight,
            row.active,
            row.inactive,
            pages,
            round(sample.rates.get(row.name, 0)),
        )
        share = f"{100 * sample.tally.share(row.name):.1f} %"
        sheet.add_row(row.name, row.address, *(str(figure) for figure in figures), share)
    return sheet


def frame(sample: Sample) -> RenderableType:
    """The live part of the screen."""
    bar = ProgressBar(total=sample.planned, completed=sample.tally.done, width=40)
    state = Text(f"{sample.tally.done} of {counted(sample.planned, 'request')}, {sample.tally.bad} failed")
    line = Table.grid(padding=(0, 2))
    line.add_row(bar, state)
    return Group(table(sample), line)


class LiveScreen:
    """A terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.kept: list[RenderableType] = []
        """What stays on the screen, for the picture."""
        self.last: Sample | None = None
        """The last look before a round was over."""

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.live.stop()

    def _keep(self, line: RenderableType) -> None:
        self.kept.append(line)
        self.console.print(line)

    def lab_is_up(self, method: str) -> None:
        """A headline."""
        self._keep(
            Text(
                f"{TITLES[method]}: three clients, a router, the director and three real servers",
                style="bold",
            )
        )

    def service_is_up(self, which: Round, lines: Sequence[str]) -> None:
        """The commands."""
        for line in lines:
            self._keep(Text(f"  ipvsadm {line}", style="cyan"))

    def look(self, sample: Sample) -> None:
        """Draw the table anew."""
        if sample.tally.done < sample.planned:
            self.last = sample
        self.live.update(frame(sample), refresh=True)

    def round_is_over(self, result: Result) -> None:
        """The table goes, a line stays."""
        self.live.update("", refresh=True)
        self._keep(
            Text(
                ("✓ " if result.is_good else "✗ ") + result_line(result),
                style="green" if result.is_good else "red",
            )
        )


class PlainScreen:
    """No terminal: lines."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        """Nothing to restore."""

    def say(self, line: str) -> None:
        """One line, not wrapped."""
        self.console.out(line, highlight=False)

    def lab_is_up(self, method: str) -> None:
        """A headline."""
        self.say(f"{TITLES[method]}: {PARTY}")

    def service_is_up(self, which: Round, lines: Sequence[str]) -> None:
        """The commands."""
        for line in lines:
            self.say(f"  ipvsadm {line}")

    def look(self, sample: Sample) -> None:
        """A line from time to time."""
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + EVERY
        servers = "; ".join(
            f"{row.name} {row.active} active, {row.inactive} inactive, {sample.rates.get(row.name, 0):.0f} pages/s"
            for row in sample.rows
        )
        self.say(
            f"  {sample.tally.done} of {counted(sample.planned, 'request')}, {sample.tally.bad} failed; {servers}"
        )

    def round_is_over(self, result: Result) -> None:
        """A line a round."""
        self.say(result_line(result))


def show(
    settings: Settings, *, plain: bool = False, picture: Path | None = None, console: Console | None = None
) -> int:
    """Run the demo on a screen: 0 if all requests were served, 1 if not.

    Raises LabError when it can't be set up.
    """
    console = console or Console()
    begin = time.monotonic()
    screen: LiveScreen | PlainScreen
    screen = PlainScreen(console) if plain or not console.is_terminal else LiveScreen(console)
    with screen:
        outcome = course.run(settings, screen)
    last = Text(
        summary_line(outcome, time.monotonic() - begin), style="bold green" if outcome.is_good else "bold red"
    )
    console.print(last, soft_wrap=True)
    if picture is not None and isinstance(screen, LiveScreen) and screen.last is not None:
        parts = [*screen.kept[:-1], frame(screen.last), screen.kept[-1], last]
        picture.write_text(as_svg(parts), encoding="utf-8")
    return 0 if outcome.is_good else 1


def as_svg(parts: Sequence[RenderableType]) -> str:
    """The parts as a picture of a terminal, without fonts from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for part in parts:
        console.print(part)
    return _FONTS.sub("", console.export_svg(title="make demo"))
