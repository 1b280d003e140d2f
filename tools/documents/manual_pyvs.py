"""docs/man/pyvs.1: the manual of `pyvs`, from its click commands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from tools.documents import roff

from pyvs.cli.main import main

PYPROJECT: Final = Path(__file__).resolve().parents[2] / "pyproject.toml"

FILES: Final = (
    ("/run/pyvs/INODE.sock", "The director's control socket; INODE is its network namespace's number"),
    ("/etc/ipvsadm.rules", "Rules that `pyvs run` reads when no others are named"),
    (
        "/sys/fs/bpf/pyvs/COOKIE",
        "The fast path's programs, links and maps, which `pyvs detach` takes away; COOKIE is its network namespace's",
    ),
)
EXAMPLES: Final = (
    ("The director, with rules from a file:", ("pyvs run --rules web.rules",)),
    ("keepalived, unmodified, drives it:", ("pyvs exec -- keepalived -n -l -f keepalived.conf",)),
    (
        "Another version, and no connection is lost (the next director takes over what `--keep-fast` leaves):",
        ("pyvs run --keep-fast",),
    ),
    (
        "Where would this client go, and why?",
        ("pyvs explain tcp 198.51.100.7:40001 192.0.2.80:80 -r web.rules",),
    ),
    ("A network to try all of it in, without root:", ("pyvs lab shell nat",)),
)
ENVIRONMENT: Final = (
    ("PYVS_SOCKET", "Another control socket; `@NAME` is an abstract one"),
    ("PYVS_BPFFS", "Another bpf file system than /sys/fs/bpf"),
)


def version() -> str:
    """The package's."""
    return str(tomllib.loads(PYPROJECT.read_text())["project"]["version"])


def page() -> str:
    """The manual."""
    context = click.Context(main, info_name="pyvs")
    lines = [
        roff.COMMENT.format("src/pyvs/cli"),
        roff.title("pyvs", 1, version()),
        roff.section("Name"),
        "pyvs \\- the Linux Virtual Server without the kernel module ip_vs",
        roff.section("Synopsis"),
        f"{roff.bold('pyvs')} {roff.italic('command')} [{roff.italic('options')}] [{roff.italic('arguments')}]",
        roff.section("Description"),
        roff.prose(
            "pyvs balances connections over real servers as IPVS of the Linux kernel does, by NAT, direct routing and "
            "tunnels. `pyvs run` is the director; `pyvsadm` administers it with the command line of ipvsadm. The other "
            "commands work beside it or without it."
        ),
        roff.section("Commands"),
    ]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        lines += _command(command, f"pyvs {name}")
    lines += [roff.section("Files")]
    for tag, text in FILES:
        lines += roff.entry(roff.italic(tag), roff.prose(text))
    lines += [roff.section("Environment")]
    for tag, text in ENVIRONMENT:
        lines += roff.entry(roff.bold(tag), roff.prose(text))
    lines += [roff.section("Examples")]
    for said, commands in EXAMPLES:
        lines += [".PP", roff.prose(said), *roff.verbatim(commands)]
    lines += [roff.section("See also"), f"{roff.bold('pyvsadm')}(8), {roff.bold('ipvsadm')}(8)"]
    return "\n".join([*lines, ""])


def _command(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, f"{path} {name}")
        return
    yield roff.subsection(path)
    arguments = [_argument(p) for p in command.params if isinstance(p, click.Argument)]
    yield " ".join([roff.bold(path), f"[{roff.italic('options')}]", *arguments])
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        yield ".PP" if number else ".br"
        if paragraph.startswith("\b"):
            yield from roff.verbatim(paragraph.split("\n")[1:])
        else:
            yield roff.prose(" ".join(paragraph.split()))
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            yield from roff.entry(_names(option), roff.prose(_help(option)))


def _argument(argument: click.Argument) -> str:
    """Its name, in brackets if it may be missing."""
    name = (argument.metavar or str(argument.name).upper()).removesuffix("...")
    if isinstance(argument.type, click.Choice):
        name = "|".join(map(str, argument.type.choices))
    words = " ".join([roff.italic(name)] * max(argument.nargs, 1)) + ("..." if argument.nargs < 0 else "")
    return words if argument.required else f"[{words}]"


def _names(option: click.Option) -> str:
    """How it is written, with what it takes."""
    names = ", ".join(map(roff.bold, [*option.opts, *option.secondary_opts]))
    return names if option.is_flag or option.count else f"{names} {roff.italic(_value(option))}"


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    if isinstance(option.type, click.Tuple):
        return " ".join(inner.name.upper() for inner in option.type.types)
    names: dict[str, str] = {
        "integer range": "NUMBER",
        "integer": "NUMBER",
        "float range": "NUMBER",
        "path": "PATH",
    }
    return names.get(option.type.name, option.type.name.upper())


def _help(option: click.Option) -> str:
    """What it does, its range and default, and whether it must or may be repeated."""
    said = [option.help or ""]
    if isinstance(option.type, click.IntRange | click.FloatRange):
        low, high = option.type.min, option.type.max
        if high is not None:
            said.append(f"From {low} to {high}.")
        elif low is not None:
            said.append(f"At least {low}.")
    default: Any = option.default
    if isinstance(option.show_default, str):
        said.append(f"Default: {option.show_default}.")
    elif option.show_default and isinstance(default, str | int | float):
        said.append(f"Default: {default}.")
    if option.required:
        said.append("Required.")
    return " ".join(filter(None, said))
