import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import Proto
from pyvs.replay.marking import MarkError, MarkRule, mark_of, parse_mark

VIP = bytes([192, 0, 2, 100])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1=192.0.2.100", MarkRule(1, VIP)),
        ("0x10=192.0.2.100:80", MarkRule(16, VIP, 0, 80)),
        ("1=tcp:192.0.2.100:80", MarkRule(1, VIP, Proto.TCP, 80)),
        ("1=udp:192.0.2.100", MarkRule(1, VIP, Proto.UDP)),
        ("2=[::1]:80", MarkRule(2, bytes(15) + b"\1", 0, 80)),
        ("2=tcp:[::1]:80", MarkRule(2, bytes(15) + b"\1", Proto.TCP, 80)),
        ("2=::1", MarkRule(2, bytes(15) + b"\1")),
    ],
)
def test_rules(text: str, rule: MarkRule) -> None:
    assert parse_mark(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0=1.2.3.4",
        "-1=1.2.3.4",
        "x=1.2.3.4",
        "1=here",
        "1=gre:1.2.3.4:5",
        "1=1.2.3.4:x",
        "1=[::1",
        "1=[::1]80",
    ],
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(MarkError, match="expected MARK="):
        parse_mark(text)


def test_a_port_too_large() -> None:
    with pytest.raises(MarkError, match="port 70000 can't be"):
        parse_mark("1=1.2.3.4:70000")


def test_the_first_rule_that_matches_marks() -> None:
    rules = (parse_mark("1=tcp:192.0.2.100:80"), parse_mark("2=192.0.2.100:443"), parse_mark("3=192.0.2.100"))
    assert mark_of(rules, VIP, Proto.TCP, 80) == 1
    assert mark_of(rules, VIP, Proto.UDP, 80) == 3
    assert mark_of(rules, VIP, Proto.UDP, 443) == 2
    assert mark_of(rules, VIP, Proto.ICMP, 443) == 3
    assert mark_of(rules, bytes(4), Proto.TCP, 80) == 0


@given(st.text(max_size=30))
def test_any_text_is_a_rule_or_a_sentence(text: str) -> None:
    try:
        rule = parse_mark(text)
    except MarkError:
        return
    assert rule.mark > 0
