"""/proc/net/ip_vs_conn and ip_vs_conn_sync, rebuilt from each text that was recorded and printed again."""

import json
from pathlib import Path

import pytest

from pyvs.core.connections.connection import Connection
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Proto
from pyvs.core.listing import FILES
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.testing.environment import FixedEnvironment

RECORDINGS = sorted((Path(__file__).parents[3] / "recordings").glob("*.json"))
PROTOCOLS = {"IP": Proto.IP, "TCP": Proto.TCP, "UDP": Proto.UDP, "SCTP": Proto.SCTP}


class Sip(PersistenceEngine):
    name = "sip"


def rebuild(engine: Engine, line: str, *, synced: bool) -> Connection:
    """The connection that a row tells of."""
    protocol, caddr, cport, vaddr, vport, daddr, dport, state, *rest = line.split()
    number = PROTOCOLS[protocol]
    ends = [bytes.fromhex(host.replace(":", "")) for host in (caddr, vaddr, daddr)]
    af = Family.INET6 if len(ends[0]) == 16 else Family.INET
    daf = Family.INET6 if len(ends[2]) == 16 else Family.INET
    conn = Connection(
        af, number, ends[0], int(cport, 16), ends[1], int(vport, 16), daf, ends[2], int(dport, 16), 0
    )
    if state in ("ASSURED", "NONE"):
        conn.flags |= int(ConnFlag.TEMPLATE)
        conn.state = int(state == "ASSURED")
    else:
        names = engine.ns.protocols[number].state_names
        conn.state = len(names) if state == "ERR!" else names.index(state)
    if synced and rest.pop(0) == "SYNC":
        conn.flags |= int(ConnFlag.SYNC)
    conn.expires = engine.ns.now + int(rest.pop(0)) + 0.99
    if rest:
        conn.pe, conn.pe_data = Sip(), rest[1].encode()
    engine.ns.connections.insert(conn)
    return conn


@pytest.mark.parametrize("name", ["ip_vs_conn", "ip_vs_conn_sync"])
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recorded(path: Path, name: str) -> None:
    text = json.loads(path.read_text())["final"][f"/proc/net/{name}"]
    engine = Engine(FixedEnvironment(), now=1000.0)
    for line in text.splitlines()[1:]:
        rebuild(engine, line, synced=name == "ip_vs_conn_sync")
    assert sorted("".join(FILES[name](engine.ns)).splitlines(keepends=True)) == sorted(
        text.splitlines(keepends=True)
    )


def test_expired_and_unknown_states() -> None:
    engine = Engine(FixedEnvironment(), now=1000.0)
    row = "TCP C6336407 9C41 C0000264 0050 0A01000B 0050 CLOSE             9"
    conn = rebuild(engine, row, synced=False)
    conn.expires = 999.0
    conn.state = 99
    text = engine.control.proc("ip_vs_conn")
    assert text.splitlines()[1] == "TCP C6336407 9C41 C0000264 0050 0A01000B 0050 ERR!              0"
    assert engine.control.proc("ip_vs_conn", 900.0).splitlines()[1].split()[-1] == "99"


def test_protocol_without_handler() -> None:
    engine = Engine(FixedEnvironment(), now=1000.0)
    for protocol in (Proto.IP, 99):
        conn = Connection(
            Family.INET, protocol, bytes(4), 0, bytes(4), 0, Family.INET, bytes(4), 0, int(ConnFlag.NO_CPORT)
        )
        engine.ns.connections.insert(conn)
    names = {line.split()[0]: line.split()[7] for line in engine.control.proc("ip_vs_conn").splitlines()[1:]}
    assert names == {"IP": "NONE", "IP_99": "ERR!"}
