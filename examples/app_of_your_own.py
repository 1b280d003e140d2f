"""A helper of your own: mail servers greet with the public name, not with their own.

Run it: `python examples/app_of_your_own.py`. To use it, give it to an engine,

    Engine(environment, apps=[Greeting()])          or later: engine.ns.apps.register(Greeting(), (25, 587))

or let `pyvs run` find it by an entry point in your package's pyproject.toml,

    [project.entry-points."pyvs.apps"]
    greeting = "my_package.mail:Greeting"

The new greeting may be longer or shorter: sequence numbers, lengths and checksums are set right around it.
"""

import re
from ipaddress import ip_address

from pyvs.core.apps.app import App
from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

VIP, SERVER, CLIENT = "192.0.2.100", "10.1.0.11", "198.51.100.7"


class Greeting(App):
    """Puts the public name into `220 NAME ...`."""

    name = "greeting"
    protocol = Proto.TCP
    ports = (25,)
    public = b"mail.example.org"

    def outgoing(self, ns: Namespace, conn: Connection, packet: Packet, header: Header) -> int | None:
        """Called for each packet of a server; the answer is by how many bytes it grew, None drops it."""
        start = header.offset + (packet.data[header.offset + 12] >> 4) * 4
        found = re.match(rb"220[ -]([^ \r\n]+)", packet.data[start : header.end])
        if found is None:
            return 0
        name = slice(start + found.start(1), start + found.end(1))
        packet.data = packet.data[: name.start] + self.public + packet.data[name.stop :]
        return len(self.public) - (name.stop - name.start)


def main() -> None:
    """Open a connection through a director in memory and show what the client reads."""
    engine = Engine(FixedEnvironment([ip_address(VIP).packed]), apps=[Greeting()])
    service = ServiceKey(Family.INET, Proto.TCP, ip_address(VIP).packed, 25)
    engine.control.new_service(ServiceSpec(service, "rr"), now=0.0)
    server = DestKey(ip_address(SERVER).packed, 25)
    engine.control.new_dest(service, DestSpec(server, Forward.MASQ), now=0.0)

    engine.receive(Packet(tcp(CLIENT, VIP, 40000, 25, 0x02, seq=1000)), Hook.LOCAL_IN, now=1.0)
    greeting = b"220 m17.rack4.internal ESMTP\r\n"
    packet = Packet(tcp(SERVER, CLIENT, 25, 40000, 0x18, seq=5001, ack=1001, data=greeting))
    engine.receive(packet, Hook.FORWARD, now=1.1)
    print("server says  ", greeting)
    print("client reads ", packet.data[40:])

    engine.drain()
    seen = 5001 + len(packet.data) - 40
    engine.receive(Packet(tcp(CLIENT, VIP, 40000, 25, 0x10, seq=1001, ack=seen)), Hook.LOCAL_IN, now=1.2)
    (sent,) = engine.drain()
    if isinstance(sent, Transmit):
        print("client acks  ", seen)
        print("server reads ", int.from_bytes(sent.packet.data[28:32], "big"))


if __name__ == "__main__":
    main()
