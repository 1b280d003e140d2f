"""The least loaded machine gets all new requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import ControlError, PyvsError
from pyvs.core.masquerade.least_load import LeastLoad, getip
from pyvs.core.masquerade.portfw import Command, PortForwarding, Rule
from pyvs.testing.packets import TCP, address

LOCAL = address("192.0.2.1")
MACHINES = [address(f"10.1.0.{n}") for n in (11, 12, 13)]
ONE, TWO, THREE = MACHINES


@pytest.fixture
def least() -> LeastLoad:
    least = LeastLoad(PortForwarding())
    for number, machine in enumerate(MACHINES):
        least.forwarding.add(TCP, LOCAL, 80, machine, 8000 + number, 3)
    for machine in MACHINES:
        least.listen(machine, 9999)
    return least


def led_to(least: LeastLoad) -> list[tuple[bytes, int]]:
    return [(rule.raddr, rule.rport) for rule in least.forwarding]


def test_equals_keep_the_first(least: LeastLoad) -> None:
    assert led_to(least) == [(ONE, 8000)]


def test_the_least_loaded_is_taken_with_its_own_port(least: LeastLoad) -> None:
    least.report(ONE, b"40%\n")
    assert led_to(least) == [(TWO, 8001)]
    least.report(TWO, b"30%\n")
    assert led_to(least) == [(THREE, 8002)]
    least.report(THREE, b"39%\n")
    assert led_to(least) == [(ONE, 8000)]


@pytest.mark.parametrize("line", [b"down\n", b"drain\n", b"maint\n", b"0%\n", b"stopped# upgrade\n"])
def test_one_that_can_t_is_left_out_and_comes_back(least: LeastLoad, line: bytes) -> None:
    least.report(ONE, line)
    assert led_to(least) == [(TWO, 8001)]
    least.report(TWO, b"50%\n")
    least.report(THREE, b"50%\n")
    least.report(ONE, b"up ready 100%\n")
    assert led_to(least) == [(ONE, 8000)]


def test_a_machine_that_is_up_but_drained_stays_drained(least: LeastLoad) -> None:
    least.report(ONE, b"drain\n")
    least.report(ONE, b"up 100%\n")
    assert led_to(least) == [(TWO, 8001)]


def test_when_none_is_left_there_are_no_rules(least: LeastLoad) -> None:
    for machine in MACHINES:
        least.report(machine, b"down\n")
    assert least.chosen is None
    assert len(least.forwarding) == 0
    least.report(TWO, b"up\n")
    assert led_to(least) == [(TWO, 8001)]


def test_the_choice_is_not_made_anew_while_it_stays(least: LeastLoad) -> None:
    rule = next(iter(least.forwarding))
    least.report(TWO, b"90%\n")
    least.report(ONE, b"95%\n")
    assert next(iter(least.forwarding)) is not rule, "THREE has 100%"
    rule = next(iter(least.forwarding))
    least.report(TWO, b"99%\n")
    assert next(iter(least.forwarding)) is rule


def test_a_machine_without_an_agent_counts_as_having_no_load(least: LeastLoad) -> None:
    least.report(ONE, b"10%\n")
    least.report(TWO, b"20%\n")
    least.report(THREE, b"30%\n")
    least.forget(ONE)
    assert led_to(least) == [(ONE, 8000)]
    with pytest.raises(PyvsError, match="not listened to"):
        least.report(ONE, b"100%\n")


def test_with_the_last_agent_the_rules_come_back(least: LeastLoad) -> None:
    least.report(ONE, b"10%\n")
    for machine in MACHINES:
        least.forget(machine)
    assert led_to(least) == [(THREE, 8002), (TWO, 8001), (ONE, 8000)]
    assert [rule.pref for rule in least.forwarding] == [3, 3, 3]


def test_rules_change_while_agents_report(least: LeastLoad) -> None:
    least.control(Command.DELETE, Rule(TCP, LOCAL, 80, ONE, 0))
    assert led_to(least) == [(TWO, 8001)]
    least.control(Command.ADD, Rule(TCP, LOCAL, 443, TWO, 443))
    assert sorted(led_to(least)) == [(TWO, 443), (TWO, 8001)]
    with pytest.raises(ControlError):
        least.control(Command.DELETE, Rule(TCP, LOCAL, 80, ONE, 0))
    least.control(Command.FLUSH)
    assert led_to(least) == []


def test_a_line_that_says_nothing_changes_nothing(least: LeastLoad) -> None:
    with pytest.raises(PyvsError):
        least.report(ONE, b"hello\n")
    assert led_to(least) == [(ONE, 8000)]


def test_several_ports() -> None:
    least = LeastLoad(PortForwarding())
    least.listen(ONE, 1)
    least.listen(TWO, 1)
    for lport, machine, rport in ((80, ONE, 80), (443, ONE, 443), (80, TWO, 8080)):
        least.control(Command.ADD, Rule(TCP, LOCAL, lport, machine, rport))
    least.report(ONE, b"10%\n")
    assert sorted((rule.lport, rule.raddr, rule.rport) for rule in least.forwarding) == [(80, TWO, 8080)]
    least.report(TWO, b"5%\n")
    assert sorted((rule.lport, rule.rport) for rule in least.forwarding) == [(80, 80), (443, 443)]


def test_getip_of_nothing_makes_nothing() -> None:
    forwarding = PortForwarding()
    getip(forwarding, ONE)
    assert len(forwarding) == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 100))))
def test_the_rules_are_always_of_a_best_machine(reports: list[tuple[int, int]]) -> None:
    least = LeastLoad(PortForwarding())
    for machine in MACHINES:
        least.forwarding.add(TCP, LOCAL, 80, machine, 80, 1)
    for machine in MACHINES:
        least.listen(machine, 1)
    percent = dict.fromkeys(MACHINES, 100)
    for number, value in reports:
        least.report(MACHINES[number], b"%d%%\n" % value)
        percent[MACHINES[number]] = value
        best = max(percent.values())
        assert [percent[rule.raddr] for rule in least.forwarding] == ([best] if best else [])
