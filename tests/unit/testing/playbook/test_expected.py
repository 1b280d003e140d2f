"""Expectations that must not hold do not."""

from collections.abc import Callable

import pytest

from pyvs.core.flags import Forward
from pyvs.testing.playbook import book, coming, expected

CLIENT, OTHER, REAL = (book.end(f"{a}:80") for a in ("198.51.100.7", "198.51.100.8", "10.1.0.11"))


def played(method: Forward = Forward.MASQ) -> book.Playbook:
    script = book.Playbook(book.end("192.0.2.100:80"), servers=[REAL], method=method, local=["10.1.0.1"])
    return script >> coming.syn(CLIENT)


@pytest.mark.parametrize(
    ("method", "right"),
    [(Forward.MASQ, expected.nat), (Forward.DROUTE, expected.direct), (Forward.TUNNEL, expected.tunnelled)],
    ids=["nat", "direct", "tunnel"],
)
def test_each_method_holds_for_itself_alone(method: Forward, right: Callable[[book.End], book.Line]) -> None:
    played(method) << right(REAL)
    for wrong in {expected.nat, expected.direct, expected.tunnelled} - {right}:
        with pytest.raises(book.Differs):
            played(method) << wrong(REAL)
    with pytest.raises(book.Differs):
        played(method) << right(OTHER)


def test_a_packet_with_a_wrong_checksum_is_none() -> None:
    script = played()
    event = script.seen[0]
    script.seen[0] = book.Event("sent", event.data[:-1] + b"\x55", "", event.destination, event.packet)
    with pytest.raises(book.Differs, match="wrong checksum"):
        script << expected.nat(to=REAL)


def test_replies_are_checked_for_both_ends() -> None:
    script = played() << expected.nat(to=REAL) >> coming.syn_ack(REAL, CLIENT)
    with pytest.raises(book.Differs):
        script << expected.reply(to=OTHER)


def test_errors_are_checked_for_all_they_say() -> None:
    script = played() << expected.nat(to=REAL) >> coming.remove(REAL) >> coming.syn(OTHER)
    event = script.seen[0]
    for wrong in (
        expected.told(CLIENT.address, 3, 3),
        expected.told(OTHER.address, 3, 1),
        expected.told(OTHER.address, 3, 3, mtu=5),
    ):
        script.seen = [event]
        with pytest.raises(book.Differs):
            script << wrong
    script.seen = [event]
    script << expected.told(OTHER.address, 3, 3)


def test_whom_an_error_is_about_counts() -> None:
    for wrong in (expected.error_sent(to=OTHER), expected.error_reply(to=CLIENT)):
        script = played() << expected.nat(to=REAL)
        script >> coming.error("203.0.113.1", "192.0.2.100", 3, 3, (script.service, CLIENT))
        with pytest.raises(book.Differs):
            script << wrong


def test_nobody_is_alive_who_never_came() -> None:
    with pytest.raises(book.Differs, match="there is none"):
        played() << expected.nat(to=REAL) << expected.alive(OTHER)
    with pytest.raises(book.Differs, match="no connection"):
        played() << expected.nat(to=REAL) << expected.state(OTHER, "NONE")


def test_verdicts_are_told_apart() -> None:
    with pytest.raises(book.Differs, match="sent"):
        played() << expected.accepted("NO_SERVICE")
    with pytest.raises(book.Differs, match="sent"):
        played() << expected.kept()
