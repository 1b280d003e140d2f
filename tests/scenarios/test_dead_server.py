"""A server dies and the administrator, or a health checker, takes it out."""

from pyvs.core.flags import Proto, ServiceFlag
from pyvs.testing.playbook import (
    ACK,
    Playbook,
    ack,
    add,
    after,
    alive,
    answer,
    counts,
    datagram,
    dropped,
    end,
    expired,
    knob,
    nat,
    remove,
    reply,
    segment,
    state,
    syn,
    told,
)

CLIENT, OTHER = end("198.51.100.7:40000"), end("198.51.100.7:40001")
REAL1, REAL2 = end("10.1.0.11:8080"), end("10.1.0.12:8080")


def book(persistent: int = 0) -> Playbook:
    return Playbook(end("192.0.2.100:80"), servers=[REAL1, REAL2], persistent=persistent)


def test_its_connections_hang_until_they_time_out() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2) >> remove(REAL2)
        (
            wire
            >> ack(CLIENT, b"?")
            << dropped("SERVER_GONE")
            >> after(5)
            >> ack(CLIENT, b"?")
            << dropped("SERVER_GONE")
        )
        wire << alive(CLIENT) >> after(900) << expired(CLIENT)
        wire >> syn(CLIENT) << nat(to=REAL1)


def test_it_comes_back_and_they_go_on() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2)
        wire >> remove(REAL2) >> ack(CLIENT) << dropped("SERVER_GONE") >> after(100) >> add(REAL2)
        wire << counts(REAL2, 1, 0) >> ack(CLIENT, b"still") << nat(to=REAL2)


def test_its_late_answers_still_reach_the_client() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> remove(REAL2) >> answer(REAL2, CLIENT) << reply(to=CLIENT)


def test_expire_nodest_conn_ends_them_at_once() -> None:
    with book() as wire:
        wire >> knob("expire_nodest_conn", 1)
        wire >> syn(CLIENT) << nat(to=REAL2) >> syn(OTHER) << nat(to=REAL1)
        wire >> remove(REAL2) >> after(0.01) << expired(CLIENT) << alive(OTHER)
        wire >> syn(CLIENT) << nat(to=REAL1)


def test_a_packet_that_is_quicker_than_that_is_scheduled_anew() -> None:
    with book() as wire:
        wire >> knob("expire_nodest_conn", 1) >> syn(CLIENT) << nat(to=REAL2)
        wire >> remove(REAL2) >> syn(CLIENT) << nat(to=REAL1) << state(CLIENT, "SYN_RECV")
        wire >> after(0.01) << alive(CLIENT) << counts(REAL1, 1, 0)


def test_a_template_goes_with_its_server() -> None:
    with book(persistent=300) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> remove(REAL2) >> syn(OTHER) << nat(to=REAL1)
        wire >> add(REAL2) >> syn(end("198.51.100.7:40002")) << nat(to=REAL1)


def test_the_last_one_gone_clients_are_refused() -> None:
    with book() as wire:
        wire >> remove(REAL1) >> remove(REAL2)
        wire >> syn(CLIENT) << told("198.51.100.7", 3, 3) << dropped("NO_DESTINATION") << expired(CLIENT)


def test_nobody_is_told_about_what_could_not_begin() -> None:
    with book() as wire:
        wire >> remove(REAL1) >> remove(REAL2) >> after(1)
        wire >> segment(CLIENT, None, 2 | ACK) << told("198.51.100.7", 3, 3) << dropped("NO_DESTINATION")


def test_one_packet_services_notice_at_the_next_packet() -> None:
    given = {"protocol": Proto.UDP, "flags": ServiceFlag.ONEPACKET}
    with Playbook(end("192.0.2.100:53"), servers=[REAL1, REAL2], **given) as wire:  # type: ignore[arg-type]
        wire >> datagram(CLIENT) << nat(to=REAL2) >> datagram(CLIENT) << nat(to=REAL1) << expired(CLIENT)
        wire >> remove(REAL2) >> datagram(CLIENT) << nat(to=REAL1) >> datagram(CLIENT) << nat(to=REAL1)
