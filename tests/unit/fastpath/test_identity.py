"""A destination is known by its service and its own place, whichever daemon asks."""

from pyvs.core.flags import Family, Proto
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.fastpath.identity import identity

VIP, SERVER = bytes((192, 0, 2, 1)), bytes((10, 1, 0, 11))


def test_by_address_or_by_mark() -> None:
    web = Service(Family.INET, Proto.TCP, VIP, 80, 0)
    marked = Service(Family.INET, Proto.TCP, bytes(4), 0, 7)
    server = Destination(Family.INET, SERVER, 8080, web)
    assert identity(web, server) == (2, 0, Proto.TCP, VIP, 80, 2, SERVER, 8080)
    assert identity(marked, server) == (2, 7, 0, b"", 0, 2, SERVER, 8080)
    assert identity(web, Destination(Family.INET, SERVER, 8080, web)) == identity(web, server)
    assert identity(web, Destination(Family.INET, SERVER, 8081, web)) != identity(web, server)
