"""Large packets through the fast path: TSO, GSO and GRO on, ways of 1500 and 9000 bytes, one and two interfaces."""

import hashlib
import random
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.live import fast_bulk, tunnel_end
from tests.live.fast_clients import fast_account, fast_text

from pyvs.lab import course, wait
from pyvs.lab.director import Director
from pyvs.lab.howto import INLET, PLANS, topology
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Topology

pytestmark = [pytest.mark.live, pytest.mark.root]

PORT = 7000
GUE_PORT = 6080
FLAG = {
    "nat": "-m",
    "dr": "-g",
    "tun": "-i",
    "gue": f"-i --tun-type gue --tun-port {GUE_PORT}",
    "gre": "-i --tun-type gre",
    "gue-sum": f"-i --tun-type gue --tun-port {GUE_PORT} --tun-csum",
    "gre-sum": "-i --tun-type gre --tun-csum",
}
OTHER_TUNNELS = ("gue", "gre", "gue-sum", "gre-sum")
SIZE = 3_000_000


def with_mtu(plan: Topology, mtus: dict[str, int]) -> Topology:
    """The same network, whose segments carry packets of these sizes; others 1500."""
    return replace(
        plan,
        hosts=tuple(
            replace(
                host, interfaces=tuple(replace(i, mtu=mtus.get(i.segment, 1500)) for i in host.interfaces)
            )
            for host in plan.hosts
        ),
    )


def exchange(lab: Lab, address: str, size: int, times: int) -> list[bool]:
    """Send so much on one connection and get it back, some times; whether the server read, and gave, just that."""

    def talk() -> list[bool]:
        right = []
        with (
            socket.create_connection((address, PORT), timeout=10) as opened,
            opened.makefile("rb") as answers,
        ):
            for turn in range(times):
                data = random.Random(turn).randbytes(size)
                opened.sendall(size.to_bytes(8, "big"))
                opened.settimeout(20)
                sending = threading.Thread(target=opened.sendall, args=(data,))
                sending.start()
                right.append(answers.read(32) == hashlib.sha256(data).digest() and answers.read(size) == data)
                sending.join()
        return right

    return lab["client1"].call(talk)


@pytest.mark.parametrize(
    ("method", "family", "mtus"),
    [
        ("nat", 4, {}),
        ("nat", 6, {}),
        ("nat", 4, {"clients": 9000, "front": 9000, "farm": 9000}),
        ("nat", 4, {"clients": 9000, "front": 9000, "farm": 1500}),
        ("dr", 4, {}),
        ("dr", 6, {}),
        ("tun", 4, {}),
        ("tun", 6, {}),
        ("gue", 4, {}),
        ("gue", 6, {}),
        ("gre", 4, {}),
        ("gre", 6, {}),
        ("gue-sum", 4, {}),
        ("gre-sum", 6, {}),
    ],
    ids=[
        "nat",
        "nat-6",
        "nat-9000",
        "nat-9000-1500",
        "dr",
        "dr-6",
        "tun",
        "tun-6",
        "gue",
        "gue-6",
        "gre",
        "gre-6",
        "gue-sum",
        "gre-sum-6",
    ],
)
def test_bulk_goes_through_whole(bpffs: Path, method: str, family: int, mtus: dict[str, int]) -> None:
    plan = PLANS[family]
    with Lab(with_mtu(topology("tun" if method in OTHER_TUNNELS else method, (family,)), mtus)) as lab:
        if method == "tun":
            course.end_tunnels(lab, "server1", (family,))
        elif method in OTHER_TUNNELS:
            end = [tunnel_end.__file__, INLET, method[:3], str(family), str(GUE_PORT)]
            lab.start("server1", [sys.executable, *end])
        lab.start("server1", [sys.executable, fast_bulk.__file__, str(PORT), str(family)])
        wait.until(lambda: wait.answers(lab["server1"], plan.servers[0], PORT), "the server does not listen")
        with Director(lab, ["--fast", "tc"]) as director:
            virtual, server = (f"[{a}]" if family == 6 else a for a in (plan.virtual, plan.servers[0]))
            director.adm(f"-A -t {virtual}:{PORT} -s rr")
            director.adm(f"-a -t {virtual}:{PORT} -r {server}:{PORT} {FLAG[method]}")
            right = exchange(lab, plan.virtual, SIZE, 3)
            told = fast_account(director)
            assert right == [True] * 3, told
            served = int(told["served"].split()[0])
            # In large pieces: 9 MB are 6000 packets of 1500 bytes.
            assert served > (20 if method.endswith("-sum") else 100), told
            assert int(told["handed over by the engine"]) >= 1
            # What would have to be cut, each piece with a checksum of its own, is the engine's.
            assert ("to be cut into segments" in fast_text(director)) == method.endswith("-sum")
