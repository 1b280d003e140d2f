"""The client's side, as lines of a script; whole conversations are in tests/scenarios."""

from __future__ import annotations

import pytest

from pyvs.core.flags import ConnFlag, Hook, PacketType, Proto, ServiceFlag
from pyvs.core.hooks.incoming import incoming, uses_old_tracking
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.tracking import Tracking
from pyvs.core.verdict import Verdict
from pyvs.testing.playbook import (
    Playbook,
    ack,
    counts,
    datagram,
    dropped,
    end,
    knob,
    nat,
    remove,
    rst,
    state,
    syn,
)
from pyvs.testing.wire import ip, tcp

CLIENT, WEB, REAL1, REAL2 = (
    end(f"{a}:{p}")
    for a, p in (("198.51.100.7", 40000), ("192.0.2.100", 80), ("10.1.0.11", 80), ("10.1.0.12", 80))
)


class Confirmed(Tracking):
    """Connection tracking that knows every packet."""

    def uses_old(self, packet: Packet) -> bool:
        return True


def book(**knobs: int) -> Playbook:
    return Playbook(WEB, servers=[REAL1, REAL2], knobs=knobs)


def offered(wire: Playbook, packet: Packet, hook: Hook = Hook.LOCAL_IN) -> Verdict:
    ns = wire.engine.ns
    ns.hook = hook
    ns.header = parse(packet.data)
    return incoming(ns, packet, ns.header)


def request(**known: object) -> Packet:
    return Packet(tcp(CLIENT.address, WEB.address, CLIENT.port, WEB.port, 2), iif="eth0", **known)  # type: ignore[arg-type]


def test_our_own_packets_pass() -> None:
    packet = request()
    packet.owned = True
    assert offered(book(), packet).reason is Reason.OWN


@pytest.mark.parametrize("kind", [PacketType.BROADCAST, PacketType.MULTICAST, PacketType.OTHERHOST])
def test_frames_for_others_pass_but_those_made_here_have_no_frame(kind: PacketType) -> None:
    assert offered(book(), request(type=kind)).reason is Reason.NOT_FOR_HOST
    assert offered(book(), request(type=PacketType.OUTGOING), Hook.LOCAL_OUT).reason is Reason.FORWARDED


def test_other_protocols_pass_and_tunnels_are_not_looked_at_twice_if_so_asked() -> None:
    wire = book()
    packet = Packet(ip(CLIENT.address, WEB.address, Proto.GRE, bytes(8)))
    assert offered(wire, packet).reason is Reason.UNKNOWN_PROTOCOL
    assert not packet.owned
    wire.engine.control.sysctl_write("ignore_tunneled", "1", 0.0)
    offered(wire, packet)
    assert packet.owned


def test_a_backup_that_only_backs_up_leaves_all_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = book(backup_only=1)
    assert offered(wire, request()).reason is Reason.FORWARDED
    monkeypatch.setattr(type(wire.engine.ns.sync), "is_backup", True)
    assert offered(wire, request()).reason is Reason.BACKUP_ONLY


def test_packets_are_counted_for_the_connection_the_server_the_service_and_all() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT, b"12345") << nat(to=REAL2)
        conn, dest, ns = wire.connection(CLIENT), wire.destination(REAL2), wire.engine.ns
        assert conn is not None
        assert dest is not None
        assert conn.in_pkts == 2
        for stats in (dest.stats, next(iter(ns.services)).stats, ns.stats):
            assert (stats.conns, stats.inpkts, stats.inbytes, stats.outpkts) == (1, 2, 85, 0)


def test_nothing_is_counted_for_a_server_that_is_gone() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> remove(REAL2) >> ack(CLIENT) << dropped("SERVER_GONE")
        assert wire.engine.ns.stats.inpkts == 1


def test_one_packet_connections_count_for_their_template() -> None:
    flags = ServiceFlag.ONEPACKET
    with Playbook(
        end("192.0.2.100:53"), servers=[REAL1], protocol=Proto.UDP, flags=flags, persistent=60
    ) as wire:
        (
            wire
            >> datagram(CLIENT)
            << nat(to=REAL1)
            >> datagram(CLIENT)
            << nat(to=REAL1)
            << counts(REAL1, 0, 0, 1)
        )
        (template,) = wire.engine.ns.connections
        assert template.in_pkts == 2


def test_while_conntrack_knows_the_old_one_the_client_is_to_repeat() -> None:
    with book(conntrack=1) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2) >> rst(CLIENT) << nat(to=REAL2)
        wire.engine.ns.tracking = Confirmed()
        wire >> syn(CLIENT) << dropped("OLD_CONNTRACK")
        wire.engine.ns.tracking = Tracking()
        wire >> syn(CLIENT) << nat(to=REAL1) << state(CLIENT, "SYN_RECV")


def test_so_it_is_when_its_server_is_gone() -> None:
    with book(conntrack=1, expire_nodest_conn=1) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> remove(REAL2)
        wire.engine.ns.tracking = Confirmed()
        wire >> ack(CLIENT) << dropped("OLD_CONNTRACK")


def test_a_connection_that_controls_others_is_not_ended_for_a_new_one() -> None:
    with book() as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) >> ack(CLIENT) << nat(to=REAL2) >> rst(CLIENT) << nat(to=REAL2)
        old = wire.connection(CLIENT)
        assert old is not None
        old.n_control, expires = 1, old.expires
        wire >> knob("conn_reuse_mode", 1) >> syn(CLIENT) << nat(to=REAL1)
        assert old.expires == expires
        old.n_control = 0


def test_only_tracked_connections_are_asked_about() -> None:
    wire = book() >> syn(CLIENT) << nat(to=REAL2)
    conn, ns = wire.connection(CLIENT), wire.engine.ns
    assert conn is not None
    ns.tracking = Confirmed()
    assert not uses_old_tracking(ns, conn, request())
    conn.flags |= ConnFlag.NFCT
    assert uses_old_tracking(ns, conn, request())
    ns.tracking = Tracking()
    assert not uses_old_tracking(ns, conn, request())
