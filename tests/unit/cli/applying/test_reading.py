"""A rule file read against what is there: quickly or thoroughly, the same tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.cli.applying import reading
from pyvs.cli.applying.difference import difference, shown
from pyvs.cli.applying.reading import read_tables
from pyvs.cli.applying.tables import Tables, lines_of, tables_of
from pyvs.cli.rules import RulesError, client_of, parse_rules, trial
from pyvs.core.control.specs import Timeouts
from pyvs.core.control.verbs import Control
from pyvs.core.policy.policy import AtExpiry, Policy
from pyvs.netlink.native_rows import rule_rows

SAVED = """\
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1
-a -t 192.0.2.100:80 -r 10.1.0.12:80 -g -w 5
-a -t 192.0.2.100:80 -r 10.1.0.13:80 -i -w 1 --tun-type gue --tun-port 5555 --tun-nocsum
-A -u [2001:db8::100]:53 -s wlc -p 90 -M 64
-a -u [2001:db8::100]:53 -r [2001:db8::1]:53 -m -w 2
-A -f 5 -s sh -b flag-1
-A --sctp-service 192.0.2.100:9 -s rr
"""
SERVICES = ["-t 192.0.2.100:80", "-u [2001:db8::100]:53", "--sctp-service 192.0.2.100:9", "-f 5"]


def has(text: str) -> Control:
    control = trial()
    parse_rules(text).apply(control)
    return control


def tables(control: Control) -> Tables:
    return tables_of(list(row) for rule in control.each_rule() for row in rule_rows(rule))


def lines(control: Control, text: str, file: str = "rules") -> list[str]:
    """The difference, as it is shown."""
    present = tables(control)
    client = client_of(control)
    changes = difference(present, read_tables(text, file, present), client.get_config, client.sysctl_read)
    return [" ".join(shown(change, present)) for change in changes]


def test_what_is_so_already_needs_no_change() -> None:
    assert lines(has(SAVED), SAVED) == []
    named = SAVED.replace(":80 ", ":http ").replace("-A -u", "ipvsadm --add-service -u")
    assert lines(has(SAVED), "# a comment\n\n" + named) == []


def test_what_is_usual_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = "".join(line + "\n" for line in SAVED.splitlines()[:3])
    control = has(usual)
    assert set(lines_of(tables(control))) == set(usual.splitlines())

    def parse(*_: Any) -> None:
        raise AssertionError("a line was parsed")

    monkeypatch.setattr(reading, "parse_line", parse)
    monkeypatch.setattr(reading, "parse_rules", parse)
    assert lines(control, usual) == []


def test_the_difference_is_shown_in_lines_of_a_rule_file() -> None:
    wanted = (
        SAVED.replace("-w 5", "-w 6").replace("-s wlc", "-s wrr").replace("-A -f 5 -s sh -b flag-1\n", "")
    )
    wanted = wanted.replace("-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1\n", "")
    wanted += "-A -t 192.0.2.100:81 -s lc\n-a -t 192.0.2.100:81 -r 10.1.0.11:81 -m -w 1 -x 9 -y 3\n"
    wanted += "--set 700 0 0\nnet.ipv4.vs.conn_reuse_mode = 0\n"
    wanted += "# pyvs: policy -u [2001:db8::100]:53 --idle 90s --udp-leaves\n"
    assert sorted(lines(has(SAVED), wanted)) == sorted([
        "- -D -f 5",
        "- -d -t 192.0.2.100:80 -r 10.1.0.11:8080",
        "~ -a -t 192.0.2.100:80 -r 10.1.0.12:80 -g -w 6",
        "~ -A -u [2001:db8::100]:53 -s wrr -p 90 -M 64",
        "+ # pyvs: policy -u [2001:db8::100]:53 --idle 90 --udp-leaves",
        "+ -A -t 192.0.2.100:81 -s lc",
        "+ -a -t 192.0.2.100:81 -r 10.1.0.11:81 -m -w 1 -x 9 -y 3",
        "~ --set 700 0 0",
        "~ net.ipv4.vs.conn_reuse_mode = 0",
    ])  # fmt: skip


def test_a_file_that_is_a_program_is_read_thoroughly() -> None:
    text = "-C\n" + SAVED + "-E -t 192.0.2.100:80 -s wrr\n-d -t 192.0.2.100:80 -r 10.1.0.12:80\n"
    assert lines(has(SAVED), text) == [
        "~ -A -t 192.0.2.100:80 -s wrr",
        "- -d -t 192.0.2.100:80 -r 10.1.0.12:80",
    ]


def test_thresholds_that_the_file_does_not_name_go() -> None:
    control = has("-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1 -x 5\n")
    text = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1\n"
    assert lines(control, text) == ["~ -a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1"]


def test_a_policy_comes_changes_and_goes_with_its_line() -> None:
    control = has(SAVED)
    line = "# pyvs: policy -t 192.0.2.100:80 --idle 60 --at-expiry rst"
    assert lines(control, SAVED + line + "\n") == [f"+ {line}"]
    (key, *_) = [spec.key for spec, _, _ in control.each_rule()]
    control.set_policy(key, Policy(60.0, AtExpiry.RST), 0.0)
    assert lines(control, SAVED + line + "\n") == []
    changed = line.replace("60", "70")
    assert lines(control, SAVED + changed + "\n") == [f"~ {changed}"]
    assert lines(control, SAVED) == [f"- {line}"]
    assert lines(control, SAVED + "# pyvs: policy -t 192.0.2.100:80\n") == [f"- {line}"]
    assert lines(control, "") == [f"- -D {words}" for words in SERVICES]


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ("-a -t 192.0.2.100:80 -r 10.1.0.11:99999 -m", "rules:9: illegal real server"),
        ("-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1", "rules:9: "),
        ("-A -t 192.0.2.100:80 -s rr", "rules:9: "),
        ("-a -t 192.0.2.9:80 -r 10.1.0.1 -m", "rules:9: "),
        ("-A -t 192.0.2.9:80 -s nosuch", "rules:9: "),
        ("hello", "rules:9: neither a rule nor a setting"),
        ("net.ipv4.vs.nosuch = 1", "nosuch"),
        ("# pyvs: policy -t 192.0.2.9:80 --idle 5", "rules:9: .*no such service"),
        ("# pyvs: policy -t 192.0.2.100:80 --idle", "rules:9: --idle lacks its value"),
        ("# pyvs: policy -t 192.0.2.100:80 --at-expiry bang", "rules:9: --at-expiry bang"),
        ("# pyvs: policy --what 1", "rules:9: --what is unknown"),
        ("# pyvs: policy --idle 5", "rules:9: .*names no service"),
        ("# pyvs: portfw -f", "rules:9: a rule file only adds rules"),
        (
            "--start-daemon master --mcast-interface eth0",
            "rules:9: apply starts and stops no synchronisation",
        ),
    ],
)
def test_mistakes_are_told_by_file_and_line(bad: str, where: str) -> None:
    with pytest.raises(Exception, match=where):
        lines(has(SAVED), SAVED + bad + "\n")


PORTS = st.integers(1, 4)
SERVICE = st.builds(
    lambda port, scheduler, more: (port, f"-A -t 192.0.2.100:{port} -s {scheduler}{more}"),
    PORTS, st.sampled_from(["rr", "wlc", "sh"]), st.sampled_from(["", "", " -p 60", " -p 60 -M 255.255.255.0"]),
)  # fmt: skip
SERVER = st.builds(
    lambda port, last, method, weight, more: (
        (port, last),
        f"-a -t 192.0.2.100:{port} -r 10.1.0.{last}:80 {method} -w {weight}{more}",
    ),
    PORTS, st.integers(1, 3), st.sampled_from(["-m", "-g", "-i"]), st.integers(0, 2),
    st.sampled_from(["", "", " -x 5"]),
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> str:
    services = dict(draw(st.lists(SERVICE, max_size=4)))
    servers = dict(draw(st.lists(SERVER, max_size=8)))
    return "\n".join(
        [*services.values(), *(line for (port, _), line in servers.items() if port in services), ""]
    )


@settings(deadline=None, max_examples=60)
@given(files(), files())
def test_the_difference_leads_from_any_file_to_any_other(first: str, second: str) -> None:
    control = has(first)
    client = client_of(control)
    present = tables(control)
    wanted = read_tables(second, "second", present)
    assert wanted.services == tables(has(second)).services
    changes = difference(present, wanted, client.get_config, client.sysctl_read)
    control.apply(changes, control.generation(), 0.0)
    assert tables(control).services == tables(has(second)).services
    assert difference(tables(control), wanted, Timeouts, str) == []


def test_an_error_of_the_rules_is_one_of_pyvs() -> None:
    with pytest.raises(RulesError):
        read_tables("hello", "x", Tables())
