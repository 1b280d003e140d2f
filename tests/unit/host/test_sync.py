from random import Random

from tests import pkt

from pyvs.core.command import Multicast
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.flags import SyncState
from pyvs.host import sync
from pyvs.host.host import Host

SIX = bytes.fromhex("ff020000000000000000000000000051")


def datagram(host: Host, sockets: sync.Sockets, spec: DaemonSpec, channel: int = 0) -> str:
    packet = sockets.datagram(host, spec, Multicast(spec.state, channel, b"message"))
    return pkt.describe_ip(packet.data) if packet is not None else ""


def test_defaults_and_what_is_said(host: Host) -> None:
    sockets = sync.Sockets(Random(1))
    plain = datagram(host, sockets, DaemonSpec(SyncState.MASTER, "eth1"))
    assert plain.startswith("UDP 10.1.0.1:")
    assert "> 224.0.0.81:8848 6d657373616765 [ttl 1 " in plain
    assert " DF" not in plain
    spec = DaemonSpec(SyncState.MASTER, "eth1", 5, 1000, bytes([224, 0, 0, 99]), 9999, 3)
    assert "> 224.0.0.99:10001 6d657373616765 [ttl 3 " in datagram(host, sockets, spec, 2)
    six = datagram(host, sockets, DaemonSpec(SyncState.MASTER, "eth1", group=SIX))
    assert six.startswith("UDP [2001:db8:1::1]:")
    assert "> [ff02::51]:8848 6d657373616765 [hlim 1 " in six


def test_a_channel_keeps_its_port(host: Host) -> None:
    sockets, spec = sync.Sockets(Random(1)), DaemonSpec(SyncState.MASTER, "eth1")
    first, again, other = (datagram(host, sockets, spec, channel).split()[1] for channel in (0, 0, 1))
    assert first == again != other


def test_none_without_an_address(host: Host) -> None:
    host.interfaces["eth1"].addresses.clear()
    assert not datagram(host, sync.Sockets(Random(1)), DaemonSpec(SyncState.MASTER, "eth1"))
