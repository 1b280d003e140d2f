import pytest

from pyvs.core.flags import ConnFlag, Family, Proto, ServiceFlag
from pyvs.core.services.service import Service


@pytest.mark.parametrize(
    ("flags", "persistent", "one_packet"),
    [
        (0, False, False),
        (ServiceFlag.PERSISTENT, True, False),
        (ServiceFlag.ONEPACKET, False, True),
        (7, True, True),
    ],
)
def test_flags(flags: int, persistent: bool, one_packet: bool) -> None:
    service = Service(Family.INET, Proto.UDP, bytes((192, 0, 2, 100)), 53, 0)
    service.flags = flags
    assert (service.persistent, service.one_packet) == (persistent, one_packet)


@pytest.mark.parametrize("flags", [0, ServiceFlag.ONEPACKET])
@pytest.mark.parametrize("protocol", [Proto.TCP, Proto.UDP, Proto.SCTP])
def test_of_a_one_packet_service_only_udp_is_so(flags: int, protocol: Proto) -> None:
    service = Service(Family.INET, Proto.UDP, bytes((192, 0, 2, 100)), 53, 0)
    service.flags = flags
    wanted = ConnFlag.ONE_PACKET if flags and protocol == Proto.UDP else 0
    assert service.conn_flags(protocol) == wanted
