from pyvs.core.flags import Family, Proto
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.services.trash import Trash

ADDRESS = bytes((10, 1, 0, 11))


def service(port: int = 80, fwmark: int = 0) -> Service:
    vaddr = bytes(4) if fwmark else bytes((192, 0, 2, 100))
    return Service(Family.INET, Proto.TCP, vaddr, 0 if fwmark else port, fwmark)


def thrown(trash: Trash, of: Service, now: float = 0.0) -> Destination:
    destination = Destination(Family.INET, ADDRESS, 8080, of)
    trash.put(destination, of, now)
    return destination


def test_taken_out_by_the_same_place_of_the_same_service() -> None:
    trash = Trash()
    web = service()
    destination = thrown(trash, web)
    assert trash.take(web, Family.INET, ADDRESS, 8081) is None
    assert trash.take(web, Family.INET, bytes(4), 8080) is None
    assert trash.take(service(81), Family.INET, ADDRESS, 8080) is None
    assert trash.take(service(fwmark=7), Family.INET, ADDRESS, 8080) is None
    assert trash.take(service(), Family.INET, ADDRESS, 8080) == (destination, web)
    assert trash.take(web, Family.INET, ADDRESS, 8080) is None


def test_services_by_mark() -> None:
    trash = Trash()
    destination = thrown(trash, service(fwmark=7))
    assert trash.take(service(fwmark=8), Family.INET, ADDRESS, 8080) is None
    found = trash.take(service(fwmark=7), Family.INET, ADDRESS, 8080)
    assert found is not None
    assert found[0] is destination


def test_forgotten_after_two_idle_minutes() -> None:
    trash = Trash()
    assert trash.next_time is None
    destination = thrown(trash, service(), 10.0)
    destination.refcnt = 1
    seen: list[tuple[float, int]] = []
    while trash.next_time is not None:
        now = trash.next_time
        if now > 200:
            destination.refcnt = 0
        list(trash.sweep(now))
        seen.append((now, len(trash)))
    # Once a minute; idle since 250 s, so gone at 370 s.
    assert seen == [(70, 1), (130, 1), (190, 1), (250, 1), (310, 1), (370, 0)]


def test_iterates_over_what_lies_in_it() -> None:
    trash = Trash()
    web = service()
    destination = thrown(trash, web)
    assert list(trash) == [(destination, web)]
    assert len(trash) == 1
