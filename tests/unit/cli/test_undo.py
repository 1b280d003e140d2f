"""Whatever a line changes, the line's undo brings back what was before."""

import pytest

from pyvs.cli.ipvsadm.check import check
from pyvs.cli.ipvsadm.execute import VERBS
from pyvs.cli.ipvsadm.main import SYSTEM_NAMES
from pyvs.cli.ipvsadm.parse import parse
from pyvs.cli.rules import client_of, parse_rules
from pyvs.cli.undo import undo_of
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError
from pyvs.netlink.client import Client
from pyvs.testing.environment import FixedEnvironment

START = """\
-A -t 192.0.2.100:80 -s wlc -p 60
-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1
-a -t 192.0.2.100:80 -r 10.1.0.12:8080 -m -w 2 -x 9 -y 3
-A -u [2001:db8::100]:53 -s rr
--set 100 20 30
--start-daemon master --mcast-interface eth0 --syncid 7
"""


def state(client: Client, *, in_order: bool = True) -> object:
    """Everything that lines change; what is added again comes last, so the order of services does not count."""
    services = {}
    for view in client.get_services():
        dests = [str(dest.spec) for dest in client.get_dests(view.spec.key)]
        services[view.spec.key] = (view.spec, dests if in_order else sorted(dests))
    return services, client.get_config(), client.get_daemons()


@pytest.mark.parametrize(
    "line",
    [
        "-A -t 192.0.2.100:81",
        "-E -t 192.0.2.100:80 -s rr",
        "-D -t 192.0.2.100:80",
        "-C",
        "-a -t 192.0.2.100:80 -r 10.1.0.13 -m",
        "-e -t 192.0.2.100:80 -r 10.1.0.12:8080 -m -w 9",
        "-d -t 192.0.2.100:80 -r 10.1.0.11:8080",
        "--set 1 2 3",
        "--stop-daemon master",
        "--start-daemon backup --mcast-interface eth0",
        "-Z",
    ],
)
def test_undone(line: str) -> None:
    client = client_of(Engine(FixedEnvironment()).control)
    parse_rules(START).apply(client)
    in_order = not line.startswith("-d")
    before = state(client, in_order=in_order)
    asked = parse(line.split(), "ipvsadm", SYSTEM_NAMES)
    check(asked)
    undo = undo_of(client, asked)
    VERBS[asked.command](client, asked)
    assert state(client, in_order=in_order) != before or line == "-Z"
    undo()
    assert state(client, in_order=in_order) == before


def test_what_can_not_be_done_can_not_be_undone() -> None:
    client = client_of(Engine(FixedEnvironment()).control)
    with pytest.raises(ControlError, match="there is no service"):
        undo_of(client, parse(["-E", "-t", "192.0.2.1:80"], "ipvsadm", SYSTEM_NAMES))


def test_an_undo_that_is_too_late_is_silent() -> None:
    client = client_of(Engine(FixedEnvironment()).control)
    asked = parse(["-A", "-t", "192.0.2.1:80"], "ipvsadm", SYSTEM_NAMES)
    undo_of(client, asked)()
    assert client.get_services() == []
