"""/proc/net/ip_vs_app, as recorded."""

from pyvs.core.apps.app import App
from pyvs.core.apps.registry import Incarnation
from pyvs.core.control.verbs import Control
from pyvs.core.flags import Proto
from pyvs.core.namespace import Namespace
from pyvs.testing.environment import FixedEnvironment


class Ftp(App):
    name = "ftp"
    protocol = Proto.TCP
    ports = (21,)


def test_recorded() -> None:
    ns = Namespace(FixedEnvironment())
    control = Control(ns)
    ns.apps.incarnations.clear()
    assert control.proc("ip_vs_app") == "prot port    usecnt name\n"
    ns.apps.incarnations[Proto.TCP, 21] = incarnation = Incarnation(Ftp(), 21)
    assert control.proc("ip_vs_app").splitlines()[1:] == ["TCP  21      0      ftp              "]
    incarnation.usecnt = 1
    assert control.proc("ip_vs_app").splitlines()[1:] == ["TCP  21      1      ftp              "]
