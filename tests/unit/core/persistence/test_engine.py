import pytest

from pyvs.core.packet.header import Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.persistence import ENGINES
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.testing.wire import udp


@pytest.mark.parametrize("name", ENGINES)
def test_the_name_is_that_of_the_register(name: str) -> None:
    assert ENGINES[name].name == name


def test_one_of_your_own_says_what_it_finds() -> None:
    class FirstByte(PersistenceEngine):
        name = "first"

        def identify(self, packet: Packet, header: Header) -> bytes | None:
            return packet.data[header.offset + 8 : header.offset + 9] or None

    data = udp("198.51.100.7", "192.0.2.100", 1, 2, b"xyz")
    assert FirstByte().identify(Packet(data), parse(data)) == b"x"
    assert FirstByte().show(b"x") == b"x"
    assert not FirstByte.servers_begin


def test_an_unfinished_one_says_so() -> None:
    data = udp("198.51.100.7", "192.0.2.100", 1, 2)
    with pytest.raises(NotImplementedError):
        PersistenceEngine().identify(Packet(data), parse(data))
