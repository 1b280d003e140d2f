"""`pyvs apply`: bring the director from what is to what a rule file says, in one step."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

import click

from pyvs.cli.applying.difference import difference, show, shown
from pyvs.cli.applying.reading import read_tables
from pyvs.cli.applying.tables import Tables, tables_of
from pyvs.cli.asking import asking
from pyvs.cli.marked_lines import read_marked, refuse_without_service
from pyvs.cli.rules import Rules, RulesError, client_of, mistake
from pyvs.core.control.native_specs import Change
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError, Errno
from pyvs.core.wording import counted
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.native_rows import key_text, masquerade_row, rule_rows

TRIES: Final = 5
"""So often the difference is worked out anew when someone else changes the rules meanwhile."""


class FileRules:
    """A rule file for `pyvs run`: its rules, its marked lines, and whether it has changed."""

    def __init__(self, rules: Rules, text: str) -> None:
        """Raises RulesError."""
        self.rules = rules
        self._text = text
        self._marked = read_marked(text, rules.file)
        refuse_without_service(
            self._marked, {key_text(view.spec.key) for view, _ in rules.services}, rules.file
        )

    @property
    def digest(self) -> str:
        """Another one when the file says something else."""
        return sha256(self._text.encode("utf-8", "replace")).hexdigest()

    def apply(self, control: Control, now: float) -> None:
        """Put the rules into an engine without any. Raises PyvsError, and it has no services then."""
        self.rules.apply(control, now)
        try:
            control.apply([line.said for line in self._marked], None, now)
        except ControlError as refusal:
            control.flush(now)
            line = self._marked[refusal.change or 0]
            raise RulesError(mistake(self.rules.file, line.number, line.text, str(refusal))) from None

    def bring(self, control: Control, now: float) -> int:
        """Bring an engine to them, in one step: how many changes. Raises PyvsError."""
        rows = [list(row) for rule in control.each_rule() for row in rule_rows(rule)]
        present = tables_of([*rows, *(list(masquerade_row(each)) for each in control.get_masquerade())])
        wanted = read_tables(self._text, self.rules.file, present)
        client = client_of(control, now)
        changes = difference(present, wanted, client.get_config, client.sysctl_read)
        try:
            return control.apply(changes, None, now)
        except ControlError as refusal:
            line = " ".join(shown(changes[refusal.change or 0], present))
            raise RulesError(f"{self.rules.file}: {refusal}\n    {line}") from None


def bring(client: NativeClient, text: str, file: str, *, dry: bool, quiet: bool) -> list[Change]:
    """Show what has to change, and change it; what it was. Raises PyvsError."""
    for left in reversed(range(TRIES)):
        generation, rows = client.rules()
        present = tables_of(rows)
        wanted: Tables = read_tables(text, file, present)
        changes = difference(present, wanted, client.get_config, client.sysctl_read)
        if not quiet:
            show(changes, present)
        if dry:
            return changes
        try:
            client.apply(changes, generation)
        except ControlError as refusal:
            if refusal.errno != Errno.EBUSY or not left:
                raise
            click.echo(
                "pyvs apply: the rules were changed meanwhile: the difference is worked out anew", err=True
            )
        else:
            return changes
    raise AssertionError


@click.command()
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--quiet", "-q", is_flag=True, help="Don't show what changes.")
def apply(file: str, dry_run: bool, quiet: bool) -> None:
    """Bring the director to what FILE says: lines of `pyvs save` or ipvsadm-save ('-' reads standard input).

    What is not in FILE goes, policies and masquerading too; what is in it comes or changes, all in one step or not at
    all. Connections of services and servers that stay go on.
    """
    with asking("pyvs apply") as client:
        changes = bring(client, _read(file), file, dry=dry_run, quiet=quiet)
    if not quiet:
        count = counted(len(changes), "change")
        click.echo(f"{count} to be made" if dry_run else f"{count} made", err=True)


def _read(file: str) -> str:
    """The text of a file. Raises RulesError."""
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RulesError(f"{file}: can't be read: {error.strerror}") from None
