"""The programs that set a director up: ipvsadm, sysctl, ip, iptables, nsenter and their kin."""

from __future__ import annotations

import re
from typing import Final

from pyvs.core.errors import ControlError, PyvsError
from pyvs.host import iproute
from pyvs.host.filters import FilterError
from pyvs.host.routing import RouteError
from pyvs.play.files import message
from pyvs.play.shell.interpreter import Call

INITIAL: Final = ("--net=/proc/1/ns/net", "-n/proc/1/ns/net")
"""How nsenter is told to go where process 1 is."""
GLOBAL: Final = "net.ipv4.vs.debug_level"
"""The one sysctl that all namespaces share."""


def ipvsadm(call: Call) -> int:
    """Our own ipvsadm, on this director."""
    return call.director.ipvsadm(call.argv, call.stdin, call.stdout, call.stderr)


def ipvsadm_save(call: Call) -> int:
    """`ipvsadm-save [-n]`."""
    return call.shell.call(["ipvsadm", "-S", *call.arguments], call)


def ipvsadm_restore(call: Call) -> int:
    """`ipvsadm-restore`."""
    return call.shell.call(["ipvsadm", "-R", *call.arguments], call)


def ip(call: Call) -> int:
    """`ip` of iproute2."""
    try:
        call.stdout.write(iproute.command(call.director.host, call.arguments))
    except RouteError as error:
        return call.fail(str(error), 2 if str(error).startswith(("RTNETLINK", "Error: Nexthop")) else 1)
    return 0


def iptables(call: Call) -> int:
    """The filters of IPv4."""
    return _iptables(call, 4)


def ip6tables(call: Call) -> int:
    """The filters of IPv6."""
    return _iptables(call, 6)


def _iptables(call: Call, family: int) -> int:
    try:
        call.director.host.filters[family].command(call.arguments)
    except FilterError as error:
        return call.fail(str(error))
    return 0


def sysctl(call: Call) -> int:
    """`sysctl [-n] [-q] [-e] [-w] NAME[=VALUE] ...` and `sysctl -a [-r PATTERN]`."""
    names_only = quiet = everything = ignore = write = False
    pattern = ""
    words: list[str] = []
    left = list(call.arguments)
    while left:
        word = left.pop(0)
        if word.startswith("-") and not word.startswith("--"):
            names_only |= "n" in word
            quiet |= "q" in word
            everything |= "a" in word
            ignore |= "e" in word
            write |= "w" in word
            if "r" in word and left:
                pattern = left.pop(0)
            if set(word[1:]) - set("nqaewr"):
                raise PyvsError(f"sysctl: the option {word!r} is not known here")
        else:
            words.append(word)
    if everything:
        words = [name for name in call.director.sysctl_names() if re.search(pattern, name)]
    status = 0
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip().replace("/", ".")
        if write and not equals:
            call.stderr.write("sysctl: command line(0): invalid syntax, continuing...\n")
            status = 1
            continue
        try:
            if equals:
                call.director.sysctl_write(name, f"{value.strip()}\n")
                text = value.strip()
            else:
                text = call.director.sysctl_read(name)
        except ControlError as error:
            status = 0 if ignore else 1
            complaint = message(error)
            if "No such" in complaint:
                call.stderr.write(f"sysctl: cannot stat /proc/sys/{name.replace('.', '/')}: {complaint}\n")
            else:
                call.stderr.write(f'sysctl: setting key "{name}": {complaint}\n')
            continue
        if not (quiet and equals):
            call.stdout.write(f"{text}\n" if names_only else f"{name} = {text}\n")
    return status


def nsenter(call: Call) -> int:
    """`nsenter --net=/proc/1/ns/net sysctl ...`: only what all namespaces share can be reached from here."""
    words = call.arguments
    global_only = all(word.startswith("-") or word.partition("=")[0] == GLOBAL for word in words[2:])
    if words[:1] and words[0] in INITIAL and words[1:2] == ["sysctl"] and global_only:
        return call.shell.call(words[1:], call)
    raise PyvsError(
        f"nsenter: only 'sysctl {GLOBAL}' of the first namespace is known here, not {' '.join(words)!r}"
    )


def nothing(call: Call) -> int:
    """Programs that change nothing here: modprobe, ethtool."""
    return 0
