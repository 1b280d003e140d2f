"""The seed's chapter 7: each row of its table 7.3, and what 7.1 says of the whole."""

from __future__ import annotations

import pytest

from pyvs.core.errors import ControlError, Errno
from pyvs.core.masquerade.demasquerade import demasquerade, in_create
from pyvs.core.masquerade.entry import MasqueradeFlag
from pyvs.core.masquerade.least_load import getip
from pyvs.core.masquerade.masquerade import masquerade
from pyvs.core.masquerade.portfw import Command, PortForwarding, Rule
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action
from pyvs.testing.packets import ACK, SYN, TCP, UDP, address, checksums_right, tcp

LOCAL, OTHER = address("192.0.2.1"), address("192.0.2.2")
ONE, TWO, THREE = (address(f"10.1.0.1{n}") for n in (1, 2, 3))
ANY, CLIENT = bytes(4), address("198.51.100.7")


@pytest.fixture
def rules() -> PortForwarding:
    forwarding = PortForwarding()
    for server in (ONE, TWO, THREE):
        forwarding.add(TCP, LOCAL, 80, server, 8080, 10)
    forwarding.add(TCP, LOCAL, 443, ONE, 443, 5)
    forwarding.add(UDP, LOCAL, 53, ONE, 53, 1)
    return forwarding


def servers(forwarding: PortForwarding, protocol: int = TCP, port: int = 80) -> list[bytes]:
    return [rule.raddr for rule in forwarding.rules(protocol) if rule.lport == port]


class TestRow1DeleteEntry:
    """ip_portfw_del."""

    def test_takes_one_entry_out(self, rules: PortForwarding) -> None:
        rules.delete(TCP, LOCAL, 80, TWO, 8080)
        assert servers(rules) == [THREE, ONE]

    def test_takes_all_that_match_out(self, rules: PortForwarding) -> None:
        rules.delete(TCP, ANY, 80, ANY, 0)
        assert servers(rules) == []
        assert servers(rules, port=443) == [ONE]
        assert servers(rules, UDP, 53) == [ONE]

    def test_says_when_there_is_none(self, rules: PortForwarding) -> None:
        with pytest.raises(ControlError) as refused:
            rules.delete(TCP, LOCAL, 81, ANY, 0)
        assert refused.value.errno == Errno.ESRCH
        assert str(refused.value).endswith(":81")
        assert len(rules) == 5


class TestRow2Flush:
    """ip_portfw_flush."""

    def test_empties_both_lists(self, rules: PortForwarding) -> None:
        rules.flush()
        assert len(rules) == 0
        assert rules.rules(TCP) == rules.rules(UDP) == []


class TestRow3Lookup:
    """ip_portfw_lookup."""

    def test_finds_the_first_entry_of_an_address_and_port(self, rules: PortForwarding) -> None:
        found = rules.lookup(TCP, 80, LOCAL)
        assert found is not None
        assert (found.raddr, found.rport) == (THREE, 8080)

    def test_address_port_and_protocol_must_be_the_same(self, rules: PortForwarding) -> None:
        assert rules.lookup(TCP, 80, OTHER) is None
        assert rules.lookup(TCP, 81, LOCAL) is None
        assert rules.lookup(UDP, 80, LOCAL) is None


class TestRow4Edit:
    """ip_portfw_edit: sets the weight of the entries that match."""

    def test_sets_the_weight(self, rules: PortForwarding) -> None:
        assert rules.edit(TCP, LOCAL, 80, TWO, 8080, 7) == 1
        assert [(rule.pref, rule.pref_cnt) for rule in rules.rules(TCP) if rule.raddr == TWO] == [(7, 7)]

    def test_zeros_match_everything_but_the_local_port(self, rules: PortForwarding) -> None:
        assert rules.edit(TCP, ANY, 80, ANY, 0, 7) == 3
        assert rules.edit(TCP, ANY, 81, ANY, 0, 7) == 0


class TestRow5Add:
    """ip_portfw_add."""

    def test_adds_at_the_head(self, rules: PortForwarding) -> None:
        assert servers(rules) == [THREE, TWO, ONE]

    def test_the_counter_begins_with_the_weight(self, rules: PortForwarding) -> None:
        (rule,) = rules.rules(UDP)
        assert rule == Rule(UDP, LOCAL, 53, ONE, 53, 1, 1)

    def test_one_that_exists_is_edited(self, rules: PortForwarding) -> None:
        rules.add(TCP, LOCAL, 80, ONE, 8080, 3)
        assert len(rules) == 5
        assert rules.rules(TCP)[-1].pref == 3

    @pytest.mark.parametrize("pref", [0, -1])
    def test_a_weight_below_one_is_refused(self, rules: PortForwarding, pref: int) -> None:
        with pytest.raises(ControlError) as refused:
            rules.add(TCP, LOCAL, 8080, ONE, 80, pref)
        assert refused.value.errno == Errno.EINVAL
        assert len(rules) == 5


class TestRow6Control:
    """ip_portfw_ctl: adds, deletes and empties, if what it is given can be."""

    def test_does_what_it_is_told(self) -> None:
        rules = PortForwarding()
        rules.control(Command.ADD, Rule(TCP, LOCAL, 80, ONE, 80, 10))
        rules.control(Command.ADD, Rule(TCP, LOCAL, 80, TWO, 80, 10))
        rules.control(Command.EDIT, Rule(TCP, LOCAL, 80, TWO, 80, 2))
        assert [rule.pref for rule in rules.rules(TCP)] == [2, 10]
        rules.control(Command.DELETE, Rule(TCP, LOCAL, 80, ONE, 80))
        assert servers(rules) == [TWO]
        rules.control(Command.FLUSH)
        assert len(rules) == 0

    @pytest.mark.parametrize(
        "rule",
        [
            Rule(TCP, LOCAL, 0, ONE, 80, 10),
            Rule(TCP, LOCAL, 65536, ONE, 80, 10),
            Rule(1, LOCAL, 80, ONE, 80, 10),
            Rule(TCP, LOCAL, 80, ONE, 70000, 10),
        ],
    )
    def test_refuses_what_can_t_be(self, rules: PortForwarding, rule: Rule) -> None:
        with pytest.raises(ControlError) as refused:
            rules.control(Command.ADD, rule)
        assert refused.value.errno == Errno.EINVAL
        assert len(rules) == 5

    def test_edit_of_nothing_is_refused(self, rules: PortForwarding) -> None:
        with pytest.raises(ControlError) as refused:
            rules.control(Command.EDIT, Rule(TCP, LOCAL, 81, ONE, 80, 10))
        assert refused.value.errno == Errno.ESRCH


class TestRow7InRule:
    """portfw_in_rule."""

    def test_says_whether_an_entry_matches(self, rules: PortForwarding) -> None:
        assert rules.in_rule(TCP, LOCAL, 80)
        assert not rules.in_rule(TCP, LOCAL, 81)
        assert not rules.in_rule(TCP, OTHER, 80)


class TestRow8InCreate:
    """portfw_in_create."""

    @pytest.fixture
    def forwarding(self, masquerading: Masquerade, rules: PortForwarding) -> Masquerade:
        masquerading.portfw = rules
        return masquerading

    def arrive(self, masquerading: Masquerade, sport: int = 5000) -> Packet:
        packet = Packet(tcp(CLIENT, sport, LOCAL, 80, SYN))
        verdict = demasquerade(masquerading, packet, parse(packet.data))
        assert verdict is not None
        assert verdict.action is Action.STOLEN
        return packet

    def test_makes_an_entry(self, forwarding: Masquerade) -> None:
        self.arrive(forwarding)
        (entry,) = forwarding.table
        assert (entry.maddr, entry.mport) == (LOCAL, 80)
        assert (entry.saddr, entry.sport) == (THREE, 8080)
        assert (entry.daddr, entry.dport) == (CLIENT, 5000)
        assert entry.flags & MasqueradeFlag.MPORT

    def test_the_entry_listens(self, forwarding: Masquerade) -> None:
        header = parse(tcp(CLIENT, 5000, LOCAL, 80, SYN))
        entry = in_create(forwarding, header, 5000, 80)
        assert entry is not None
        assert (entry.state, entry.timeout) == (MasqueradeState.LISTEN, 120.0)

    def test_without_an_entry_of_the_list_nothing_is_made(self, forwarding: Masquerade) -> None:
        header = parse(tcp(CLIENT, 5000, LOCAL, 81, SYN))
        assert in_create(forwarding, header, 5000, 81) is None
        assert len(forwarding.table) == 0

    def test_a_known_connection_stays_with_its_server(self, forwarding: Masquerade) -> None:
        first = self.arrive(forwarding).data[16:20]
        assert {self.arrive(forwarding).data[16:20] for _ in range(25)} == {first}
        assert len(forwarding.table) == 1

    def test_weights_are_shares(self, forwarding: Masquerade) -> None:
        for server, pref in ((ONE, 1), (TWO, 2), (THREE, 3)):
            forwarding.portfw.edit(TCP, LOCAL, 80, server, 8080, pref)
        chosen = [self.arrive(forwarding, 5000 + n).data[16:20] for n in range(12)]
        assert chosen == [THREE, THREE, THREE, TWO, TWO, ONE] * 2

    def test_a_lone_entry_keeps_its_counter(self, masquerading: Masquerade) -> None:
        masquerading.portfw.add(TCP, LOCAL, 80, ONE, 80, 2)
        for number in range(5):
            self.arrive(masquerading, 5000 + number)
        assert masquerading.portfw.rules(TCP)[0].pref_cnt == 2


class TestRow9Getip:
    """getip: the list is emptied and built anew for the machine with the least load."""

    def test_all_entries_are_of_the_least_loaded_machine(self, rules: PortForwarding) -> None:
        getip(rules, TWO)
        assert [(rule.protocol, rule.laddr, rule.lport, rule.raddr, rule.rport) for rule in rules] == [
            (UDP, LOCAL, 53, TWO, 53),
            (TCP, LOCAL, 443, TWO, 443),
            (TCP, LOCAL, 80, TWO, 8080),
        ]

    def test_new_requests_go_there_and_old_ones_stay(
        self, masquerading: Masquerade, rules: PortForwarding
    ) -> None:
        masquerading.portfw = rules

        def arrive(sport: int) -> bytes:
            packet = Packet(tcp(CLIENT, sport, LOCAL, 80, SYN))
            assert demasquerade(masquerading, packet, parse(packet.data)) is not None
            return packet.data[16:20]

        assert arrive(1) == THREE
        getip(rules, ONE)
        assert {arrive(sport) for sport in range(2, 30)} == {ONE}
        assert arrive(1) == THREE


class Test71TheWhole:
    """7.1: clients see only the director; requests go to servers, results come back by it."""

    def test_request_and_result(self, masquerading: Masquerade) -> None:
        masquerading.portfw.add(TCP, LOCAL, 80, ONE, 8080, 10)
        request = Packet(tcp(CLIENT, 5000, LOCAL, 80, SYN))
        demasquerade(masquerading, request, parse(request.data))
        assert (request.data[12:16], request.data[16:20]) == (CLIENT, ONE)
        result = Packet(tcp(ONE, 8080, CLIENT, 5000, SYN | ACK, data=b"page"))
        verdict = masquerade(masquerading, result, parse(result.data), OTHER)
        assert verdict.action is Action.ACCEPT
        assert result.data[12:16] == LOCAL
        assert result.data[20:24] == bytes.fromhex("00501388")
        assert checksums_right(result.data)
