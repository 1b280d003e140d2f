"""`pyvs play`: plays scenarios in the recordings' format and writes what happened in the same format."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pyvs.cli.ipvsadm.main import run
from pyvs.cli.ipvsadm.names import SystemNames
from pyvs.core.errors import PyvsError
from pyvs.play.player import Player
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
def play(scenarios: tuple[Path, ...], folder: Path) -> None:
    """Play SCENARIOS, as the recorded kernel (Linux 6.1) would, and write what happened into a folder.

    A scenario is a JSON file in the recordings' format; of a whole recording only its scenario is read. The exit
    status is 0 only if all of them could be played.
    """
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
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
                scenario = read(path)
                write(folder / path.name, json.dumps(Player(scenario, ipvsadm).run(), indent=1) + "\n")
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
        f"{played} of {len(scenarios)} scenarios played, results in {folder}", markup=False, highlight=False
    )
    sys.exit(1 if failed else 0)


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
