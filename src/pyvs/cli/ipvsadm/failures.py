"""What is said when a verb refuses: by the verb and its errno."""

import os
from typing import Final

from pyvs.cli.ipvsadm.grammar import Command
from pyvs.core.errors import Errno

_C, _E = Command, Errno

# fmt: off
_OF_COMMANDS: Final = {
    (_C.ADD,           _E.EEXIST): "Service already exists",
    (_C.ADD,           _E.ENOENT): "Scheduler or persistence engine not found",
    (_C.EDIT,          _E.ESRCH):  "No such service",
    (_C.EDIT,          _E.ENOENT): "Scheduler or persistence engine not found",
    (_C.DELETE,        _E.ESRCH):  "No such service",
    (_C.ZERO,          _E.ESRCH):  "No such service",
    (_C.ADD_SERVER,    _E.ESRCH):  "Service not defined",
    (_C.ADD_SERVER,    _E.EEXIST): "Destination already exists",
    (_C.EDIT_SERVER,   _E.ESRCH):  "Service not defined",
    (_C.EDIT_SERVER,   _E.ENOENT): "No such destination",
    (_C.DELETE_SERVER, _E.ESRCH):  "Service not defined",
    (_C.DELETE_SERVER, _E.ENOENT): "No such destination",
    (_C.START_DAEMON,  _E.EEXIST): "Daemon has already run",
    (_C.STOP_DAEMON,   _E.ESRCH):  "No daemon is running",
    (_C.LIST,          _E.ESRCH):  "No such service",
}
_OF_ALL: Final = {
    _E.EPERM:        "Permission denied (you must be root)",
    _E.EINVAL:       "Invalid operation.  Possibly wrong module version, address not unicast, ...",
    _E.ENOPROTOOPT:  "Protocol not available",
    _E.ENOMEM:       "Memory allocation problem",
    _E.EOPNOTSUPP:   "Operation not supported with IPv6",
    _E.EAFNOSUPPORT: "Operation not supported with specified address family",
    _E.EMSGSIZE:     "Module is wrong version",
}
# fmt: on


def failure(command: Command, errno: Errno) -> str:
    """The sentence for a refusal."""
    return _OF_ALL.get(errno) or _OF_COMMANDS.get((command, errno)) or os.strerror(errno)
