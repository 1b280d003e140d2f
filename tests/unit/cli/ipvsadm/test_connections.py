"""The listing of connections against every recorded pair of it and the file it is made from."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyvs.cli.ipvsadm.connections import connection_lines
from pyvs.cli.ipvsadm.names import WELL_KNOWN

RECORDINGS = sorted((Path(__file__).parents[3] / "recordings").glob("*.json"))
HEADER = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
EXPIRE = re.compile(r" \d\d:\d\d ")


def states(recording: dict[str, Any]) -> Iterator[dict[str, str]]:
    yield from (event["state"] for event in recording["log"] if event["ev"] == "snap")
    yield recording["final"]


def test_all_recorded_connections_are_listed_as_recorded() -> None:
    rows = 0
    for path in RECORDINGS:
        for state in states(json.loads(path.read_text())):
            listed = state["ipvsadm -Lnc"].splitlines()
            made = list(connection_lines(state["/proc/net/ip_vs_conn"], engines=False, names=None))
            # Between the two a second may have begun.
            assert sorted(EXPIRE.sub(" ", line) for line in made) == sorted(
                EXPIRE.sub(" ", line) for line in listed
            )
            assert made[:2] == listed[:2]
            rows += len(listed) - 2
    assert rows > 500


CLIENT6 = "2001:0db8:000c:0000:0000:0000:0000:0007"
VIP6 = "2001:0db8:0000:0000:0000:0000:0000:0100"
SERVER6 = "2001:0db8:0001:0000:0000:0000:0000:0011"
ROWS = [
    (
        "TCP C6336407 9C40 C0000264 0050 0A01000B 0050 ESTABLISHED     899",
        "TCP 14:59  ESTABLISHED 198.51.100.7:40000 192.0.2.100:80     10.1.0.11:80",
        "TCP 14:59  ESTABLISHED 198.51.100.7:40000 192.0.2.100:http   10.1.0.11:http",
    ),
    (
        "UDP 7F000001 0035 C0000264 0035 0A01000B 0035 UDP             300",
        "UDP 05:00  UDP         127.0.0.1:53       192.0.2.100:53     10.1.0.11:53",
        "UDP 05:00  UDP         localhost:domain   192.0.2.100:domain 10.1.0.11:domain",
    ),
    (
        f"TCP {CLIENT6} 9C40 {VIP6} 0050 {SERVER6} 0050 SYN_RECV         60",
        "TCP 01:00  SYN_RECV    [2001:db8:c::7]:40000 [2001:db8::100]:80 [2001:db8:1::11]:80",
        "TCP 01:00  SYN_RECV    [2001:db8:c::7]:40000 [2001:db8::100]:http [2001:db8:1::11]:http",
    ),
    (
        "IP  C6336407 0000 00000007 0000 0A01000B 0000 NONE         360000",
        "IP  6000:00 NONE        198.51.100.7:0     0.0.0.7:0          10.1.0.11:0",
        "IP  6000:00 NONE        198.51.100.7:0     0.0.0.7:0          10.1.0.11:0",
    ),
]


@pytest.mark.parametrize(("text", "numbers", "names"), ROWS)
def test_rows(text: str, numbers: str, names: str) -> None:
    assert list(connection_lines(HEADER + text + "\n", engines=False, names=None))[2:] == [numbers]
    assert list(connection_lines(HEADER + text + "\n", engines=False, names=WELL_KNOWN))[2:] == [names]


def test_engines_have_columns_of_their_own() -> None:
    text = HEADER + "UDP C6336407 13C4 C0000264 13C4 0A01000B 13C4 UDP             300 sip call-1@host\n"
    title, row = list(connection_lines(text, engines=True, names=None))[1:]
    assert (
        title
        == "pro expire state       source             virtual            destination        pe name          pe_data"
    )
    assert row == (
        "UDP 05:00  UDP         198.51.100.7:5060  192.0.2.100:5060   10.1.0.11:5060     sip              call-1@host"
    )
    assert list(connection_lines(text, engines=False, names=None))[2].endswith(" 10.1.0.11:5060")


def test_rows_cut_short_are_passed_over() -> None:
    assert len(list(connection_lines(HEADER + "TCP C6336407 9C40\n\n", engines=False, names=None))) == 2
