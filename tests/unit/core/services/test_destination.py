from pyvs.core.flags import ConnFlag, DestFlag, Family, Forward, Proto
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


def server() -> Destination:
    service = Service(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80, 7)
    return Destination(Family.INET, bytes((10, 1, 0, 11)), 8080, service)


def test_remembers_its_service() -> None:
    destination = server()
    assert (destination.vaddr, destination.vport, destination.vfwmark) == (bytes((192, 0, 2, 100)), 80, 7)


def test_marks_as_one_number() -> None:
    destination = server()
    assert destination.flags == 0
    destination.flags = DestFlag.AVAILABLE | DestFlag.OVERLOAD
    assert (destination.available, destination.overloaded) == (True, True)
    destination.flags &= ~DestFlag.OVERLOAD
    assert (destination.available, destination.overloaded) == (True, False)


def test_method_is_the_lowest_three_bits() -> None:
    destination = server()
    destination.conn_flags = int(ConnFlag.NFCT) | int(ConnFlag.INACTIVE) | Forward.DROUTE
    assert destination.forward == Forward.DROUTE
    assert destination.tracked
