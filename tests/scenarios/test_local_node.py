"""The director serves too, and clients on the director itself."""

from pyvs.core.flags import Forward
from pyvs.testing.playbook import Playbook, accepted, ack, counts, dropped, end, state, syn

CLIENT, WEB = end("198.51.100.7:40000"), end("192.0.2.100:80")
HERE, ELSEWHERE = end("10.1.0.1:80"), end("127.0.0.1:8080")


def test_direct_routing_to_an_own_address_leaves_the_packet_to_the_host() -> None:
    with Playbook(WEB, servers=[HERE], method=Forward.DROUTE, local=[HERE.address]) as wire:
        wire >> syn(CLIENT) << accepted("LOCAL_NODE") << state(CLIENT, "SYN_RECV") << counts(HERE, 1, 0)
        wire >> ack(CLIENT) << accepted("LOCAL_NODE") << state(CLIENT, "ESTABLISHED")


def test_local_node_is_a_method_of_its_own() -> None:
    with Playbook(WEB, servers=[HERE], method=Forward.LOCALNODE, local=[HERE.address]) as wire:
        wire >> syn(CLIENT) << accepted("LOCAL_NODE") << state(CLIENT, "SYN_RECV")
        assert wire.given[16:20] == WEB.packed


def test_the_host_gets_it_with_all_its_life() -> None:
    with Playbook(WEB, servers=[HERE], method=Forward.DROUTE, local=[HERE.address]) as wire:
        wire >> syn(CLIENT, ttl=1) << accepted("LOCAL_NODE")


def test_nat_to_an_own_address_gives_the_packet_its_port() -> None:
    with Playbook(WEB, servers=[end("10.1.0.1:8080")], local=[HERE.address]) as wire:
        wire >> syn(CLIENT)
        event = wire.next("accept")
        assert not isinstance(event, str)
        assert event.reason == "LOCAL_NODE"
        assert event.data[16:20] == HERE.packed
        assert int.from_bytes(event.data[22:24], "big") == 8080
        assert event.data[8] == 64


def test_nat_to_loopback_is_refused_from_outside() -> None:
    with Playbook(WEB, servers=[ELSEWHERE], local=[ELSEWHERE.address]) as wire:
        wire >> syn(CLIENT) << dropped("NOT_LOOPBACK")


def test_a_tunnel_to_an_own_address_is_no_tunnel() -> None:
    with Playbook(WEB, servers=[HERE], method=Forward.TUNNEL, local=[HERE.address]) as wire:
        wire >> syn(CLIENT) << accepted("LOCAL_NODE")
