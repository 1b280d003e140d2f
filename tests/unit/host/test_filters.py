import shlex

import pytest
from tests import pkt

from pyvs.core.packet.packet import Packet
from pyvs.host.filters import FilterError, Filters, facts

WEB = pkt.tcp("198.51.100.7", "192.0.2.100", 40001, 80, pkt.SYN)
NAME = pkt.udp("198.51.100.7", "192.0.2.100", 40001, 53, b"q")


def filters(*lines: str) -> Filters:
    found = Filters(lambda packet: (bytes([192, 0, 2, 100]), 80) if packet.owned else None)
    for line in lines:
        found.command(shlex.split(line))
    return found


def mark(found: Filters, data: bytes, iif: str = "eth0") -> int:
    packet = Packet(data, iif=iif)
    assert found.run("mangle", "PREROUTING", packet) == "ACCEPT"
    return packet.mark


@pytest.mark.parametrize(
    ("options", "web", "name"),
    [
        ("-d 192.0.2.100", 9, 9),
        ("-d 192.0.2.0/24 -p tcp --dport 80", 9, 0),
        ("-p tcp -m multiport --dports 80,443", 9, 0),
        ("-p udp -m udp --dport 50:60", 0, 9),
        ("! -d 192.0.2.100", 0, 0),
        ("-p tcp ! --dport 81", 9, 0),
        ("-s 198.51.100.0/24 -i eth0", 9, 9),
        ("-s 198.51.100.0/24 -i eth1", 0, 0),
        ("-p tcp --sport 40001", 9, 0),
        ("-p 17", 0, 9),
        ("-m comment --comment 'all of it'", 9, 9),
    ],
)
def test_matches(options: str, web: int, name: int) -> None:
    found = filters(f"-t mangle -A PREROUTING {options} -j MARK --set-mark 9")
    assert (mark(found, WEB), mark(found, NAME)) == (web, name)


def test_marks_with_masks_and_order() -> None:
    found = filters(
        "-t mangle -A PREROUTING -j MARK --set-mark 0x10/0xf0",
        "-t mangle -A PREROUTING -m mark --mark 0x10/0xf0 -j MARK --set-mark 3/0x0f",
        "-w -t mangle -I PREROUTING -p udp -j ACCEPT",
    )
    assert (mark(found, WEB), mark(found, NAME)) == (0x13, 0)


def test_deleted_and_flushed() -> None:
    rule = "PREROUTING -p tcp -j MARK --set-mark 1"
    found = filters(f"-t mangle -A {rule}", f"-t mangle -D {rule}")
    assert mark(found, WEB) == 0
    found.command(shlex.split(f"-t mangle -A {rule}"))
    found.command(["-t", "mangle", "-D", "PREROUTING", "1"])
    assert mark(found, WEB) == 0
    found.command(shlex.split(f"-t mangle -A {rule}"))
    found.command(["-t", "mangle", "-F"])
    assert mark(found, WEB) == 0


def test_policy_and_drop() -> None:
    found = filters("-A INPUT -p tcp --dport 80 -j ACCEPT", "-P INPUT DROP", "-A FORWARD -p udp -j DROP")
    assert found.run("filter", "INPUT", Packet(WEB)) == "ACCEPT"
    assert found.run("filter", "INPUT", Packet(NAME)) == "DROP"
    assert found.run("filter", "FORWARD", Packet(NAME)) == "DROP"
    assert found.run("filter", "OUTPUT", Packet(NAME)) == "ACCEPT"


def test_masquerading_of_a_virtual_service() -> None:
    found = filters("-t nat -A POSTROUTING -m ipvs --vaddr 192.0.2.100/32 --vport 80 -j MASQUERADE")
    assert found.tracking
    packet = Packet(WEB)
    assert found.run("nat", "POSTROUTING", packet) == "ACCEPT"
    packet.owned = True
    assert found.run("nat", "POSTROUTING", packet) == "MASQUERADE"
    assert not filters().tracking


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("-t raw -A PREROUTING -j DROP", "no table 'raw'"),
        ("-t mangle -A NOWHERE -j DROP", "no chain 'NOWHERE'"),
        ("-A INPUT -j LOG", "target 'LOG'"),
        ("-A INPUT -m state --state NEW -j DROP", "match 'state'"),
        ("-A INPUT -d 1.2.3.4.5 -j DROP", "no address"),
        ("-A INPUT -p frob -j DROP", "protocol 'frob'"),
        ("-A INPUT -p tcp --dport x -j DROP", "no port"),
        ("-A INPUT -j MARK --set-mark x", "no mark"),
        ("-A INPUT --frob 1 -j DROP", "option '--frob'"),
        ("-A INPUT -d", "needs a value"),
        ("-D INPUT -j DROP", "Bad rule"),
        ("-N MINE", "no chain 'MINE'"),
        ("-L INPUT", "command '-L'"),
        ("-t mangle", "no command"),
    ],
)
def test_refusals(line: str, what: str) -> None:
    with pytest.raises(FilterError, match=what):
        filters(line)


def test_fragments_have_no_ports() -> None:
    first, second = pkt.fragments(pkt.udp("1.2.3.4", "5.6.7.8", 1, 2, b"x" * 100, df=False), 64)
    seen, later = facts(Packet(first)), facts(Packet(second))
    assert seen is not None
    assert later is not None
    assert (seen.dport, later.dport) == (2, -1)
    assert facts(Packet(b"\x45")) is None
