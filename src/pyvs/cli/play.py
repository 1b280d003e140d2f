"""`pyvs play`: plays scenarios in the recordings' format and writes what happened in the same format."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pyvs.cli.ipvsadm.main import run
from pyvs.cli.ipvsadm.names import SystemNames
from pyvs.core.errors import PyvsError
from pyvs.core.wording import counted
from pyvs.fastpath.fast import Mode
from pyvs.play.director import Director
from pyvs.play.fast.director import FastDirector
from pyvs.play.fast.stage import Stage
from pyvs.play.fast.tally import Tally
from pyvs.play.player import Making, Player
from pyvs.play.scenario import read

WELL_KNOWN: Final = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain", 69: "tftp", 80: "http",
    110: "pop3", 123: "ntp", 143: "imap2", 389: "ldap", 443: "https", 993: "imaps", 995: "pop3s", 5060: "sip",
    8080: "http-alt",
}  # fmt: skip
"""Ports that have a name even where the system knows none."""
LOCALHOST: Final = b"\x7f\0\0\x01"


class RecordedNames(SystemNames):
    """Names as they were where the recordings were made: ports from the system's list, no host but localhost."""

    def host(self, addr: bytes) -> str | None:
        """The name of an IPv4 address; nobody out there is asked."""
        return "localhost" if addr == LOCALHOST else None

    def port(self, port: int, protocol: int) -> str | None:
        """The name of a port."""
        return super().port(port, protocol) or (WELL_KNOWN.get(port) if protocol in (6, 17) else None)

    def find_host(self, name: str) -> bytes | None:
        """The IPv4 address of a name."""
        return LOCALHOST if name == "localhost" else None

    def find_port(self, name: str, protocol: int) -> int | None:
        """The number of a port."""
        known = {text: number for number, text in WELL_KNOWN.items()}
        return super().find_port(name, protocol) or (known.get(name) if protocol in (6, 17) else None)


ipvsadm: Final = partial(run, names=RecordedNames())
"""The ipvsadm of scenarios."""


@click.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", "folder", required=True, type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the results, each with its scenario's file name.")  # fmt: skip
@click.option("--fast", "mode", type=click.Choice(["tc", "xdp"]),
              help="Let the fast path's programs see each packet first, by test run. Needs root.")  # fmt: skip
@click.option("--fast-new", "new", type=click.Choice(["on", "off"]),
              help="Whether these programs schedule new connections; off by default.")  # fmt: skip
def play(scenarios: tuple[Path, ...], folder: Path, mode: Mode | None, new: str | None) -> None:
    """Play SCENARIOS, as the recorded kernel (Linux 6.1) would, and write what happened into a folder.

    A scenario is a JSON file in the recordings' format; of a whole recording only its scenario is read. The exit
    status is 0 only if all of them could be played.

    With --fast the results are to be the same: what the programs serve, they serve as the virtual server does. At the
    end stands how many packets that were, and why others went up.
    """
    console = Console(stderr=True)
    if new is not None and mode is None:
        raise click.UsageError(
            "--fast-new is about the programs of the fast path: add --fast tc or --fast xdp"
        )
    with ExitStack() as exits:
        stage = None
        if mode is not None:
            try:
                stage = exits.enter_context(Stage(mode, new=new == "on"))
            except PyvsError as why:
                console.print(f"pyvs play: {why}", style="red", markup=False, highlight=False, soft_wrap=True)
                sys.exit(1)
        failed = _play(scenarios, folder, stage, console)
    sys.exit(1 if failed else 0)


def _play(scenarios: tuple[Path, ...], folder: Path, stage: Stage | None, console: Console) -> int:
    """Play all of them; how many could not be."""
    folder.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    failed = 0
    columns = (
        TextColumn("playing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(scenarios))
        for path in scenarios:
            progress.update(task, description=path.stem)
            try:
                player = Player(read(path), ipvsadm, make=maker(stage))
                write(folder / path.name, json.dumps(player.run(), indent=1) + "\n")
                if isinstance(player.director, FastDirector):
                    tally.add(player.director.tally)
            except (PyvsError, OSError) as error:
                failed += 1
                console.print(
                    f"pyvs play: {error}", style="red", markup=False, highlight=False, soft_wrap=True
                )
            except Exception as error:  # a mistake of ours: the other scenarios are played all the same
                failed += 1
                console.print(f"pyvs play: {path}: internal error: {error!r}", style="red", markup=False)
                console.print_exception()
            progress.advance(task)
    played = len(scenarios) - failed
    console.print(
        f"{played} of {counted(len(scenarios), 'scenario')} played, results in {folder}",
        markup=False,
        highlight=False,
    )
    if stage is not None:
        for line in tally.lines():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return failed


def maker(stage: Stage | None) -> Making:
    """Directors for the player: with a stage, those whose packets its programs see first."""
    return Director if stage is None else partial(FastDirector, stage=stage)


def write(path: Path, text: str) -> None:
    """Write a file at once: it is whole or not there."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
