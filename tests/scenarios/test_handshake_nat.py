"""A connection by NAT, from its first segment to its end, as the wire shows it."""

import pytest

from pyvs.core.flags import ServiceFlag
from pyvs.testing.playbook import (
    ACK,
    FIN,
    RST,
    Playbook,
    accepted,
    ack,
    after,
    answer,
    counts,
    end,
    expired,
    fin,
    knob,
    nat,
    reply,
    rst,
    segment,
    state,
    syn,
    syn_ack,
)

CLIENT, OTHER = end("198.51.100.7:40000"), end("198.51.100.7:40001")
REAL1, REAL2 = end("10.1.0.11:8080"), end("10.1.0.12:8080")


def book(**given: int) -> Playbook:
    return Playbook(end("192.0.2.100:80"), servers=[REAL1, REAL2], knobs=given)


def test_a_page_is_fetched() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) << state(CLIENT, "SYN_RECV", 60) << counts(REAL2, 1, 0)
        wire >> syn_ack(REAL2, CLIENT) << reply(to=CLIENT) << state(CLIENT, "SYN_RECV", 60)
        wire >> ack(CLIENT) << nat(to=REAL2) << state(CLIENT, "ESTABLISHED", 900)
        wire >> ack(CLIENT, b"GET / HTTP/1.0\r\n\r\n") << nat(to=REAL2)
        wire >> answer(REAL2, CLIENT, b"HTTP/1.0 200 OK\r\n\r\nhello") << reply(to=CLIENT)
        wire >> answer(REAL2, CLIENT, flags=FIN | ACK) << reply(to=CLIENT)
        wire << state(CLIENT, "FIN_WAIT", 120) << counts(REAL2, 0, 1)
        wire >> fin(CLIENT) << nat(to=REAL2) << state(CLIENT, "TIME_WAIT", 120)
        wire >> answer(REAL2, CLIENT) << reply(to=CLIENT) << state(CLIENT, "TIME_WAIT", 120)
        wire >> after(120) << expired(CLIENT) << counts(REAL2, 0, 0)


def test_the_next_client_gets_the_next_server() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> syn(OTHER) << nat(to=REAL1)
        wire >> syn(CLIENT) << nat(to=REAL2) >> syn_ack(REAL1, OTHER) << reply(to=OTHER)


def test_silence_ends_an_established_connection_after_fifteen_minutes() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2)
        wire >> after(899) << state(CLIENT, "ESTABLISHED", 1) >> after(1) << expired(CLIENT)


def test_each_packet_gives_it_its_time_again() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2)
        wire >> after(600) >> ack(CLIENT, b"still here") << nat(to=REAL2) << state(CLIENT, "ESTABLISHED", 900)
        wire >> after(600) >> answer(REAL2, CLIENT) << reply(to=CLIENT) >> after(899)
        wire << state(CLIENT, "ESTABLISHED", 1)


def test_a_client_that_breaks_off_is_forgotten_soon() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2)
        wire >> rst(CLIENT) << nat(to=REAL2) << state(CLIENT, "CLOSE", 10) >> after(10) << expired(CLIENT)


def test_a_server_that_refuses_is_passed_on() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2)
        wire >> answer(REAL2, CLIENT, flags=RST | ACK) << reply(to=CLIENT) << state(CLIENT, "CLOSE", 10)


def test_a_closed_connection_is_begun_anew_with_another_server() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> rst(CLIENT) << nat(to=REAL2)
        wire << state(CLIENT, "SYN_RECV")  # a reset of the client's does not close what was not answered
        wire >> answer(REAL2, CLIENT, flags=RST) << reply(to=CLIENT) << state(CLIENT, "CLOSE")
        wire >> syn(CLIENT) << nat(to=REAL1) << state(CLIENT, "SYN_RECV")


def test_a_closed_connection_stays_with_its_server_when_reuse_is_off() -> None:
    with book(conn_reuse_mode=0) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2) >> rst(CLIENT) << nat(to=REAL2)
        wire >> syn(CLIENT) << nat(to=REAL2) << state(CLIENT, "SYN_RECV")


@pytest.mark.parametrize("flags", [ACK, FIN | ACK, RST, 0])
def test_what_is_no_beginning_is_left_to_the_host(flags: int) -> None:
    with book() as wire:
        wire >> segment(CLIENT, None, flags) << accepted("NOT_AN_OPENER") << expired(CLIENT)


def test_sloppy_tcp_takes_up_what_others_began() -> None:
    with book() as wire:
        (
            wire
            >> knob("sloppy_tcp", 1)
            >> ack(CLIENT, b"middle")
            << nat(to=REAL2)
            << state(CLIENT, "ESTABLISHED")
        )


def test_other_ports_and_strangers_are_left_to_the_host() -> None:
    with book() as wire:
        wire >> segment(CLIENT, end("192.0.2.100:81"), 2) << accepted("NO_SERVICE")
        wire >> segment(REAL1, CLIENT, 2) << accepted("NO_CONNECTION")


def test_a_persistent_client_keeps_its_server() -> None:
    with Playbook(end("192.0.2.100:80"), servers=[REAL1, REAL2], persistent=300) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) << counts(REAL2, 1, 0, 1)
        wire >> syn(OTHER) << nat(to=REAL2) >> syn(end("203.0.113.9:1")) << nat(to=REAL1)
        wire >> after(60) << expired(CLIENT) << counts(REAL2, 0, 0, 1)
        wire >> syn(OTHER) << nat(to=REAL2) >> after(301) << counts(REAL2, 0, 0, 0)
        wire >> syn(end("203.0.113.9:2")) << nat(to=REAL2)


def test_one_packet_scheduling_is_for_udp_only() -> None:
    with Playbook(end("192.0.2.100:80"), servers=[REAL1, REAL2], flags=ServiceFlag.ONEPACKET) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) << state(CLIENT, "SYN_RECV") >> syn(CLIENT) << nat(to=REAL2)
