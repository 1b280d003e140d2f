import pytest

from pyvs.core.control.specs import DestKey, ServiceKey
from pyvs.core.flags import Family

VIP6 = bytes.fromhex("20010db8000000000000000000000100")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ServiceKey(Family.INET, 6, bytes((192, 0, 2, 100)), 80), "TCP 192.0.2.100:80"),
        (ServiceKey(Family.INET6, 17, VIP6, 53), "UDP [2001:db8::100]:53"),
        (ServiceKey(Family.INET, 132, bytes((192, 0, 2, 100)), 9000), "SCTP 192.0.2.100:9000"),
        (ServiceKey(Family.INET, 99, bytes((192, 0, 2, 100)), 0), "IP_99 192.0.2.100:0"),
        (ServiceKey(Family.INET, fwmark=5), "FWM 5"),
        (ServiceKey(Family.INET6, fwmark=6), "FWM 6 IPv6"),
        (DestKey(bytes((10, 1, 0, 11)), 8080), "10.1.0.11:8080"),
        (DestKey(VIP6, 80, Family.INET6), "[2001:db8::100]:80"),
    ],
)
def test_name(key: ServiceKey | DestKey, text: str) -> None:
    assert str(key) == text
