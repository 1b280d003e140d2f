from ipaddress import ip_address

from pyvs.core.flags import Family
from pyvs.fastpath.layout import DEST
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import Flag

ADDRESS = ip_address("10.0.0.9").packed


def test_fields_are_those_of_the_map() -> None:
    hop = 3, b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", 65536
    server = Server(addr=ADDRESS, port=80, weight=5, source=ADDRESS, hop=hop)
    row = DEST.unpack(DEST.pack(**server.fields()))
    assert row["addr"] == ADDRESS + bytes(12)
    assert (row["port"], row["weight"], row["af"]) == (b"\0\x50", 5, Family.INET)
    assert (row["hop_ifindex"], row["hop_mtu"]) == (3, 65535)
    assert server.flags == Flag.AVAILABLE | Flag.FIXED_HOP


def test_the_way_stays_with_the_address() -> None:
    server = Server(addr=ADDRESS, port=80, available=False)
    assert server.flags == 0
    assert server.same_way({"addr": ADDRESS + bytes(12)})
    assert not server.same_way({"addr": bytes(16)})


def test_overload_ends_with_a_higher_threshold() -> None:
    assert Server(addr=ADDRESS, port=80, u_threshold=5).keeps_overload(5)
    assert not Server(addr=ADDRESS, port=80, u_threshold=6).keeps_overload(5)
    assert not Server(addr=ADDRESS, port=80).keeps_overload(5)
