"""`pyvs policy`: what services ask for their connections beyond the kernel's; and the words that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import click

from pyvs.cli.asking import asking
from pyvs.cli.ipvsadm.check import check
from pyvs.cli.ipvsadm.execute import service_key
from pyvs.cli.ipvsadm.invocation import BadOptionError, Stop
from pyvs.cli.ipvsadm.main import SYSTEM_NAMES
from pyvs.cli.ipvsadm.names import Names
from pyvs.cli.ipvsadm.parse import parse
from pyvs.cli.ipvsadm.save import save_service
from pyvs.cli.service_options import service_options
from pyvs.core.control.specs import ServiceKey, ServiceSpec, ServiceView
from pyvs.core.policy.policy import DEFAULT, AtExpiry, Policy
from pyvs.netlink.native_filter import read_time
from pyvs.netlink.native_rows import key_text, read_key, read_policy

LINE: Final = "# pyvs: policy "
"""So such words begin in a rule file; see marked_lines.py."""
EXPECTED: Final = "-t ADDRESS:PORT [--idle SECONDS] [--at-expiry silent|rst] [--udp-leaves]"
_SERVICE: Final = {"-t", "-u", "--tcp-service", "--udp-service", "--sctp-service", "-f", "--fwmark-service"}


def service_words(key: ServiceKey) -> str:
    """The options that name a service."""
    line = save_service(ServiceView(ServiceSpec(key), 0), None)
    return line.partition(" -s ")[0].removeprefix("-A ")


def policy_words(key: ServiceKey, policy: Policy) -> str:
    """The options that say so."""
    words = [service_words(key)]
    if policy.idle:
        words.append(f"--idle {policy.idle:.6f}".rstrip("0").rstrip("."))
    if policy.at_expiry is not AtExpiry.SILENT:
        words.append(f"--at-expiry {policy.at_expiry.value}")
    if policy.udp_leaves:
        words.append("--udp-leaves")
    return " ".join(words)


def read_policy_words(text: str, names: Names) -> tuple[ServiceKey, Policy]:
    """The service and policy of such options. Raises ValueError with a sentence."""
    words = text.split()
    service: list[str] = []
    policy = DEFAULT
    while words:
        word = words.pop(0)
        if word == "-6":
            service.append(word)
        elif word == "--udp-leaves":
            policy = replace(policy, udp_leaves=True)
        elif not words:
            raise ValueError(f"{word} lacks its value; expected {EXPECTED}")
        elif word in _SERVICE:
            service += [word, words.pop(0)]
        elif word == "--idle":
            policy = replace(policy, idle=read_time(words.pop(0)))
        elif word == "--at-expiry":
            policy = replace(policy, at_expiry=_at_expiry(words.pop(0)))
        else:
            raise ValueError(f"{word} is unknown; expected {EXPECTED}")
    return read_service_words(service, names), policy


def read_service_words(words: Sequence[str], names: Names) -> ServiceKey:
    """The service of `-t 192.0.2.100:80` and the like. Raises ValueError with a sentence."""
    try:
        asked = parse(["-D", *words], "ipvsadm", names)
        check(asked)
        return read_key(key_text(service_key(asked)))  # a mark's key too is as the director tells it
    except (BadOptionError, Stop):
        raise ValueError(
            f"{' '.join(words)!r} names no service; expected -t ADDRESS:PORT or -f MARK"
        ) from None


def _at_expiry(text: str) -> AtExpiry:
    try:
        return AtExpiry(text)
    except ValueError:
        raise ValueError(f"--at-expiry {text}: expected silent or rst") from None


@click.command(context_settings={"ignore_unknown_options": False})
@service_options
@click.option(
    "--idle", metavar="TIME", help="An established connection ends after so long a silence; 0: as for all."
)
@click.option(
    "--at-expiry", type=click.Choice([each.value for each in AtExpiry]), help="Tell both ends by RST, or not."
)
@click.option(
    "--udp-leaves/--udp-stays", default=None, help="UDP connections leave a removed server at once."
)
@click.option("--default", "clear", is_flag=True, help="As the kernel does.")
def policy(
    service: list[str],
    idle: str | None,
    at_expiry: str | None,
    udp_leaves: bool | None,
    clear: bool,
) -> None:
    """Set or show how long a service's connections live, and how they end.

    Without a service all policies are shown, as lines for a rule file. To ipvsadm they are comments.
    """
    with asking("pyvs policy") as client:
        known = dict(read_policy(row) for row in client.rules()[1] if row[0] == "policy")
        if not service:
            if idle or at_expiry or clear or udp_leaves is not None:
                raise ValueError("of which service? Name it by -t, -u, --sctp-service or -f")
            for each, has in known.items():
                click.echo(LINE + policy_words(each, has))
            return
        key = read_service_words(service, SYSTEM_NAMES)
        wanted = DEFAULT if clear else known.get(key, DEFAULT)
        if idle is not None:
            wanted = replace(wanted, idle=read_time(idle))
        if at_expiry is not None:
            wanted = replace(wanted, at_expiry=AtExpiry(at_expiry))
        if udp_leaves is not None:
            wanted = replace(wanted, udp_leaves=udp_leaves)
        if wanted == known.get(key, DEFAULT) and not clear:
            client.get_service(key)
            click.echo(LINE + policy_words(key, wanted))
            return
        client.set_policy(key, wanted)
