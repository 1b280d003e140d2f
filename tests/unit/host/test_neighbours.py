from tests import pkt

from pyvs.host.host import Host
from pyvs.host.neighbours import arp


def frames(host: Host) -> list[str]:
    return [f"{name} {pkt.describe(frame)}" for name, frame in host.drain()]


def send(host: Host, packet: bytes) -> None:
    host.receive(pkt.eth("02:00:00:00:00:01", "02:00:00:00:00:fe", packet), "eth0", 1.0)


def test_asked_for_while_packets_wait(host: Host) -> None:
    for port in (1, 2):
        send(host, pkt.udp("198.51.100.7", "10.1.0.77", port, 9))
    assert frames(host) == ["eth1 02:00:00:00:01:01>ff:ff:ff:ff:ff:ff ARP op 1 10.1.0.1 -> 10.1.0.77"]
    answer = arp(2, b"\2" * 6, bytes([10, 1, 0, 77]), bytes(6), bytes([10, 1, 0, 1]))
    host.receive(bytes.fromhex("020000000101") + b"\2" * 6 + b"\x08\x06" + answer, "eth1", 1.5)
    assert [line.split()[3] for line in frames(host)] == ["198.51.100.7:1", "198.51.100.7:2"]
    assert host.next_timeout() is None


def test_given_up_after_three_questions(host: Host) -> None:
    send(host, pkt.udp("198.51.100.7", "10.1.0.77", 1, 9))
    asked = len(frames(host))
    for now in (2.0, 3.0, 4.0):
        assert host.next_timeout() == now
        host.handle_timeouts(now)
    *questions, error = frames(host)
    assert asked + len(questions) == 3
    assert "ICMP 192.0.2.1 > 198.51.100.7 type 3 code 1" in error
    assert host.next_timeout() is None


def test_solicited_only_from_an_own_address(host: Host) -> None:
    send(host, pkt.udp("2001:db8:c::7", "2001:db8:1::77", 1, 9))
    assert not frames(host), "there is no link-local address to ask from"
    send(host, pkt.icmp("2001:db8::77", "2001:db8::100", 128, 0, 1, b"echo"))
    (question,) = frames(host)
    assert "ICMP6 2001:db8::100 > ff02::1:ff00:77 type 135 code 0 rest 0x0 [hlim 255" in question


def test_answers_for_its_addresses(host: Host) -> None:
    for target, answers in (("192.0.2.100", 1), ("192.0.2.99", 0)):
        number = bytes(map(int, target.split(".")))
        request = arp(1, b"\2" * 6, bytes([192, 0, 2, 50]), bytes(6), number)
        host.receive(b"\xff" * 6 + b"\2" * 6 + b"\x08\x06" + request, "eth0", 1.0)
        found = frames(host)
        assert len(found) == answers
        assert all("ARP op 2 192.0.2.100 -> 192.0.2.50" in line for line in found)
    host.receive(b"\xff" * 6 + b"\2" * 6 + b"\x08\x06" + b"short", "eth0", 1.0)
