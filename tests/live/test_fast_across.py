"""Packets go straight to the far ends of veth pairs, until somebody looks at the near one."""

import socket
from pathlib import Path

import pytest
from tests.live.fast_clients import KeptAlive, fast_account

from pyvs.lab import course, wait
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]

ROOM = 2048


def heard(door: socket.socket, source: str) -> int:
    """How many packets of TCP from an address have left since the last call."""
    found = 0
    while True:
        try:
            frame, where = door.recvfrom(ROOM)
        except BlockingIOError:
            return found
        leaves = where[2] == socket.PACKET_OUTGOING
        if leaves and frame[23] == socket.IPPROTO_TCP and frame[26:30] == socket.inet_aton(source):
            found += 1


def straight(director: Director) -> str:
    """From which devices packets go straight across, and from which not."""
    return fast_account(director)["straight across"]


def test_who_listens_at_a_device_hears_what_leaves_there(bpffs: Path) -> None:
    plan = PLANS[4]
    with Lab(topology("nat", (4,))) as lab:
        course.start_servers(lab, "nat", (4,))
        with Director(lab, ["--fast", "tc"]) as director:
            for line in ipvsadm_lines("nat", 4):
                director.adm(line)
            with KeptAlive(lab["client1"], plan.virtual, 80, 6) as client:
                client.ask_all()
                wait.until(lambda: "(no:" not in straight(director), "somebody is seen where nobody is")
                near = lab["director"].call(
                    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                )
                with near:
                    wait.until(
                        lambda: "(no: a packet socket)" in straight(director), "the listener is not seen"
                    )
                    near.setblocking(False)
                    heard(near, plan.clients[0])
                    client.ask_all()
                    assert heard(near, plan.clients[0]) >= 6, "each request leaves for its server"
                wait.until(lambda: "(no:" not in straight(director), "it is still waited for")
                client.ask_all()
                assert client.failed == {}
                assert client.answers == 18
