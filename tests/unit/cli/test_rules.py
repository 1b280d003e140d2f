from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.cli.rules import RulesError, client_of, load_rules, parse_rules
from pyvs.core.control.specs import ServiceKey, ServiceSpec, Timeouts
from pyvs.core.control.verbs import Control
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.testing.environment import FixedEnvironment

VIP = bytes([192, 0, 2, 100])
GOOD = """\
# two servers

-A -t 192.0.2.100:80 -s wlc   # the busy one
ipvsadm -a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1
-a -t 192.0.2.100:80 -r 10.1.0.12:8080 -m -w 2
-A -f 7 -6 -s rr -p 60
   net.ipv4.vs.conn_reuse_mode=0
net.ipv4.vs.sync_threshold = 2 20
--set 100 0 0
"""


def control() -> Control:
    return Engine(FixedEnvironment()).control


def told(target: Control) -> list[tuple[str, list[str]]]:
    return [
        (str(view.spec.key), [dest.spec.key.addr.hex() for dest in target.get_dests(view.spec.key)])
        for view in target.get_services()
    ]


def test_a_file_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "ipvsadm.rules"
    path.write_text(GOOD)
    rules = load_rules(path)
    target = control()
    rules.apply(target, 5.0)
    assert told(target) == [("TCP 192.0.2.100:80", ["0a01000c", "0a01000b"]), ("FWM 7 IPv6", [])]
    assert target.sysctl_read("conn_reuse_mode") == "0"
    assert target.sysctl_read("sync_threshold").split() == ["2", "20"]
    assert target.get_config().tcp == 100
    assert [str(view.spec.key) for view, _ in rules.services] == ["TCP 192.0.2.100:80", "FWM 7 IPv6"]
    assert [dest.spec.weight for dest in rules.services[0][1]] == [2, 1]


def test_a_client_is_as_good_as_a_control() -> None:
    target = control()
    parse_rules(GOOD).apply(client_of(target))
    assert len(told(target)) == 2


def test_what_ipvsadm_save_writes_is_read_again() -> None:
    text = (
        "-A -u [2001:db8::100]:53 -s mh -b mh-port\n"
        "-a -u [2001:db8::100]:53 -r [2001:db8:1::11]:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n"
        "-A -t 192.0.2.100:0 -s rr -p 300 -M 255.255.255.0\n"
        "-a -t 192.0.2.100:0 -r 10.1.0.11:0 -g -w 1\n"
        "-A --sctp-service 192.0.2.100:9 -s sh\n"
    )
    assert [str(view.spec.key) for view, _ in parse_rules(text).services] == [
        "UDP [2001:db8::100]:53", "TCP 192.0.2.100:0", "SCTP 192.0.2.100:9"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ("hello", "neither a rule nor a setting", "a line as ipvsadm-save writes it"),
        ("-A -t 192.0.2.100 -s rr", "Zero port specified", "ADDRESS:PORT, or a persistent service (-p)"),
        (
            "-a -t 192.0.2.1:80 -r [2001:db8::1]:80 -m",
            "Different address family",
            "a real server of the service's family",
        ),
        ("-a -t 192.0.2.1:80 -r 10.0.0.1 -m -i", "multiple 'forwarding-method'", "each option once"),
        ("-A -t here:80", "illegal virtual server address", "ADDRESS:PORT such as 192.0.2.100:80"),
        ("-A -f 0", "invalid fwmark value `0'", "a number from 1 to 4294967295"),
        ("-A -t 192.0.2.1:80 -b nonsense", "invalid scheduler flag", "sh-fallback, sh-port"),
        ("-A -t 192.0.2.1:80 --colour red", "--colour: unknown option", "options of ipvsadm"),
        ("-A", "You need to supply the 'service-address' option", "all that the command needs"),
        (
            "-a -t 192.0.2.1:80 -r 10.0.0.1 -w much",
            "illegal weight specified",
            "a number from 0 to 2147483647",
        ),
        ("-L -n", "a rule file can't list", "a line as ipvsadm-save writes it"),
        ("-R", "a rule file can't restore", "a line as ipvsadm-save writes it"),
        ("--help", "the first option is no command", "a line as ipvsadm-save writes it"),
        ("-t 192.0.2.1:80 -A", "the first option is no command", "a line as ipvsadm-save writes it"),
        ("ipvsadm", "neither a rule nor a setting", "a line as ipvsadm-save writes it"),
        ("net.ipv4.vs.conntrack", "a setting without a name or value", "net.ipv4.vs.NAME = VALUE"),
        ("net.ipv4.vs. = 1", "a setting without a name or value", "net.ipv4.vs.NAME = VALUE"),
    ],
)
def test_a_mistake_says_file_line_what_is_wrong_and_what_was_expected(
    line: str, wrong: str, expected: str
) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(f"# first\n\n{line}\n", "my.rules")
    first, second = str(caught.value).split("\n")
    assert first.startswith(f"my.rules:3: {wrong}")
    assert f"; expected {expected}" in first
    assert second == f"    {line}"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("-A -t 192.0.2.100:80 -s rr", "service TCP 192.0.2.100:80 exists"),
        ("-A -t 192.0.2.100:81 -s best", "there is no scheduler 'best': take one of"),
        ("-a -t 192.0.2.100:82 -r 10.1.0.11:80", "there is no service TCP 192.0.2.100:82"),
        ("-a -t 192.0.2.100:80 -r 224.0.0.1:80 -m", "neither local nor unicast"),
        ("net.ipv4.vs.colour = red", "colour"),
        ("net.ipv4.vs.conntrack = perhaps", "expected"),
    ],
)
def test_what_the_director_would_refuse_is_found_beforehand(line: str, wrong: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(f"-A -t 192.0.2.100:80 -s rr\n{line}", "my.rules")
    assert str(caught.value).startswith("my.rules:2: ")
    assert wrong in str(caught.value)


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules("-A -t \x1b[31m\0:80\n")
    assert str(caught.value).endswith("\n    -A -t \ufffd[31m\ufffd:80")
    assert "\x1b" not in str(caught.value)


def test_all_mistakes_are_told_at_once_up_to_a_number() -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules("-A -t x\n-A -t 192.0.2.100:80\nwhat\n")
    assert [line.split(" ")[0] for line in str(caught.value).split("\n")[::2]] == ["rules:1:", "rules:3:"]
    with pytest.raises(RulesError) as caught:
        parse_rules("what\n" * 1000)
    assert str(caught.value).count("rules:") == 20


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="can't be read: No such file"):
        load_rules(tmp_path / "missing")
    with pytest.raises(RulesError, match="can't be read: Is a directory"):
        load_rules(tmp_path)


def test_a_refusal_in_the_middle_applies_nothing() -> None:
    target = control()
    other = ServiceKey(Family.INET, Proto.TCP, VIP, 90)
    target.new_service(ServiceSpec(other, "rr"), 0)
    text = (
        "net.ipv4.vs.conntrack = 1\n--set 7 7 7\n-A -t 192.0.2.100:80 -s rr\n"
        "-a -t 192.0.2.100:80 -r 10.1.0.11 -g\n-A -t 192.0.2.100:90 -s rr\n-A -t 192.0.2.100:91 -s rr\n"
    )
    rules = parse_rules(text, "my.rules")
    with pytest.raises(RulesError, match=r"my\.rules:5: service TCP 192\.0\.2\.100:90 exists"):
        rules.apply(target)
    assert told(target) == [("TCP 192.0.2.100:90", [])]
    assert target.sysctl_read("conntrack") == "0"
    assert target.get_config() == Timeouts(900, 120, 300)


words = st.sampled_from(
    ["-A", "-a", "-E", "-d", "-t", "-u", "-f", "-r", "-s", "rr", "wlc", "192.0.2.1:80", "10.0.0.1", "-m", "-w",
     "1", "-p", "7", "-C", "-Z", "--set", "-6", "net.ipv4.vs.conntrack", "=", "--start-daemon", "master", "#"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.lists(words, max_size=8).map(" ".join), max_size=5).map("\n".join) | st.text(max_size=60))
def test_any_text_is_rules_or_a_sentence(text: str) -> None:
    target = control()
    try:
        rules = parse_rules(text)
        rules.apply(target)
    except RulesError:
        assert told(target) == []
    else:
        assert len(told(target)) == len(rules.services)
