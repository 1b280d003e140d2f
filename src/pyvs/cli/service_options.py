"""The options by which commands name one virtual service."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

KINDS: Final = (
    ("-t", "tcp", "ADDRESS:PORT", "The TCP service."),
    ("-u", "udp", "ADDRESS:PORT", "The UDP service."),
    ("--sctp-service", "sctp", "ADDRESS:PORT", "The SCTP service."),
    ("-f", "mark", "MARK", "The service by firewall mark."),
)
SIX: Final = "-6"


def service_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it gets `service`, the words that were given ([]: none)."""

    @wraps(command)
    def called(*, six: bool, **given: Any) -> None:
        words: list[str] = []
        for switch, name, *_ in KINDS:
            value = given.pop(name)
            if value is not None:
                words += [switch, value]
        if six:
            words.append(SIX)
        command(service=words, **given)

    wrapped = click.option(SIX, "--ipv6", "six", is_flag=True, help="With -f: the mark's service of IPv6.")(
        called
    )
    for switch, name, metavar, text in reversed(KINDS):
        wrapped = click.option(switch, name, metavar=metavar, help=text)(wrapped)
    return wrapped
