"""The servers' side."""

from __future__ import annotations

import pytest

from pyvs.core.flags import Forward, Hook, Proto
from pyvs.core.hooks.outgoing import outgoing
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.testing.playbook import (
    ACK,
    RST,
    Playbook,
    accepted,
    answer,
    datagram,
    direct,
    dropped,
    end,
    knob,
    nat,
    raw,
    reply,
    segment,
    state,
    syn,
    syn_ack,
    told,
)
from pyvs.testing.wire import ip, sctp

CLIENT, WEB, REAL = end("198.51.100.7:40000"), end("192.0.2.100:80"), end("10.1.0.11:8080")


def book(**knobs: int) -> Playbook:
    return Playbook(WEB, servers=[REAL], knobs=knobs)


def test_replies_are_counted_and_come_from_the_service() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL) >> syn_ack(REAL, CLIENT) << reply(to=CLIENT)
        stats = wire.engine.ns.stats
        assert (stats.inpkts, stats.outpkts, stats.outbytes) == (1, 1, 40)


def test_replies_of_direct_routing_that_come_by_need_no_rewriting() -> None:
    with Playbook(WEB, servers=[end("10.1.0.11:80")], method=Forward.DROUTE) as wire:
        wire >> syn(CLIENT) << direct(to=end("10.1.0.11:80"))
        wire >> segment(WEB, CLIENT, 2 | ACK) << accepted("REPLY_SEEN") << state(CLIENT, "SYN_RECV")


def test_our_own_packets_and_unknown_protocols_pass() -> None:
    ns = book().engine.ns
    packet = Packet(ip(REAL.address, CLIENT.address, Proto.GRE, bytes(8)))
    assert outgoing(ns, packet, parse(packet.data)).reason is Reason.UNKNOWN_PROTOCOL
    packet.owned = True
    assert outgoing(ns, packet, parse(packet.data)).reason is Reason.OWN


@pytest.mark.parametrize("cut", [24, 33])
def test_replies_that_are_cut_are_dropped(cut: int) -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL)
        whole = bytes.fromhex("1f909c40") + bytes(16)
        packet = Packet(ip(REAL.address, CLIENT.address, 6, whole[: cut - 20]))
        verdict = wire.engine.receive(packet, Hook.FORWARD, wire.now)
        assert (verdict.action, verdict.reason) == (Action.DROP, Reason.TRUNCATED)


def test_strangers_of_known_servers_are_told_if_so_asked() -> None:
    with book(nat_icmp_send=1) as wire:
        wire >> answer(REAL, CLIENT) << told(REAL.address, 3, 3) << dropped("UNKNOWN_SERVER_PACKET")
        wire >> answer(REAL, CLIENT, flags=RST) << accepted("NO_CONNECTION")
        wire >> answer(end("10.1.0.11:8081"), CLIENT) << accepted("NO_CONNECTION")
        wire >> answer(end("10.1.0.12:8080"), CLIENT) << accepted("NO_CONNECTION")
        wire >> datagram(REAL, CLIENT) << accepted("NO_CONNECTION")
        wire >> raw(ip(REAL.address, CLIENT.address, 6, b"\x1f\x90\x9c")) << accepted("NO_CONNECTION")
        wire >> knob("nat_icmp_send", 0) >> answer(REAL, CLIENT) << accepted("NO_CONNECTION")


def test_an_abort_is_not_answered() -> None:
    with Playbook(
        end("192.0.2.100:2905"), servers=[REAL], protocol=Proto.SCTP, knobs={"nat_icmp_send": 1}
    ) as wire:
        ends = (REAL.address, CLIENT.address, REAL.port, CLIENT.port, 7)
        wire >> raw(sctp(*ends, (6, 0, b""))) << accepted("NO_CONNECTION")
        (
            wire
            >> raw(sctp(*ends, (1, 0, b"init")))
            << told(REAL.address, 3, 3)
            << dropped("UNKNOWN_SERVER_PACKET")
        )
