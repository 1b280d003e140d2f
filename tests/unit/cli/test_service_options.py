"""The options by which commands name one virtual service."""

import click
import pytest
from click.testing import CliRunner

from pyvs.cli.service_options import KINDS, service_options


@click.command()
@service_options
@click.option("--idle")
def command(service: list[str], idle: str | None) -> None:
    """Say what it was given."""
    click.echo(f"{service} {idle}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "[] None"),
        ("-t 192.0.2.100:80 --idle 5", "['-t', '192.0.2.100:80'] 5"),
        ("--sctp-service 192.0.2.100:9", "['--sctp-service', '192.0.2.100:9'] None"),
        ("-6 -f 5", "['-f', '5', '-6'] None"),
        ("--ipv6 -f 5", "['-f', '5', '-6'] None"),
        ("-u [::1]:53 -t [::1]:53", "['-t', '[::1]:53', '-u', '[::1]:53'] None"),
    ],
)
def test_the_words_that_were_given(given: str, words: str) -> None:
    assert CliRunner().invoke(command, given.split()).output == f"{words}\n"


def test_every_kind_is_in_the_help() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert all(switch in text for switch, *_ in KINDS)
    assert "Say what it was given." in text
