import pytest

from pyvs.core.flags import Forward
from pyvs.testing.playbook import (
    Differs,
    Playbook,
    ack,
    after,
    counts,
    dropped,
    end,
    expired,
    nat,
    remove,
    reply,
    state,
    syn,
    syn_ack,
)

CLIENT, REAL = end("198.51.100.7:40000"), end("10.1.0.11:8080")
WEB = end("192.0.2.100:80")


def book() -> Playbook:
    return Playbook(WEB, servers=[REAL])


def test_a_script_that_holds() -> None:
    with book() as script:
        script >> syn(CLIENT) << nat(to=REAL) << state(CLIENT, "SYN_RECV", 60)
        script >> syn_ack(REAL, CLIENT) << reply(to=CLIENT) >> after(59) << counts(REAL, 1, 0)
        script >> after(1) << expired(CLIENT)


def test_the_differing_line_is_shown_in_the_script() -> None:
    script = book()
    with pytest.raises(Differs) as failure:
        script >> syn(CLIENT) << nat(to=end("10.1.0.12:8080"))
    assert str(failure.value).splitlines() == [
        "the script differs here:",
        "    >> TCP S 198.51.100.7:40000 > the service 0 bytes",
        "--> << NAT to 10.1.0.12:8080",
        "        but: sent to 10.1.0.11: TCP 198.51.100.7:40000 > 10.1.0.11:8080 ttl 63, 40 bytes",
    ]


def test_another_port_differs() -> None:
    with pytest.raises(Differs, match="another address or port"):
        book() >> syn(CLIENT) << nat(to=end("10.1.0.11:80"))


def test_what_nobody_expected_is_shown() -> None:
    script = book() >> syn(CLIENT)
    with pytest.raises(Differs, match=r"nobody expected: sent to 10\.1\.0\.11"):
        script >> ack(CLIENT)
    with pytest.raises(Differs, match="nobody expected"), book() as script:
        script >> syn(CLIENT)


def test_nothing_done_is_not_what_was_expected() -> None:
    with pytest.raises(Differs, match="but: nothing was done"):
        book() << nat(to=REAL)


def test_a_verdict_for_another_reason_differs() -> None:
    script = book() >> syn(CLIENT) << nat(to=REAL) >> remove(REAL) >> ack(CLIENT)
    with pytest.raises(Differs, match="SERVER_GONE"):
        script << dropped("NO_ROUTE")


def test_states_and_counts_are_compared() -> None:
    script = book() >> syn(CLIENT) << nat(to=REAL)
    with pytest.raises(Differs, match="SYN_RECV"):
        script << state(CLIENT, "ESTABLISHED")
    with pytest.raises(Differs, match=r"SYN_RECV, 60\.0 s"):
        script << state(CLIENT, "SYN_RECV", 59)
    with pytest.raises(Differs, match=r"\(1, 0, 0\)"):
        script << counts(REAL, 0, 1)
    with pytest.raises(Differs, match="there is one"):
        script << expired(CLIENT)


def test_direct_routing_is_not_taken_for_nat() -> None:
    script = Playbook(WEB, servers=[end("10.1.0.11:80")], method=Forward.DROUTE)
    with pytest.raises(Differs, match="another address or port"):
        script >> syn(CLIENT) << nat(to=end("10.1.0.11:80"))


def test_ends_are_read_and_written() -> None:
    assert str(end("[2001:db8::1]:80")) == "[2001:db8::1]:80"
    assert end("[2001:db8::1]:80").address == "2001:db8::1"
