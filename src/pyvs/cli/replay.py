"""`pyvs replay`: a capture through the engine, offline."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from pyvs.cli.rules import load_rules
from pyvs.cli.tables import print_table
from pyvs.core.differences import KERNEL, OURS
from pyvs.core.errors import PyvsError
from pyvs.core.wording import counted
from pyvs.datapath.device import Device
from pyvs.datapath.link import ETHERNET, RAW
from pyvs.datapath.pcap import PcapReader, PcapWriter
from pyvs.datapath.tracer import Tracer, trace_line
from pyvs.replay.marking import parse_mark
from pyvs.replay.order import InOrder
from pyvs.replay.session import Options, Session, begin
from pyvs.replay.tally import Tally

LARGE: Final = 4 << 20
"""Bytes from which on a capture is worth a progress bar."""


def with_host_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `replay` and `explain` that describe the host around the engine."""
    for option in (
        click.option("--rules", "-r", required=True, metavar="FILE", type=click.Path(dir_okay=False),
                     help="Rules as ipvsadm-save writes them; lines net.ipv4.vs.NAME = VALUE too."),
        click.option("--mtu", default=1500, show_default=True, type=click.IntRange(68, 65535),
                     help="MTU of all devices; 65535 for captures with segments that the card joined (GRO)."),
        click.option("--local", "local", multiple=True, metavar="ADDRESS/PREFIX",
                     help="An address of the director itself (tunnels begin there). May be repeated."),
        click.option("--mark", "marks", multiple=True, metavar="MARK=[PROTO:]ADDRESS[:PORT]",
                     help="Packets to this address get this firewall mark. May be repeated."),
        click.option("--seed", default=0, show_default=True, help="Of the engine's random numbers."),
        click.option("--as-kernel", is_flag=True,
                     help="Do as Linux 6.1 also where pyvs does otherwise (docs/differences.md)."),
    ):  # fmt: skip
        command = option(command)
    return command


def host_options(
    mtu: int, local: tuple[str, ...], marks: tuple[str, ...], seed: int, *, as_kernel: bool
) -> Options:
    """What the options of `with_host_options` say. Raises PyvsError, click.BadParameter."""
    addresses = []
    for text in local:
        try:
            own = ip_interface(text)
        except ValueError:
            raise click.BadParameter(f"{text!r}: expected ADDRESS/PREFIX, such as 10.1.0.1/24") from None
        addresses.append((own.ip.packed, own.network.prefixlen))
    return Options(
        mtu=mtu,
        seed=seed,
        addresses=tuple(addresses),
        marks=tuple(parse_mark(text) for text in marks),
        differences=KERNEL if as_kernel else OURS,
    )


@click.command("replay")
@click.argument("capture", type=click.Path(dir_okay=False))
@with_host_options
@click.option("--output", "-o", metavar="FILE", type=click.Path(dir_okay=False),
              help="Write what would have been emitted: .pcap for the classic format, else pcapng.")  # fmt: skip
@click.option(
    "--rows",
    default=40,
    show_default=True,
    type=click.IntRange(0),
    help="Lines of the table of clients; 0: all.",
)
@click.option("--trace", is_flag=True, help="A line for each frame, in and out, on standard error.")
@click.option("--json", "as_json", is_flag=True, help="The tables as JSON.")
def replay(
    capture: str,
    rules: str,
    output: str | None,
    mtu: int,
    local: tuple[str, ...],
    marks: tuple[str, ...],
    seed: int,
    as_kernel: bool,
    rows: int,
    trace: bool,
    as_json: bool,
) -> None:
    """Send the frames of CAPTURE (pcap or pcapng) through the virtual server, offline, in the capture's own time.

    Says which client went where. Exit status 1 when the capture is damaged (what is before is played), 2 for mistakes.
    """
    try:
        options = host_options(mtu, local, marks, seed, as_kernel=as_kernel)
        session, problem = _replay(capture, rules, output, options, trace=trace)
    except PyvsError as error:
        click.echo(f"pyvs replay: {error}", err=True)
        raise SystemExit(2) from None
    if as_json:
        click.echo(json.dumps(report(session, problem), indent=2))
    else:
        _print_report(session, capture, output, rows)
    if problem is not None:
        click.echo(f"pyvs replay: {problem}: the packets before that were played", err=True)
        raise SystemExit(1)


def _replay(
    capture: str, rules: str, output: str | None, options: Options, *, trace: bool
) -> tuple[Session, str | None]:
    checked = load_rules(rules)
    if (
        output is not None
        and Path(output).exists()
        and Path(capture).exists()
        and os.path.samefile(capture, output)
    ):
        raise PyvsError(f"{output} is the capture itself: name another file for -o")
    with _progress(capture) as tell:
        session = begin(checked, options, capture, lambda offset: tell(0, offset))
        for note in session.notes:
            click.echo(f"note: {note}", err=True)
        with PcapReader(capture) as reader, _sink(output, session) as writer:
            ordered = InOrder(reader)
            device: Device = Tracer(ordered, _tell) if trace else ordered
            sink = writer if writer is None or not trace else Tracer(writer, _tell)
            tally = session.player.tally
            for frame in device.receive():
                for sent in session.player.play(frame):
                    if sink is not None:
                        sink.transmit(sent)
                    elif trace:
                        _tell(trace_line(">", sent))
                if tally.frames % 4096 == 0:
                    tell(1, reader.tell())
            tally.moved = ordered.moved
            return session, reader.problem


def _tell(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _sink(output: str | None, session: Session) -> Iterator[PcapWriter | None]:
    if output is None:
        yield None
        return
    links = session.survey.links if session.survey is not None else set()
    link = next(iter(links)) if len(links) == 1 else ETHERNET.number
    if PcapWriter.is_classic(output) and len(links) > 1:
        session.player.link, link = RAW, RAW.number
    with PcapWriter(output, link=link) as writer:
        for interface in session.interfaces:
            interface.name = interface.name or "if0"
            writer.describe(interface)
        yield writer


@contextmanager
def _progress(capture: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over both passes on a terminal, for large captures; told the pass and the bytes read in it."""
    console = Console(stderr=True)
    size = Path(capture).stat().st_size if Path(capture).exists() else 0
    if not console.is_terminal or size < LARGE:
        yield lambda _turn, _offset: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=2 * size)

        def tell(turn: int, offset: int) -> None:
            bar.update(task, completed=turn * size + offset, description="playing" if turn else "looking")

        yield tell


# ---- the report ------------------------------------------------------------


def report(session: Session, problem: str | None) -> dict[str, Any]:
    """All tables as plain values."""
    tally = session.player.tally
    return {
        "frames": tally.frames,
        "seconds": session.player.now,
        "sent": tally.sent,
        "clients": [
            {
                "client": f.client,
                "service": f.service,
                "server": f.server,
                "packets": f.packets,
                "state": f.state,
            }
            for f in tally.flows.values()
        ],
        "clients_not_listed": tally.unlisted,
        "servers": [
            {"service": service, "server": server, "connections": share.connections, "packets": share.packets}
            for (service, server), share in tally.shares.items()
        ],
        "verdicts": [
            {"verdict": action, "reason": reason, "packets": packets}
            for action, reason, packets, _ in verdict_rows(tally)
        ],
        "skipped": {reason.name: count for reason, count in tally.skipped.most_common()},
        "not_sent": dict(tally.not_sent.most_common()),
        "fragments": tally.fragments,
        "cut_short": tally.cut_short,
        "moved": tally.moved,
        "unknown_replies": tally.unknown_replies,
        "log": tally.logs,
        "problem": problem,
    }


def verdict_rows(tally: Tally) -> list[tuple[str, str, int, str]]:
    """Action, reason, packets and explanation, the most frequent first."""
    return [
        (verdict.action.name, verdict.reason.name, count, verdict.reason.sentence)
        for verdict, count in tally.verdicts.most_common()
    ]


def _print_report(session: Session, capture: str, output: str | None, rows: int) -> None:
    tally = session.player.tally
    flows = list(tally.flows.values())
    shown = flows[:rows] if rows else flows
    if shown:
        print_table(
            "Which client went where",
            ("client", "service", "server", "packets", "state"),
            [(f.client, f.service, f.server, f.packets, f.state) for f in shown],
        )
    hidden = len(flows) - len(shown) + tally.unlisted
    if hidden:
        click.echo(f"... and {counted(hidden, 'more connection')} (--rows 0 lists all)")
    if tally.shares:
        whole: dict[str, int] = {}
        for (service, _), share in tally.shares.items():
            whole[service] = whole.get(service, 0) + share.connections
        print_table(
            "What each server got",
            ("service", "server", "connections", "share", "packets"),
            [
                (service, server, s.connections, _percent(s.connections, whole[service]), s.packets)
                for (service, server), s in sorted(tally.shares.items())
            ],
        )
    if tally.verdicts:
        print_table(
            "What became of the packets", ("verdict", "reason", "packets", "meaning"), verdict_rows(tally)
        )
    others = [(reason.name, count, reason.sentence) for reason, count in tally.skipped.most_common()]
    if others:
        print_table("Frames that did not reach the virtual server", ("reason", "frames", "meaning"), others)
    for what, count in tally.not_sent.most_common():
        click.echo(f"{counted(count, 'packet')} not written: {what}")
    if tally.unknown_replies:
        click.echo(
            f"{counted(tally.unknown_replies, 'packet')} of servers without a connection here: "
            "the director that was captured may have chosen other servers"
        )
    if tally.cut_short:
        click.echo(
            f"{counted(tally.cut_short, 'packet')} longer than the capture kept: what is missing was taken as zeros"
        )
    if tally.moved:
        click.echo(
            f"{counted(tally.moved, 'frame')} stood after later ones: all were played in the order of their time"
        )
    for line in tally.logs:
        click.echo(f"log: {line}")
    connections = counted(len(flows) + tally.unlisted, "connection")
    written = f", written to {output}" if output is not None else ""
    click.echo(
        f"{capture}: {counted(tally.frames, 'frame')} in {session.player.now:.3f} s, {connections}, "
        f"{counted(tally.sent, 'frame')} emitted{written}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
