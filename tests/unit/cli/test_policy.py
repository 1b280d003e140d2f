"""`pyvs policy`, and the words that say one."""

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.cli.policy import (
    LINE,
    policy_words,
    read_policy_words,
    read_service_words,
    service_words,
)
from pyvs.core.control.specs import ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.core.policy.policy import DEFAULT, LONGEST, AtExpiry, Policy

Pyvs = Callable[..., Result]
VIP, VIP6 = ip_address("192.0.2.100").packed, ip_address("2001:db8::100").packed
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
MARK6 = ServiceKey(Family.INET6, Proto.TCP, bytes(16), 0, 5)
KEYS = {
    "-t 192.0.2.100:80": WEB,
    "-u [2001:db8::100]:53": ServiceKey(Family.INET6, Proto.UDP, VIP6, 53),
    "--sctp-service 192.0.2.100:9": ServiceKey(Family.INET, Proto.SCTP, VIP, 9),
    "-f 5": ServiceKey(Family.INET, Proto.TCP, bytes(4), 0, 5),
    "-f 5 -6": MARK6,
}
POLICIES = st.builds(
    Policy,
    st.one_of(
        st.just(0.0), st.integers(1, LONGEST).map(float), st.integers(10**6, LONGEST * 10**6).map(lambda n: n / 1e6)
    ),
    st.sampled_from(AtExpiry),
    st.booleans(),
)  # fmt: skip


@pytest.mark.parametrize("words", KEYS)
def test_a_service_in_words(words: str) -> None:
    assert service_words(KEYS[words]) == words
    assert read_service_words(words.split(), WELL_KNOWN) == KEYS[words]


@given(st.sampled_from(list(KEYS.values())), POLICIES)
def test_words_say_all_of_a_policy(key: ServiceKey, policy: Policy) -> None:
    assert read_policy_words(policy_words(key, policy), WELL_KNOWN) == (key, policy)


def test_long_times_are_written_out() -> None:
    assert policy_words(WEB, Policy(float(LONGEST))) == "-t 192.0.2.100:80 --idle 2678400"
    assert policy_words(WEB, Policy(1234567.0)).endswith(" --idle 1234567")
    assert policy_words(WEB, Policy(1.5, AtExpiry.RST)).endswith(" --idle 1.5 --at-expiry rst")


def test_times_and_ports_by_name() -> None:
    assert read_policy_words("-t 192.0.2.100:http --idle 2h", WELL_KNOWN) == (WEB, Policy(7200.0))


# ---- the command -----------------------------------------------------------


@pytest.fixture
def served(engine: Engine) -> Engine:
    for key in KEYS.values():
        netmask = 128 if key.af == Family.INET6 else 0xFFFFFFFF
        engine.control.new_service(ServiceSpec(key, "rr", netmask=netmask), 1.0)
    return engine


@pytest.mark.parametrize("words", KEYS)
def test_every_kind_of_service_can_have_one(pyvs: Pyvs, served: Engine, words: str) -> None:
    result = pyvs(f"policy {words} --idle 20d")
    assert (result.exit_code, result.output) == (0, "")
    assert served.control.get_policy(KEYS[words]) == Policy(1728000.0)
    assert [key for key in KEYS.values() if served.control.get_policy(key) != DEFAULT] == [KEYS[words]]
    line = f"{LINE}{words} --idle 1728000\n"
    assert pyvs("policy").stdout == line
    assert pyvs(f"policy {words}").stdout == line


def test_what_is_not_named_stays(pyvs: Pyvs, served: Engine) -> None:
    pyvs("policy -f 5 --idle 10m --udp-leaves")
    pyvs("policy -f 5 --at-expiry rst")
    assert served.control.get_policy(KEYS["-f 5"]) == Policy(600.0, AtExpiry.RST, True)
    pyvs("policy -f 5 --udp-stays --idle 0")
    assert served.control.get_policy(KEYS["-f 5"]) == Policy(0.0, AtExpiry.RST)
    pyvs("policy -f 5 --default --idle 7s")
    assert served.control.get_policy(KEYS["-f 5"]) == Policy(7.0)
    pyvs("policy -f 5 --default")
    assert served.control.get_policy(KEYS["-f 5"]) == DEFAULT
    assert pyvs("policy").stdout == ""
    assert pyvs("policy -f 5").stdout == f"{LINE}-f 5\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--idle 5s", "of which service?"),
        ("--udp-stays", "of which service?"),
        ("-t 192.0.2.100:80 -u 192.0.2.100:53 --idle 5s", "names no service"),
        ("-t 192.0.2.100:81 --idle 5s", "there is no service"),
        ("-t 192.0.2.100:81", "there is no service"),
        ("-t 192.0.2.100:80 --idle soon", "is no time"),
        ("-t 192.0.2.100:80 --idle 32d", "idle timeout of"),
        ("-t 192.0.2.100:80 --idle 0.5", "idle timeout of"),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(pyvs: Pyvs, served: Engine, words: str, said: str) -> None:
    served.control.set_policy(WEB, Policy(33.0), 1.0)
    result = pyvs(f"policy {words}")
    assert result.exit_code == 1
    assert result.stderr.startswith("pyvs policy: ")
    assert said in result.stderr
    assert served.control.get_policy(WEB) == Policy(33.0)
