"""Lines of a rule file that are comments to ipvsadm."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.cli.marked_lines import (
    MARK,
    Said,
    marked_line,
    masquerade_place,
    read_marked,
    refuse_without_service,
)
from pyvs.cli.rules import RulesError, parse_rules
from pyvs.core.control.native_specs import ChangeMasquerade, SetPolicy
from pyvs.core.control.specs import ServiceKey
from pyvs.core.flags import Family, Proto
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest
from pyvs.core.policy.policy import Policy
from pyvs.netlink.native_rows import masquerade_row

LOCAL, ONE = ip_address("192.0.2.1").packed, ip_address("10.1.0.11").packed
WEB = ServiceKey(Family.INET, Proto.TCP, ip_address("192.0.2.100").packed, 80)
MARK6 = ServiceKey(Family.INET6, Proto.TCP, bytes(16), 0, 5)
LINES: dict[str, Said] = {
    "# pyvs: policy -f 5 -6 --udp-leaves": SetPolicy(MARK6, Policy(udp_leaves=True)),
    "# pyvs: policy -t 192.0.2.100:80 --idle 600": SetPolicy(WEB, Policy(600.0)),
    "# pyvs: masquerade add 10.1.0.0/24": ChangeMasquerade(NetworkRequest(True, bytes((10, 1, 0, 0)), 24)),
    "# pyvs: masquerade add 10.2.0.0/16 --address 192.0.2.1": ChangeMasquerade(
        NetworkRequest(True, bytes((10, 2, 0, 0)), 16, LOCAL)
    ),
    "# pyvs: masquerade agent 10.1.0.11 9999": ChangeMasquerade(AgentRequest(True, ONE, 9999)),
    "# pyvs: portfw -a -P tcp -L 192.0.2.1 80 -R 10.1.0.11 8080 -p 3": ChangeMasquerade(
        ForwardingRequest(Command.ADD, Rule(Proto.TCP, LOCAL, 80, ONE, 8080, 3))
    ),
    "# pyvs: portfw -a -P udp -L 192.0.2.1 53 -R 10.1.0.11 53 -p 10": ChangeMasquerade(
        ForwardingRequest(Command.ADD, Rule(Proto.UDP, LOCAL, 53, ONE, 53, 10))
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_what_it_says(line: str) -> None:
    (read,) = read_marked(f"\n  {line} \n", "rules", WELL_KNOWN)
    assert (read.number, read.text, read.said) == (2, line, LINES[line])
    assert marked_line(read.said) == line
    assert parse_rules(line).lines == []  # a comment to ipvsadm


def test_defaults_are_those_of_the_commands() -> None:
    (read,) = read_marked("# pyvs: portfw -P tcp -a -R 10.1.0.11 http -L 192.0.2.1 http", "rules", WELL_KNOWN)
    assert marked_line(read.said) == "# pyvs: portfw -a -P tcp -L 192.0.2.1 80 -R 10.1.0.11 80 -p 10"


def test_other_comments_are_nobodys() -> None:
    text = "# a policy -t 192.0.2.100:80\n#pyvs: policy x\n-A -t 192.0.2.100:80 # pyvs: hello\n"
    assert read_marked(text, "rules", WELL_KNOWN) == []
    both = "\n# and\n".join(LINES)
    assert [line.said for line in read_marked(both, "rules", WELL_KNOWN)] == list(LINES.values())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("policy --idle 5s", "names no service"),
        ("policy -t 192.0.2.100:99999", "names no service"),
        ("policy -t 192.0.2.100:80 --idle", "--idle lacks its value"),
        ("policy -t 192.0.2.100:80 --idle soon", "'soon' is no time"),
        ("policy -t 192.0.2.100:80 --idle 32d", "idle timeout of 2.7648e+06 s"),
        ("policy -t 192.0.2.100:80 --at-expiry loud", "--at-expiry loud: expected silent or rst"),
        ("policy -t 192.0.2.100:80 --ideal 5s", "--ideal is unknown; expected -t ADDRESS:PORT"),
        ("polcy -t 192.0.2.100:80", "polcy is none of policy, masquerade, portfw"),
        ("masquerade", "nothing that stands; expected masquerade add"),
        ("masquerade delete 10.1.0.0/24", "nothing that stands"),
        ("masquerade list", "nothing that stands"),
        ("masquerade add", "Missing argument"),
        ("masquerade add 10.1.0.1/24", "has host bits set"),
        ("masquerade add 10.1.0.0/24 --help", "No such option"),
        ("masquerade add 10.1.0.0/24 --address x", "is no IPv4 address"),
        ("masquerade add '10.1.0.0/24", "No closing quotation"),
        ("masquerade agent 10.1.0.11 0", "Expected masquerade agent MACHINE PORT"),
        ("portfw -f", "a rule file only adds rules"),
        ("portfw -l", "a rule file only adds rules"),
        ("portfw -d -P tcp -L 192.0.2.1 80", "a rule file only adds rules"),
        ("portfw -P tcp -L 192.0.2.1 80", "one of -a, -e, -d, -f, -l is needed"),
        ("portfw -a -f", "can't be given together"),
        ("portfw -a -P tcp -L 192.0.2.1 80", "-R RADDR RPORT is needed"),
        ("portfw -a -P tcp -L 0.0.0.0 80 -R 10.1.0.11 80", "must name both addresses"),
        ("portfw -a -P tcp -L 192.0.2.1 80 -R 0.0.0.0 80", "must name both addresses"),
        ("portfw -a -P icmp -L 192.0.2.1 80 -R 10.1.0.11 80", "Expected portfw -a"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(line: str, said: str) -> None:
    text = f"-A -t 192.0.2.100:80\n\n  {MARK}{line}\n"
    with pytest.raises(RulesError) as mistake:
        read_marked(text, "web.rules", WELL_KNOWN)
    told, shown = str(mistake.value).split("\n")
    assert told.startswith("web.rules:3: ")
    assert said in told
    assert shown == f"    {MARK}{line}"


def test_two_lines_about_the_same_are_refused() -> None:
    for line in list(LINES)[2:]:
        again = line.replace(" -p 3", " -p 4").replace("9999", "9998").replace(" --address 192.0.2.1", "")
        with pytest.raises(RulesError, match="rules:3: line 1 is about the same"):
            read_marked(f"{line}\n\n{again}\n", "rules", WELL_KNOWN)


def test_a_policy_without_its_service_is_refused_with_its_line() -> None:
    lines = read_marked("\n".join(LINES), "rules", WELL_KNOWN)
    refuse_without_service(lines, {"tcp/192.0.2.100/80", "fwm6/5"}, "rules")
    with pytest.raises(
        RulesError, match=r"^rules:2: it has a policy of service TCP 192.0.2.100:80, but no such"
    ):
        refuse_without_service(lines, {"fwm6/5", "fwm/5"}, "rules")


@given(st.text(max_size=80))
def test_any_text_is_lines_or_refused(text: str) -> None:
    for words in (text, f"masquerade add {text}", f"portfw -a {text}", f"policy {text}"):
        try:
            lines = read_marked(MARK + words, "rules", WELL_KNOWN)
        except RulesError as refusal:
            assert str(refusal).startswith("rules:")  # noqa: PT017
        else:
            assert len(lines) <= 1


def test_what_a_row_is_about() -> None:
    places = [
        masquerade_place(masquerade_row(said.request))
        for said in LINES.values()
        if isinstance(said, ChangeMasquerade)
    ]
    assert places == [
        ("network", "10.1.0.0/24"),
        ("network", "10.2.0.0/16"),
        ("agent", "10.1.0.11"),
        ("portfw", "tcp", "192.0.2.1", "80", "10.1.0.11", "8080"),
        ("portfw", "udp", "192.0.2.1", "53", "10.1.0.11", "53"),
    ]
