"""`pyvs explain`: the walk of one packet, decision by decision."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pyvs.cli.replay import host_options, with_host_options
from pyvs.cli.rules import load_rules
from pyvs.core.errors import PyvsError
from pyvs.core.flags import Hook
from pyvs.core.reasons import Reason
from pyvs.core.wording import counted
from pyvs.datapath.pcap import PcapReader
from pyvs.replay.craft import craft, parse_five_tuple, parse_flags
from pyvs.replay.marking import mark_of
from pyvs.replay.order import InOrder
from pyvs.replay.session import Options, RuleSet, begin
from pyvs.replay.walk import Walk, walk_frame, walk_packet

HOOKS = {"local-in": Hook.LOCAL_IN, "forward": Hook.FORWARD, "local-out": Hook.LOCAL_OUT}


def _say_reason(context: click.Context, parameter: click.Parameter, what: tuple[str, ...]) -> tuple[str, ...]:
    """A counter's name alone needs no rules: its sentence, and that is all."""
    if len(what) == 1 and what[0] in Reason.__members__:
        click.echo(f"{what[0]}: {Reason[what[0]].sentence}")
        context.exit()
    return what


@click.command("explain")
@click.argument(
    "what",
    nargs=-1,
    required=True,
    is_eager=True,
    callback=_say_reason,
    metavar="CAPTURE | PROTOCOL SOURCE DESTINATION | REASON",
)
@with_host_options
@click.option(
    "--packet",
    "-n",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Which packet of CAPTURE, counted from 1.",
)
@click.option(
    "--flags", default="S", show_default=True, metavar="LETTERS", help="TCP flags, letters of SFRPUA."
)
@click.option(
    "--hook",
    type=click.Choice(list(HOOKS)),
    help="Where the packet meets us; by default its addresses decide.",
)
@click.option("--json", "as_json", is_flag=True, help="The walk as JSON.")
def explain(
    what: tuple[str, ...],
    rules: str,
    packet: int | None,
    flags: str,
    hook: str | None,
    mtu: int,
    local: tuple[str, ...],
    marks: tuple[str, ...],
    seed: int,
    as_kernel: bool,
    as_json: bool,
) -> None:
    """Say what the virtual server does with one packet, and why; or what a counted REASON means.

    \b
    pyvs explain IN.pcap --packet 7 --rules FILE
    pyvs explain tcp 198.51.100.7:40001 192.0.2.100:80 --flags S --rules FILE
    pyvs explain SYNC_SIZE

    Of a capture the packets before are played first, so that the state is right.
    """  # noqa: D301 - click's mark is the character itself
    try:
        options = host_options(mtu, local, marks, seed, as_kernel=as_kernel)
        if len(what) == 1:
            walk = explain_captured(what[0], packet, load_rules(rules), options)
        elif len(what) == 3:
            walk = explain_made(what, flags, hook, load_rules(rules), options)
        else:
            raise click.UsageError("expected a capture, PROTOCOL SOURCE DESTINATION, or a REASON")
    except PyvsError as error:
        click.echo(f"pyvs explain: {error}", err=True)
        raise SystemExit(2) from None
    if as_json:
        click.echo(json.dumps(asdict(walk), indent=2))
        return
    console = Console()
    if console.is_terminal:
        console.print(as_tree(walk))
    else:
        for line in as_lines(walk):
            click.echo(line)


def explain_captured(capture: str, number: int | None, rules: RuleSet, options: Options) -> Walk:
    """The walk of a packet of a capture. Raises PyvsError."""
    if number is None:
        raise PyvsError(f"which packet of {capture}? Say --packet NUMBER, counted from 1")
    session = begin(rules, options, capture)
    with PcapReader(capture) as reader:
        for frame in InOrder(reader).receive():
            if frame.number == number:
                return walk_frame(session.player, frame)
            session.player.play(frame)
        if reader.problem is not None:
            raise PyvsError(f"{reader.problem}: packet {number} can't be reached")
    read = session.player.tally.frames
    raise PyvsError(f"{capture} has {counted(read, 'packet')}: there is no packet {number}")


def explain_made(
    words: tuple[str, ...], flags: str, hook: str | None, rules: RuleSet, options: Options
) -> Walk:
    """The walk of a packet made from its five-tuple. Raises PyvsError."""
    protocol, source, destination = words
    five = parse_five_tuple(protocol, source, destination)
    data = craft(five, parse_flags(flags))
    session = begin(rules, options)
    mark = mark_of(options.marks, five.destination, five.protocol, five.dport)
    if hook is not None:
        where = HOOKS[hook]
    else:
        where = Hook.LOCAL_IN if session.surroundings.is_local(five.destination) else Hook.FORWARD
    return walk_packet(session.player, data, where, mark=mark)


# ---- what is shown ---------------------------------------------------------


def _title(walk: Walk) -> str:
    if not walk.number:
        return walk.packet
    where = f" on {walk.interface}" if walk.interface else ""
    return f"packet {walk.number} at {walk.time:.6f} s{where}: {walk.packet}"


def _rows(walk: Walk) -> list[tuple[str, str]]:
    rows = [(step.room, step.sentence.removeprefix(f"{step.room} ")) for step in walk.steps]
    if walk.mark:
        rows.insert(0, ("mark", f"firewall mark {walk.mark}"))
    return rows


def _end(walk: Walk) -> str:
    if walk.skipped:
        return f"does not reach the virtual server: {walk.skipped}"
    return f"{walk.verdict} ({walk.reason}: {walk.explanation})"


def as_lines(walk: Walk) -> list[str]:
    """The walk as plain text; what a function of a hook decided stands under it."""
    rows = _rows(walk)
    width = max([len(room) for room, _ in rows if room != "hook"] + [len("sends")])
    lines = [_title(walk)]
    depth = "  "
    for room, sentence in rows:
        if room == "hook":
            lines.append(f"  {sentence}")
            depth = "    "
        else:
            lines.append(f"{depth}{room:<{width}}  {sentence}")
    lines.append(f"  {_end(walk)}")
    lines += [f"    {'sends':<{width}}  {each}" for each in walk.sent]
    return lines


def as_tree(walk: Walk) -> Tree:
    """The walk for a terminal."""
    tree = branch = Tree(Text(_title(walk), style="bold"))
    for room, sentence in _rows(walk):
        if room == "hook":
            branch = tree.add(Text(sentence, style="bold cyan"))
        else:
            branch.add(Text.assemble((f"{room}: ", "cyan"), sentence))
    style = "red" if walk.verdict == "dropped" else "green" if walk.sent else "yellow"
    end = tree.add(Text(_end(walk), style=style))
    for each in walk.sent:
        end.add(Text(f"sends {each}"))
    return tree
