import pytest

from pyvs.core.flags import Family, Proto, ServiceFlag
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
