"""`pyvs save`: the rules as a rule file, with what ipvsadm-save can't say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from pyvs.cli.applying.difference import dest_line, service_line
from pyvs.cli.asking import asking
from pyvs.cli.marked_lines import marked_line
from pyvs.core.control.native_specs import ChangeMasquerade, SetPolicy
from pyvs.netlink.native_rows import read_masquerade, read_policy, read_server, read_service


def lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    """The lines of a rule file for a director's rows."""
    for row in rows:
        match row[0]:
            case "service":
                yield service_line(read_service(row))
            case "server":
                yield dest_line(*read_server(row))
            case "policy":
                yield marked_line(SetPolicy(*read_policy(row)))
            case "masquerade":
                yield marked_line(ChangeMasquerade(read_masquerade(row)))


@click.command()
def save() -> None:
    """Print the director's rules as lines that `pyvs apply` and `pyvs run --rules` read.

    Like ipvsadm-save -n, with thresholds, policies, masquerading and port forwarding. Timeouts, sysctls and
    synchronisation are not among them.
    """
    with asking("pyvs save") as client:
        for line in lines(client.rules()[1]):
            click.echo(line)
