import pytest

from pyvs.core.flags import PacketType
from pyvs.host.ethernet import BadMac, frame, mac, multicast_mac, packet_type


def test_mac() -> None:
    assert mac("02:00:00:00:0a:ff") == bytes.fromhex("020000000aff")
    for bad in ("", "02:00", "02:00:00:00:00:00:00", "02:00:00:00:00:zz", "02:00:00:00:00:100"):
        with pytest.raises(BadMac, match="no hardware address"):
            mac(bad)


def test_type_follows_the_version() -> None:
    assert frame(b"a" * 6, b"b" * 6, b"\x45rest") == b"aaaaaabbbbbb\x08\x00\x45rest"
    assert frame(b"a" * 6, b"b" * 6, b"\x60rest") == b"aaaaaabbbbbb\x86\xdd\x60rest"


def test_for_whom() -> None:
    own = mac("02:00:00:00:00:01")
    assert packet_type(own, own) is PacketType.HOST
    assert packet_type(b"\xff" * 6, own) is PacketType.BROADCAST
    assert packet_type(mac("01:00:5e:00:00:51"), own) is PacketType.MULTICAST
    assert packet_type(mac("02:00:00:00:00:02"), own) is PacketType.OTHERHOST


def test_groups() -> None:
    assert multicast_mac(bytes([224, 128, 0, 81])) == mac("01:00:5e:00:00:51")
    assert multicast_mac(bytes.fromhex("ff020000000000000000000000000051")) == mac("33:33:00:00:00:51")
