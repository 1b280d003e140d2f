"""The chains' text."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import Family
from pyvs.datapath.chains.rules import MULTIPORT_MAX, Aim, tables
from pyvs.datapath.chains.watch import Endpoint, Watch, merged

VIP, RIP = ip_address("192.0.2.100").packed, ip_address("10.1.0.11").packed
VIP6 = ip_address("2001:db8::64").packed
AIM = Aim(queue=8848, gso_queue=8849, own_mark=0x40000000)

TCP4 = """\
*raw
:PYVS-OUTPUT - [0:0]
-A PYVS-OUTPUT -m mark --mark 0x40000000/0x40000000 -j CT --notrack
COMMIT
*mangle
:PYVS-OUTPUT - [0:0]
-A PYVS-OUTPUT -m mark --mark 0x40000000/0x40000000 -j RETURN
-A PYVS-OUTPUT -d 192.0.2.100 -f -j NFQUEUE --queue-num 8848
-A PYVS-OUTPUT -d 192.0.2.100 -p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 8848
-A PYVS-OUTPUT -s 10.1.0.11 -f -j NFQUEUE --queue-num 8848
-A PYVS-OUTPUT -s 10.1.0.11 -p tcp -m tcp --sport 8080 -j NFQUEUE --queue-num 8848
-A PYVS-OUTPUT -s 192.0.2.100 -f -j NFQUEUE --queue-num 8848
-A PYVS-OUTPUT -s 192.0.2.100 -p tcp -m tcp --sport 80 -j NFQUEUE --queue-num 8848
-A PYVS-OUTPUT -p icmp -m icmp --icmp-type 3 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-OUTPUT -p icmp -m icmp --icmp-type 4 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-OUTPUT -p icmp -m icmp --icmp-type 11 -j NFQUEUE --queue-num 8848 --queue-bypass
COMMIT
*security
:PYVS-INPUT - [0:0]
:PYVS-FORWARD - [0:0]
-A PYVS-INPUT -m mark --mark 0x40000000/0x40000000 -j RETURN
-A PYVS-INPUT -m pkttype ! --pkt-type unicast -j RETURN
-A PYVS-INPUT -d 192.0.2.100 -f -j NFQUEUE --queue-num 8848
-A PYVS-INPUT -d 192.0.2.100 -p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 8848
-A PYVS-INPUT -s 10.1.0.11 -f -j NFQUEUE --queue-num 8848
-A PYVS-INPUT -s 10.1.0.11 -p tcp -m tcp --sport 8080 -j NFQUEUE --queue-num 8848
-A PYVS-INPUT -p icmp -m icmp --icmp-type 3 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-INPUT -p icmp -m icmp --icmp-type 4 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-INPUT -p icmp -m icmp --icmp-type 11 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-FORWARD -m mark --mark 0x40000000/0x40000000 -j RETURN
-A PYVS-FORWARD -s 10.1.0.11 -f -j NFQUEUE --queue-num 8848
-A PYVS-FORWARD -s 10.1.0.11 -p tcp -m tcp --sport 8080 -j NFQUEUE --queue-num 8849
-A PYVS-FORWARD -s 192.0.2.100 -f -j NFQUEUE --queue-num 8848
-A PYVS-FORWARD -s 192.0.2.100 -p tcp -m tcp --sport 80 -j NFQUEUE --queue-num 8849
-A PYVS-FORWARD -p icmp -m icmp --icmp-type 3 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-FORWARD -p icmp -m icmp --icmp-type 4 -j NFQUEUE --queue-num 8848 --queue-bypass
-A PYVS-FORWARD -p icmp -m icmp --icmp-type 11 -j NFQUEUE --queue-num 8848 --queue-bypass
COMMIT
"""


def test_a_tcp_service_with_a_nat_server() -> None:
    watched = Watch(Family.INET, (Endpoint(VIP, 6, ((80, 80),)),), (), (Endpoint(RIP, 6, ((8080, 8080),)),))
    assert tables(watched, AIM) == TCP4


def test_without_services_the_chains_are_empty() -> None:
    lines = tables(Watch(Family.INET6), AIM).splitlines()
    assert not [line for line in lines if line.startswith("-A")]
    assert len([line for line in lines if line.startswith(":")]) == 4


def test_marks_and_other_protocols() -> None:
    watched = Watch(Family.INET6, (Endpoint(VIP6, 50), Endpoint(VIP6, 132, ((9, 9),))), (7, 0x80000001))
    text = tables(watched, AIM)
    for rule in (
        "-A PYVS-INPUT -m mark --mark 0x7 -j NFQUEUE",
        "-A PYVS-INPUT -m mark --mark 0x80000001 -j NFQUEUE",
        "-A PYVS-INPUT -d 2001:db8::64 -p esp -j NFQUEUE",
        "-A PYVS-INPUT -d 2001:db8::64 -p sctp -m sctp --dport 9 -j NFQUEUE",
        "-A PYVS-INPUT -d 2001:db8::64 -m frag -j NFQUEUE",
        "-A PYVS-FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j NFQUEUE",
    ):
        assert rule in text


def test_bypass_is_said_in_every_rule() -> None:
    watched = Watch(Family.INET, (Endpoint(VIP, 6, ((80, 80),)),))
    queued = [line for line in tables(watched, Aim(1, 2, 1, bypass=True)).splitlines() if "NFQUEUE" in line]
    assert queued
    assert all(line.endswith("--queue-bypass") for line in queued)


def test_tracking_is_left_on_when_asked_for() -> None:
    watched = Watch(Family.INET, (Endpoint(VIP, 6, ((80, 80),)),))
    assert "notrack" in tables(watched, AIM)
    assert "notrack" not in tables(watched, Aim(1, 2, 1, track=True))


@given(
    st.lists(
        st.tuples(st.integers(1, 60000), st.integers(0, 3)).map(lambda r: (r[0], r[0] + r[1])), min_size=1
    )
)
def test_all_ports_are_named_and_no_rule_has_too_many(ranges: list[tuple[int, int]]) -> None:
    ports = merged(ranges)
    text = tables(Watch(Family.INET, (Endpoint(VIP, 17, ports),)), AIM)
    named: list[tuple[int, int]] = []
    for line in text.splitlines():
        if line.startswith("-A PYVS-INPUT") and "--dport" in line:
            words = line.split()
            where = next(i for i, word in enumerate(words) if word.startswith("--dport"))
            listed = words[where + 1].split(",")
            assert sum(2 if ":" in each else 1 for each in listed) <= MULTIPORT_MAX
            for each in listed:
                low, _, high = each.partition(":")
                named.append((int(low), int(high or low)))
    assert tuple(named) == ports


def test_what_the_fast_path_has_dealt_with_is_not_queued() -> None:
    watch = Watch(Family.INET, (Endpoint(VIP, 6, ((80, 80),)),))
    match = "-m bpf --object-pinned /sys/fs/bpf/pyvs/1/layout/pyvs_answer"
    before, after = (
        tables(watch, Aim(queue=8848, gso_queue=8849, own_mark=0x40000000, answered=text)).splitlines()
        for text in ("", match)
    )
    (at,) = [number for number, line in enumerate(after) if match in line]
    assert after[at] == f"-A PYVS-OUTPUT {match} -j RETURN"
    assert "RETURN" in after[at - 1]  # of our own packets
    assert "NFQUEUE" in after[at + 1]
    assert [*after[:at], *after[at + 1 :]] == before
