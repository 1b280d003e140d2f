"""pyroute2's codec of the family as an independent client: short addresses, attributes in any order."""

from pyroute2.netlink.generic.ipvs import ipvsmsg  # type: ignore[import-untyped,unused-ignore]

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.flags import Family, Forward, Proto
from pyvs.netlink.attributes import Command
from pyvs.netlink.codec import messages, read_error
from pyvs.netlink.server import FAMILY_ID, Server

VIP = bytes([192, 0, 2, 100])
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)


def request(command: Command, flags: int, **nests: list[tuple[str, object]]) -> bytes:
    message = ipvsmsg()
    message["cmd"], message["version"] = command, 1
    message["header"].update({"type": FAMILY_ID, "flags": flags, "sequence_number": 5, "pid": 0})
    message["attrs"] = [(f"IPVS_CMD_ATTR_{name}", {"attrs": attrs}) for name, attrs in nests.items()]
    message.encode()
    return bytes(message.data)


def decoded(data: bytes) -> ipvsmsg:
    message = ipvsmsg(data)
    message.decode()
    return message


def service(*more: tuple[str, object]) -> list[tuple[str, object]]:
    rows = [("PORT", 80), ("AF", 2), *more, ("ADDR", "192.0.2.100"), ("PROTOCOL", 6)]
    return [(f"IPVS_SVC_ATTR_{name}", value) for name, value in rows]


def test_its_requests_are_understood(server: Server) -> None:
    flags = {"flags": 0, "mask": 0xFFFF}
    full = service(("FLAGS", flags), ("SCHED_NAME", "wlc"), ("TIMEOUT", 30), ("NETMASK", "255.255.255.255"))
    (answer,) = server.serve(request(Command.NEW_SERVICE, 0x605, SERVICE=full), portid=9, admin=True, now=0.0)
    (message,) = messages(answer)
    assert read_error(message)[0] == 0
    view = server.control.get_service(WEB)
    assert (view.spec.scheduler, view.spec.timeout) == ("wlc", 30)


def test_our_answers_are_understood(server: Server) -> None:
    server.control.new_service(ServiceSpec(WEB, "rr"), 0.0)
    server.control.new_dest(
        WEB, DestSpec(DestKey(b"\x0a\1\0\x0b", 8080), forward=Forward.MASQ, weight=7), 0.0
    )
    answers = server.serve(request(Command.GET_DEST, 0x301, SERVICE=service()), portid=9, admin=True, now=0.0)
    dest = decoded(answers[0]).get_attr("IPVS_CMD_ATTR_DEST")
    assert dest.get_attr("IPVS_DEST_ATTR_WEIGHT") == 7
    assert dest.get_attr("IPVS_DEST_ATTR_PORT") == 8080
    answers = server.serve(request(Command.GET_SERVICE, 5, SERVICE=service()), portid=9, admin=True, now=0.0)
    found = decoded(answers[0]).get_attr("IPVS_CMD_ATTR_SERVICE")
    assert found.get_attr("IPVS_SVC_ATTR_SCHED_NAME") == "rr"
    assert found.get_attr("IPVS_SVC_ATTR_PORT") == 80
    assert found.get_attr("IPVS_SVC_ATTR_STATS64").get_attr("IPVS_STATS_ATTR_CONNS") == 0
