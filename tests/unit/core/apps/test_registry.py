import pytest

from pyvs.core.apps.app import App
from pyvs.core.apps.ftp import Ftp
from pyvs.core.apps.registry import AppRegistry, ports_of
from pyvs.core.connections.connection import Connection
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import ConnFlag, Family, Forward, Proto
from pyvs.testing.environment import FixedEnvironment


class Tftp(App):
    name = "tftp"
    protocol = Proto.UDP
    ports = (69,)


class Ipsec(App):
    name = "ipsec"
    protocol = Proto.ESP
    ports = (500,)


def registry() -> AppRegistry:
    return Engine(FixedEnvironment()).ns.apps


def conn(protocol: int = Proto.TCP, vport: int = 21, flags: int = Forward.MASQ) -> Connection:
    four = bytes(4)
    return Connection(Family.INET, protocol, four, 1, four, vport, Family.INET, four, vport, int(flags))


def test_what_came_last_is_listed_first() -> None:
    engine = Engine(FixedEnvironment(), apps=[Tftp()])
    engine.ns.apps.register(Ftp(), (21, 2121))
    assert engine.control.proc("ip_vs_app") == (
        "prot port    usecnt name\n"
        "TCP  2121    0      ftp              \n"
        "TCP  21      0      ftp              \n"
        "UDP  69      0      tftp             \n"
    )


def test_binds_nat_connections_at_its_ports_and_counts_them() -> None:
    apps = registry()
    ftp = Ftp()
    apps.register(ftp)
    bound, others = conn(), [conn(Proto.UDP), conn(vport=22), conn(flags=Forward.DROUTE)]
    for one in (bound, *others):
        apps.bind(one)
    assert bound.app is ftp
    assert bound.flags & ConnFlag.NFCT
    assert [one.app for one in others] == [None] * 3
    assert apps.incarnations[Proto.TCP, 21].usecnt == 1
    with pytest.raises(ControlError) as caught:
        apps.unregister(ftp)
    assert caught.value.errno == Errno.EBUSY
    apps.unbind(bound)
    apps.unbind(bound)
    assert bound.app is None
    assert apps.incarnations[Proto.TCP, 21].usecnt == 0
    apps.unregister(ftp)
    assert not apps.incarnations
    with pytest.raises(ControlError) as caught:
        apps.unregister(ftp)
    assert caught.value.errno == Errno.ENOENT


@pytest.mark.parametrize(
    ("app", "ports", "errno"),
    [
        (Ftp(), (2121, 21), Errno.EEXIST),
        (Ftp(), (2121, 2121), Errno.EEXIST),
        (Ftp(), (), Errno.EINVAL),
        (Ftp(), tuple(range(100, 109)), Errno.EINVAL),
        (Ftp(), (0,), Errno.EINVAL),
        (Ftp(), (65536,), Errno.EINVAL),
        (Ipsec(), None, Errno.EOPNOTSUPP),
    ],
)
def test_refuses_and_changes_nothing(app: App, ports: tuple[int, ...] | None, errno: Errno) -> None:
    apps = registry()
    apps.register(Ftp())
    with pytest.raises(ControlError, match=f"helper {app.name}") as caught:
        apps.register(app, ports)
    assert caught.value.errno == errno
    assert list(apps.incarnations) == [(Proto.TCP, 21)]


def test_ports_as_the_module_takes_them() -> None:
    assert ports_of("21") == (21,)
    assert ports_of("21,2121,65535") == (21, 2121, 65535)


@pytest.mark.parametrize(
    "text", ["", "x", "21,", "0", "65536", "-1", "1 2", "²", "9" * 50, "1,2,3,4,5,6,7,8,9"]
)
def test_refuses_other_texts(text: str) -> None:
    with pytest.raises(ControlError, match="ports") as caught:
        ports_of(text)
    assert caught.value.errno == Errno.EINVAL
