"""A server is to be taken out gently: weight 0, and nobody new comes."""

from pyvs.testing.playbook import (
    Playbook,
    ack,
    after,
    alive,
    counts,
    dropped,
    end,
    expired,
    knob,
    nat,
    remove,
    syn,
    told,
    weigh,
)

CLIENT, OTHER, THIRD = end("198.51.100.7:40000"), end("198.51.100.7:40001"), end("198.51.100.7:40002")
REAL1, REAL2 = end("10.1.0.11:8080"), end("10.1.0.12:8080")


def book(persistent: int = 0) -> Playbook:
    return Playbook(end("192.0.2.100:80"), servers=[REAL1, REAL2], persistent=persistent)


def test_who_is_there_stays_and_who_comes_goes_elsewhere() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> weigh(REAL2, 0)
        wire >> ack(CLIENT) << nat(to=REAL2) >> syn(OTHER) << nat(to=REAL1) >> syn(THIRD) << nat(to=REAL1)
        wire << counts(REAL2, 1, 0) >> after(900) << expired(CLIENT) << counts(REAL2, 0, 0) >> remove(REAL2)


def test_when_all_are_quiescent_new_clients_are_refused() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> weigh(REAL1, 0) >> weigh(REAL2, 0)
        wire >> syn(OTHER) << told("198.51.100.7", 3, 3) << dropped("NO_DESTINATION")
        wire >> ack(CLIENT) << nat(to=REAL2)


def test_a_weight_again_brings_new_clients_again() -> None:
    with book() as wire:
        (
            wire
            >> weigh(REAL2, 0)
            >> syn(CLIENT)
            << nat(to=REAL1)
            >> weigh(REAL2, 1)
            >> syn(OTHER)
            << nat(to=REAL2)
        )


def test_persistent_clients_keep_coming_to_it() -> None:
    with book(persistent=300) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> weigh(REAL2, 0) >> syn(OTHER) << nat(to=REAL2)


def test_unless_quiescent_templates_are_to_expire() -> None:
    with book(persistent=300) as wire:
        wire >> knob("expire_quiescent_template", 1)
        wire >> syn(CLIENT) << nat(to=REAL2) >> weigh(REAL2, 0)
        wire >> syn(OTHER) << nat(to=REAL1) << alive(CLIENT) >> weigh(REAL2, 1) >> syn(THIRD) << nat(to=REAL1)


def test_expire_nodest_conn_moves_a_client_that_begins_again() -> None:
    with book() as wire:
        wire >> knob("expire_nodest_conn", 1) >> syn(CLIENT) << nat(to=REAL2) >> weigh(REAL2, 0)
        wire >> ack(CLIENT) << nat(to=REAL2) >> syn(CLIENT) << nat(to=REAL1)
