"""ipvsadm and pyvsadm given the same lines, drawn by lot: the same output, words on stderr, exit status and tables.

The director is an engine behind a control socket of this process: no packets, no root.
"""

import os
import random
import select
import shutil
import subprocess
from collections.abc import Iterator
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest

from pyvs.cli.ipvsadm.main import run
from pyvs.core.control.specs import Timeouts
from pyvs.core.engine import Engine
from pyvs.exec.build import SHIM, path_of
from pyvs.exec.environment import preloaded
from pyvs.netlink.client import Client
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server
from pyvs.netlink.unix import UnixTransport
from pyvs.testing.environment import FixedEnvironment

pytestmark = [pytest.mark.live]

PROGRAM = shutil.which("ipvsadm", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
LOCAL = [ip_address(each).packed for each in ("192.0.2.100", "192.0.2.1", "2001:db8::1")]
BEFORE = """\
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m
-a -t 192.0.2.100:80 -r 10.1.0.12:80 -i -w 3
-A -f 5 -s wlc
-A -u [2001:db8::100]:53 -s sh -p
-A -f 6 -6
"""
COMMANDS = """
-A|-E|-D|-a|-e|-d|-A|-E|-a|-e|-d|-L|-l|-Z|-S|-C|-R|-h|-v|--help|--add-service|--list|-AL|-Ln|-Sn|-Lc|-Lcn|--set 1 2 3|
--set 0 0 0|--set 1 2|--set x 2 3|--set 99999999 1 1|--start-daemon master|--start-daemon backup|--start-daemon x|
--start-daemon|--stop-daemon master|--stop-daemon x|-A -A|-A -D|
""".replace("\n", "").split("|")
SERVICES = ["-t 192.0.2.100:80"] * 6 + """
-t 192.0.2.100:81|-u 192.0.2.100:80|-f 5|-f 6 -6|-f 6|-f 0|-f -1|-f x|-f 4294967296|-t 1.2.3.4|-t 192.0.2.100:99999|
-t [2001:db8::100]:53|-u [2001:db8::100]:53|-u [2001:db8::100]:53 -6|--sctp-service 192.0.2.100:9|-t 224.0.0.1:80|
-t 192.0.2.100:0|-t :80|-t 192.0.2.100:|-t 0.0.0.0:80|-t [::]:80|-t 300.1.1.1:80|-t 192.0.2.100:http|-t
""".replace("\n", "").split("|")  # fmt: skip
SERVERS = ["-r 10.1.0.11:80"] * 4 + """
-r 10.1.0.12:80|-r 10.1.0.13|-r 10.1.0.13:0|-r 10.1.0.13:70000|-r [2001:db8:1::1]:53|-r 2001:db8:1::1|-r x|
-r 224.0.0.5:80|-r 192.0.2.100:80|-r
""".replace("\n", "").split("|")  # fmt: skip
OPTIONS = """
-s rr|-s nosuch|-s|-s xxxxxxxxxxxxxxx|-s xxxxxxxxxxxxxxxx|-s none|-p|-p 0|-p 90|-p -1|-p 99999999|-p x|-M 255.255.255.0|
-M 64|-M 0|-M 129|-M x|--pe sip|--pe nosuch|-o|-b flag-1|-b sh-port|-b mh-port|-b flag-1,flag-9|-b x|-g|-i|-m|-w 0|
-w -1|-w 5|-w 65536|-w x|-w 99999999999|-x 5|-y 3|-x -1|-x x|-y x|-n|-c|--stats|--rate|--exact|--thresholds|
--persistent-conn|--nosort|--sort|--timeout|--daemon|-6|--tun-type gue|--tun-type gue --tun-port 5000|--tun-type ipip|
--tun-type gre --tun-csum|--tun-type x|--tun-port 0|--tun-port 70000|--tun-nocsum|--tun-csum|--tun-remcsum|
--mcast-interface eth0|--syncid 1|--syncid 256|--syncid x|--sync-maxlen 1000|--sync-maxlen 0|--mcast-group 224.0.0.81|
--mcast-group 1.2.3.4|--mcast-group ff02::1|--mcast-port 8848|--mcast-port 0|--mcast-ttl 1|--mcast-ttl 256|extra|--|-q|
--bogus|-h|-v
""".replace("\n", "").split("|")
LINES, FILES = 300, 100

Told = tuple[str, str, int, tuple[str, ...]]


def drawn(lot: random.Random) -> list[str]:
    """A command line: mostly one that makes some sense."""
    command = lot.choice(COMMANDS)
    parts = []
    if lot.random() < 0.85:
        parts.append(lot.choice(SERVICES))
    if (command[:2] in ("-a", "-e", "-d") and lot.random() < 0.9) or lot.random() < 0.12:
        parts.append(lot.choice(SERVERS))
    parts += [lot.choice(OPTIONS) for _ in range(lot.choice([0, 0, 1, 1, 1, 2, 2, 3]))]
    lot.shuffle(parts)
    parts.insert(lot.randrange(len(parts) + 1) if lot.random() < 0.1 else 0, command)
    return " ".join(parts).split()


class Both:
    """The two programs, and the director to which they speak in turn."""

    def __init__(self, socket: Path) -> None:
        self.engine = Engine(FixedEnvironment(LOCAL))
        self.door = ControlSocket(socket, Server(self.engine.control), lambda: 1.0)
        self.client = Client(UnixTransport(socket))
        self.environment = preloaded(os.environ, path_of(SHIM), str(socket))
        self.going = True
        self.thread = Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while self.going:
            if select.select([self.door], [], [], 0.05)[0]:
                self.door.on_readable()

    def close(self) -> None:
        self.going = False
        self.thread.join()
        self.client.close()
        self.door.close()

    def begin(self) -> None:
        """The tables as they were."""
        control = self.engine.control
        self.client.flush()
        for spec in control.get_daemons():
            control.del_daemon(spec.state, 1.0)
        control.set_config(Timeouts(900, 120, 300), 1.0)
        assert run(["-R"], self.client, StringIO(BEFORE), StringIO(), StringIO()) == 0

    def tables(self) -> tuple[str, ...]:
        control = self.engine.control
        return self.client.proc("ip_vs"), str(control.get_config()), str(control.get_daemons())

    def theirs(self, words: list[str], given: str) -> Told:
        assert PROGRAM is not None
        self.begin()
        done = subprocess.run(
            [PROGRAM, *words], input=given, capture_output=True, text=True, timeout=120, check=False,
            env=self.environment,
        )  # fmt: skip
        out, said = (text.replace(PROGRAM, "ipvsadm") for text in (done.stdout, done.stderr))
        return out, said, done.returncode, self.tables()

    def ours(self, words: list[str], given: str) -> Told:
        self.begin()
        out, said = StringIO(), StringIO()
        status = run(words, self.client, StringIO(given), out, said, prog="ipvsadm")
        return out.getvalue(), said.getvalue(), status, self.tables()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    if PROGRAM is None:
        pytest.skip("needs ipvsadm")
    both = Both(tmp_path / "control")
    try:
        yield both
    finally:
        both.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_lines(both: Both, seed: int) -> None:
    lot = random.Random(seed)
    for _ in range(LINES):
        words = drawn(lot)
        given = lot.choice(["-A -t 9.9.9.9:9\n", "-A -t\nx\n"])
        assert both.ours(words, given) == both.theirs(words, given), words


def test_files_to_restore(both: Both) -> None:
    lot = random.Random(3)
    for _ in range(FILES):
        lines = []
        for _ in range(lot.choice([1, 2, 3, 5])):
            line = " ".join(drawn(lot))
            shape = lot.choice(["{}"] * 9 + ["# {}", "   {}   ", "ipvsadm {}", '"{}"', "{} # c", ""])
            lines.append(shape.format(line))
        given = "\n".join(lines) + lot.choice(["\n", "\n", ""])
        assert both.ours(["-R"], given) == both.theirs(["-R"], given), given
