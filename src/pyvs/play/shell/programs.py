"""The register of programs: this table alone says what a scenario may call."""

from typing import Final

from pyvs.play.shell import control, network, python, text
from pyvs.play.shell.interpreter import Program

PROGRAMS: Final[dict[str, Program]] = {
    "ipvsadm": network.ipvsadm,
    "pyvsadm": network.ipvsadm,
    "ipvsadm-save": network.ipvsadm_save,
    "ipvsadm-restore": network.ipvsadm_restore,
    "ip": network.ip,
    "iptables": network.iptables,
    "iptables-legacy": network.iptables,
    "ip6tables": network.ip6tables,
    "ip6tables-legacy": network.ip6tables,
    "sysctl": network.sysctl,
    "nsenter": network.nsenter,
    "modprobe": network.nothing,
    "ethtool": network.nothing,
    "python3": python.python,
    "cat": text.cat,
    "echo": text.echo,
    "printf": text.printf,
    "grep": text.grep,
    "head": text.head,
    "tail": text.tail,
    "sort": text.sort,
    "uniq": text.uniq,
    "wc": text.wc,
    "cut": text.cut,
    "tr": text.tr,
    "seq": text.seq,
    "diff": text.diff,
    "tee": text.tee,
    "rm": text.rm,
    "true": control.true,
    ":": control.true,
    "false": control.false,
    "sleep": control.sleep,
    "test": control.test,
    "[": control.test,
    "read": control.read,
    "export": control.export,
    "local": control.export,
    "cd": control.cd,
    "set": control.set_,
    "mkdir": control.true,
    "sync": control.true,
}
"""Name -> function."""
