from pyvs.core.apps import APPS
from pyvs.core.apps.app import App
from pyvs.core.connections.connection import Connection
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import udp


class Silent(App):
    name = "silent"
    protocol = Proto.UDP
    ports = (69,)


def test_the_name_is_that_of_the_register() -> None:
    assert {name: app.name for name, app in APPS.items()} == {name: name for name in APPS}


def test_one_of_your_own_lets_all_pass_unless_it_says_otherwise() -> None:
    ns = Engine(FixedEnvironment()).ns
    four = bytes(4)
    conn = Connection(Family.INET, Proto.UDP, four, 1, four, 69, Family.INET, four, 69, 0)
    data = udp("198.51.100.7", "192.0.2.100", 1, 69)
    app = Silent()
    app.bound(ns, conn)
    assert app.incoming(ns, conn, Packet(data), parse(data)) == 0
    assert app.outgoing(ns, conn, Packet(data), parse(data)) == 0
    app.unbound(ns, conn)
