"""`pyvs`: one command with subcommands, each imported only when it is used."""

import importlib
from typing import Final

import click

COMMANDS: Final[dict[str, str]] = {
    "run": "pyvs.cli.run:run",
    "exec": "pyvs.cli.exec:exec_",
    "shell": "pyvs.cli.shell:shell",
    "play": "pyvs.cli.play:play",
    "replay": "pyvs.cli.replay:replay",
    "explain": "pyvs.cli.explain:explain",
    "lab": "pyvs.cli.lab:lab",
    "apply": "pyvs.cli.apply:apply",
    "save": "pyvs.cli.save:save",
    "connections": "pyvs.cli.connections:connections",
    "drop-connections": "pyvs.cli.drop_connections:drop_connections",
    "drain": "pyvs.cli.drain:drain",
    "policy": "pyvs.cli.policy:policy",
    "fast": "pyvs.cli.fast:fast",
    "detach": "pyvs.cli.detach:detach",
    "masquerade": "pyvs.cli.masquerade:masquerade",
    "portfw": "pyvs.cli.portfw:portfw",
}
"""Subcommand -> `module:attribute` of its click command. A line a command; the order is that of the help."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now; None when there is none."""
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, attribute = where.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), f"{where} is no click command"
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pyvs", prog_name="pyvs")
def main() -> None:
    """The Linux Virtual Server: run it, play scenarios, replay captures."""
