import shlex
from collections.abc import Callable

import pytest
from tests import pkt

from pyvs.core.errors import PyvsError
from pyvs.play.director import Director

Run = Callable[[str], tuple[int, str]]


def python(sh: Run, program: str) -> tuple[int, str]:
    return sh(f"python3 -c {shlex.quote(program)}")


def frames(director: Director) -> list[str]:
    return [f"{name} {pkt.describe(frame)}" for name, frame in director.host.drain()]


def test_a_datagram_is_sent(sh: Run, director: Director) -> None:
    program = 'import socket; s = socket.socket(2, 2); s.bind(("192.0.2.1", 40001)); s.sendto(b"q", ("10.1.0.11", 53))'
    assert python(sh, program) == (0, "")
    (out,) = frames(director)
    assert out.startswith(
        "eth1 02:00:00:00:01:01>02:00:00:00:02:01 UDP 192.0.2.1:40001 > 10.1.0.11:53 71 [ttl 64"
    )
    assert "len 29 DF" in out


def test_several_ways_to_say_it(sh: Run, director: Director) -> None:
    program = (
        "import socket, time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 16)\n"
        "s.connect(('10.1.0.11', 50 + 3))\n"
        "for i in range(3):\n"
        "    s.send(b'x' * (i + 1))\n"
        "time.sleep(0.5)\n"
        "print('sent', i)\n"
    )
    before = director.clock.now
    assert python(sh, program) == (0, "sent 2\n")
    out = frames(director)
    assert [line.split()[6] for line in out] == ["78", "7878", "787878"]
    assert all("tos 0x10" in line and "UDP 10.1.0.1:" in line for line in out)
    assert director.clock.now == pytest.approx(before + 0.5)


def test_failures_are_those_of_the_system(sh: Run) -> None:
    start = "import socket; s = socket.socket(2, 2); "
    status, output = python(sh, start + 's.bind(("10.9.9.9", 1))')
    assert (status, "Errno 99" in output) == (1, True)
    status, output = python(sh, start + 's.send(b"x")')
    assert (status, "Errno 89" in output) == (1, True)
    status, output = python(sh, start + "s.settimeout(1); s.recv(10)")
    assert (status, "timed out" in output) == (1, True)
    assert python(sh, start + "s.recv(10)") == (124, "no end after 20 s")


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.unlink('/etc/passwd')",
        "open('/etc/passwd')",
        "import socket; socket.socket(2, 1).connect(('10.1.0.11', 80))",
        "(lambda: 1)()",
        "().__class__",
        "import socket; s = socket.socket(2, 2); s.director.host",
        "x = 9 * 99999999",
    ],
)
def test_nothing_else_is_done(sh: Run, program: str) -> None:
    with pytest.raises(PyvsError, match="not known here"):
        python(sh, program)
