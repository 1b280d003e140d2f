"""`pyvs run`: the director in the foreground, in the network namespace where it is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from pyvs.cli.apply import FileRules
from pyvs.cli.rules import load_rules
from pyvs.core.apps.ftp import Ftp
from pyvs.core.apps.registry import ports_of
from pyvs.core.errors import PyvsError
from pyvs.core.namespace import CONN_TAB_BITS
from pyvs.daemon import across
from pyvs.daemon.director import OWN_MARK, QUEUE, Director, Options
from pyvs.daemon.fast import CHOICES, Choice
from pyvs.daemon.log import Log
from pyvs.daemon.state.folder import default_folder
from pyvs.fastpath.sizes import CONNECTION_BYTES, LEAST, most_connections
from pyvs.netlink.unix import socket_path

DEFAULT_RULES: Final = "/etc/ipvsadm.rules"
"""Where the distribution's service of ipvsadm keeps its rules."""
FAILED: Final = 2


def _switch(name: str, help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that is on or off, and off unless given."""
    return click.option(
        name,
        type=click.Choice(["on", "off"]),
        default="off",
        show_default=True,
        callback=lambda context, parameter, value: value == "on",
        help=help_text,
    )


@click.command()
@click.option(
    "--rules",
    metavar="FILE",
    help=f"Rules as ipvsadm-save writes them, and net.ipv4.vs.NAME = VALUE lines. "
    f"Without it {DEFAULT_RULES} is read if it exists.",
)
@click.option(
    "--state-dir",
    metavar="FOLDER",
    help="Where rules survive the director, and connections its clean end. Without it /var/lib/pyvs, or without root "
    "$XDG_STATE_HOME/pyvs; for network namespaces without a name nothing is kept.",
)
@click.option("--no-state", is_flag=True, help="Keep nothing, and begin with empty tables.")
@click.option(
    "--fast",
    type=click.Choice(CHOICES),
    default="auto",
    show_default=True,
    help="The eBPF fast path: by tc where the kernel allows it (auto), by tc, by XDP, or none (off; what a director "
    "before left is taken away).",
)
@_switch(
    "--fast-new",
    "on: the fast path schedules new connections too, and rules of the host's filter don't see them.",
)
@click.option(
    "--fast-across",
    type=click.Choice(across.CHOICES),
    default="auto",
    show_default=True,
    help="By tc, packets to containers on this host go straight to their end of the veth pair: where nothing at this "
    "host's end (tc, nftables, a queueing discipline, tcpdump) looks at them (auto), always, or never.",
)
@click.option(
    "--fast-connections",
    type=int,
    metavar="N",
    show_default="as the director before left them, else by this host's memory",
    help="Room in the fast path's tables for so many connections with NAT, of IPv4 and of IPv6 each; for one of both "
    f"{CONNECTION_BYTES} bytes are taken at once.",
)
@click.option(
    "--keep-fast",
    is_flag=True,
    help="At the end leave the fast path and its connections where they are, for the next director.",
)
@click.option(
    "--bypass", is_flag=True, help="While the director is away, packets pass to this host's own stack."
)
@click.option("--fail-open", is_flag=True, help="When too many packets wait, pass them to this host instead.")
@click.option(
    "--socket", "socket_file", metavar="PATH", help="The control socket; pyvsadm finds it by PYVS_SOCKET."
)
@click.option(
    "--queue",
    type=click.IntRange(0, 65534),
    default=QUEUE,
    show_default=True,
    help="The first of two NFQUEUE numbers.",
)
@click.option(
    "--mark",
    type=str,
    default=hex(OWN_MARK),
    show_default=True,
    metavar="BIT",
    help="The bit of the firewall mark that says: sent by the director.",
)
@click.option(
    "--ftp-ports",
    default=",".join(map(str, Ftp.ports)),
    show_default=True,
    metavar="PORTS",
    help="Service ports at which the FTP helper looks, with commas; 'none' to go without it.",
)
@click.option(
    "--conn-tab-bits",
    type=click.IntRange(8, 20),
    default=CONN_TAB_BITS,
    show_default=True,
    help="The size that listings say, as a power of two; the table grows as it must.",
)
@click.option("--debug", is_flag=True, help="Log more.")
def run(
    rules: str | None,
    state_dir: str | None,
    no_state: bool,
    fast: Choice,
    fast_new: bool,
    fast_across: across.Choice,
    fast_connections: int | None,
    keep_fast: bool,
    bypass: bool,
    fail_open: bool,
    socket_file: str | None,
    queue: int,
    mark: str,
    ftp_ports: str,
    conn_tab_bits: int,
    debug: bool,
) -> None:
    """Run the director here, on this network namespace's real interfaces, until Ctrl-C or SIGTERM.

    Its iptables chains and its control socket go with it.
    """
    log = Log(debug=debug)
    folder = None if no_state else Path(state_dir) if state_dir else default_folder()
    try:
        options = Options(
            queue=queue,
            own_mark=_bit(mark),
            bypass=bypass,
            fail_open=fail_open,
            ftp_ports=() if ftp_ports == "none" else ports_of(ftp_ports),
            conn_tab_bits=conn_tab_bits,
            fast=fast,
            fast_new=fast_new,
            fast_across=fast_across,
            fast_connections=0 if fast_connections is None else _connections(fast_connections),
            keep_fast=keep_fast,
            debug=debug,
            state_dir=folder,
            state_must=state_dir is not None,
        )
        file = rules
        if file is None and Path(DEFAULT_RULES).exists():
            file = DEFAULT_RULES
        checked = (
            FileRules(load_rules(file), Path(file).read_text(errors="replace")) if file is not None else None
        )
        with Director(options, log, socket_file or socket_path()) as director:
            if idle := _without_effect(options):
                log.warning(f"with --fast {fast} these options have no effect: {', '.join(idle)}")
            if folder is None and not no_state:
                log.info(
                    "rules are not kept: this network namespace has no name; --state-dir names a folder for them"
                )
            director.start(checked)
            director.run()
    except PyvsError as error:
        click.echo(f"pyvs run: {error}", err=True)
        sys.exit(FAILED)


def _connections(number: int) -> int:
    most = most_connections()
    if not LEAST <= number <= most:
        raise PyvsError(
            f"--fast-connections {number}: expected {LEAST} to {most}, for which half of this host's memory has room"
        )
    return number


def _bit(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = 0
    if not 0 < value < 1 << 32 or value & (value - 1):
        raise PyvsError(f"--mark {text}: expected one bit, such as {OWN_MARK:#x}")
    return value


def _without_effect(options: Options) -> list[str]:
    """Options of the fast path that say something, though there is none, or none of that kind."""
    by_tc = {"--fast-across": options.fast_across != "auto"}
    by_any = {
        "--fast-new": options.fast_new,
        "--fast-connections": options.fast_connections > 0,
        "--keep-fast": options.keep_fast,
    }
    said = {"off": by_any | by_tc, "xdp": by_tc}.get(options.fast, {})
    return [name for name, given in said.items() if given]
