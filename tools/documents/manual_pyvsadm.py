"""docs/man/pyvsadm.8: the manual of `pyvsadm`, from the tables of its grammar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tools.documents import roff
from tools.documents.manual_pyvs import version
from tools.documents.switches import WORDS

from pyvs.cli.ipvsadm.grammar import MATRIX, SWITCHES, Command, Option, Switch
from pyvs.cli.ipvsadm.usage import USAGE
from pyvs.core.schedulers import SCHEDULERS

SIGNS: Final[Mapping[str, str]] = {
    "+": "needed",
    ".": "may stand",
    "1": "one of these at most",
}
SCHEDULER_WORDS: Final[Mapping[str, str]] = {
    "rr": "Servers in turn",
    "wrr": "Servers in turn, as often as their weights say",
    "lc": "The server with the fewest connections",
    "wlc": "The fewest connections for its weight",
    "lblc": "The server that had this destination before, unless it is overloaded; for caches",
    "lblcr": "Likewise, a set of servers for each destination",
    "dh": "By a hash of the destination address",
    "sh": "By a hash of the client's address; flags sh-fallback, sh-port",
    "sed": "The shortest expected delay",
    "nq": "An idle server, else the shortest expected delay",
    "fo": "The server of the highest weight that can take connections",
    "ovf": "The server of the highest weight until it has as many active connections as its weight, then the next",
    "mh": "Maglev: a hash that moves few clients when servers change; flags mh-fallback, mh-port",
    "twos": "The less loaded of two servers that chance names by weight",
}
EXAMPLES: Final = (
    (
        "A web service, in turn over two servers by NAT:",
        (
            "pyvsadm -A -t 192.0.2.80:80 -s rr",
            "pyvsadm -a -t 192.0.2.80:80 -r 10.1.0.11:8080 -m",
            "pyvsadm -a -t 192.0.2.80:80 -r 10.1.0.12:8080 -m",
        ),
    ),
    (
        "No new connections for a server, the old ones go on:",
        ("pyvsadm -e -t 192.0.2.80:80 -r 10.1.0.11:8080 -m -w 0",),
    ),
    ("All rules into a file, and back:", ("pyvsadm -Sn > rules", "pyvsadm -R < rules")),
)


def page() -> str:
    """The manual."""
    lines = [
        roff.COMMENT.format("src/pyvs/cli/ipvsadm/grammar.py and usage.py"),
        roff.title("pyvsadm", 8, version()),
        roff.section("Name"),
        "pyvsadm \\- administration of the virtual server, with the command line of ipvsadm",
        roff.section("Synopsis"),
    ]
    for number, line in enumerate(_synopsis()):
        lines += ([".br"] if number else []) + [line]
    lines += [
        roff.section("Description"),
        roff.prose(
            "pyvsadm sets up, changes and lists the table of the director that `pyvs run` is in this network "
            "namespace. Command line, messages, listings and exit statuses are those of ipvsadm 1.31."
        ),
        roff.section("Commands"),
        *_switches(commands=True),
        roff.section("Options"),
        *_switches(commands=False),
        roff.section("Which option goes with which command"),
        *_matrix(),
        roff.section("Schedulers"),
    ]
    for name in SCHEDULERS:
        lines += roff.entry(roff.bold(name), roff.prose(SCHEDULER_WORDS[name] + "."))
    lines += [
        roff.section("Exit status"),
        *roff.entry("0", "Done."),
        *roff.entry("1", "The director refused."),
        *roff.entry("2", "The command line makes no sense, or no director is there."),
        *roff.entry("255", "An option that does not exist, or that lacks its argument."),
        roff.section("Files"),
        *roff.entry(
            roff.italic("/run/pyvs/INODE.sock"),
            roff.prose(
                "The director's control socket; INODE is the network namespace's number. `PYVS_SOCKET` names another."
            ),
        ),
        roff.section("Examples"),
    ]
    for said, commands in EXAMPLES:
        lines += [".PP", roff.prose(said), *roff.verbatim(commands)]
    lines += [roff.section("See also"), f"{roff.bold('pyvs')}(1), {roff.bold('ipvsadm')}(8)"]
    return "\n".join([*lines, ""])


def _synopsis() -> Iterator[str]:
    for line in USAGE.split("\n\n")[0].split("\n")[1:]:
        yield roff.bold("pyvsadm") + roff.plain(line.strip().removeprefix("{prog}"))


def _switches(*, commands: bool) -> Iterator[str]:
    for switch in SWITCHES:
        if (switch.command is not None) == commands and (switch.long, switch.short) != ("list", "l"):
            yield from roff.entry(_tag(switch), roff.prose(WORDS[switch.long][1] + "."))


def _tag(switch: Switch) -> str:
    names = [f"-{switch.short}"] if switch.short else []
    if switch.command is Command.LIST:
        names.append("-l")
    tag = ", ".join(map(roff.bold, [*names, f"--{switch.long}"]))
    argument = WORDS[switch.long][0]
    return f"{tag} {roff.italic(argument)}" if argument else tag


def _matrix() -> Iterator[str]:
    for command, row in MATRIX.items():
        parts = []
        for sign, meaning in SIGNS.items():
            names = [option.value for option in Option if row[option] == sign]
            if names:
                parts.append(f"{meaning}: {', '.join(names)}")
        text = "; ".join(parts)
        yield from roff.entry(
            roff.bold(command.value), roff.plain(text[:1].upper() + text[1:] + ".") if text else "No options."
        )
