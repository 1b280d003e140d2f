"""`pyvs save`: what it prints makes the same director again."""

from collections.abc import Callable

from click.testing import Result

from pyvs.cli.rules import parse_rules
from pyvs.core.control.native_specs import DrainKey
from pyvs.core.engine import Engine
from pyvs.core.masquerade.portfw import Command
from pyvs.core.masquerade.requests import ForwardingRequest

Pyvs = Callable[..., Result]
RULES = """\
-A -t 192.0.2.100:80 -s rr -p 90
-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1 -x 9 -y 3
-a -t 192.0.2.100:80 -r 10.1.0.13:80 -i -w 1 --tun-type gue --tun-port 5555 --tun-nocsum
# pyvs: policy -t 192.0.2.100:80 --idle 600 --at-expiry rst
-A -u [2001:db8::100]:53 -s wlc
-a -u [2001:db8::100]:53 -r [2001:db8::1]:53 -m -w 2
-A -f 5 -s sh
# pyvs: masquerade add 10.1.0.0/24
# pyvs: masquerade add 10.0.0.0/8 --address 192.0.2.100
# pyvs: portfw -a -P udp -L 192.0.2.100 53 -R 10.1.0.11 53 -p 10
# pyvs: portfw -a -P tcp -L 192.0.2.100 81 -R 10.1.0.12 80 -p 1
# pyvs: portfw -a -P tcp -L 192.0.2.100 81 -R 10.1.0.11 80 -p 3
# pyvs: masquerade agent 10.1.0.11 9999
"""


def listed(engine: Engine) -> list[str]:
    return [engine.control.proc(name) for name in ("ip_vs", "ip_portfw", "ip_masq_networks")]


def test_a_saved_director_is_made_again(pyvs: Pyvs, engine: Engine) -> None:
    assert pyvs("apply -q -", RULES).output == ""
    saved = pyvs("save")
    assert sorted(saved.stdout.splitlines()) == sorted(RULES.splitlines())
    assert pyvs("apply -", saved.stdout).output == "0 changes made\n"
    before = listed(engine)
    assert pyvs("apply -q -", "").output == ""
    assert len(engine.ns.services) == 0
    assert engine.ns.masquerade is None
    assert pyvs("save").stdout == ""
    pyvs("apply -q -", saved.stdout)
    assert listed(engine) == before
    assert pyvs("save").stdout == saved.stdout


def test_ipvsadm_reads_it_too(pyvs: Pyvs) -> None:
    pyvs("apply -q -", RULES)
    assert len(parse_rules(pyvs("save").stdout).lines) == 6


def test_a_server_that_drains_is_saved_with_its_weight(pyvs: Pyvs, engine: Engine) -> None:
    pyvs("apply -q -", RULES)
    engine.control.drain(DrainKey(bytes((10, 1, 0, 11))), None, 1.0)
    assert "-r 10.1.0.11:8080 -m -w 1 -x 9 -y 3\n" in pyvs("save").stdout


def test_a_director_without_rules_of_masquerading_says_nothing_of_it(pyvs: Pyvs, engine: Engine) -> None:
    engine.control.masquerade(ForwardingRequest(Command.FLUSH), 1.0)
    assert pyvs("save").stdout == ""
