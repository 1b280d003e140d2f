"""The files of a scenario: its own in memory, and /proc as the director has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.errors import ControlError, Errno, PyvsError

if TYPE_CHECKING:
    from pyvs.play.director import Director

SYSCTL: Final = "/proc/sys/"
NET: Final = ("/proc/net/", "/proc/self/net/")


class FileFault(PyvsError):
    """A file that can't be read or written."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class Files:
    """Files by path."""

    def __init__(self, director: Director) -> None:
        self._director = director
        self._own: dict[str, str] = {"/dev/null": ""}

    def exists(self, path: str) -> bool:
        """Whether it can be read."""
        try:
            self.read(path)
        except FileFault:
            return False
        return True

    def read(self, path: str) -> str:
        """The text of a file. Raises FileFault."""
        try:
            if path.startswith(SYSCTL):
                return self._director.sysctl_read(path.removeprefix(SYSCTL).replace("/", ".")) + "\n"
            for folder in NET:
                if path.startswith(folder):
                    return self._director.proc(path.removeprefix(folder))
        except ControlError as error:
            raise FileFault(path, message(error)) from None
        if path in self._own:
            return self._own[path]
        raise FileFault(path, "No such file or directory")

    def write(self, path: str, text: str) -> None:
        """Replace a file. Raises FileFault."""
        if path.startswith(SYSCTL):
            try:
                self._director.sysctl_write(path.removeprefix(SYSCTL).replace("/", "."), text)
            except ControlError as error:
                raise FileFault(path, message(error)) from None
        elif path.startswith("/proc/"):
            raise FileFault(path, "Permission denied")
        elif path != "/dev/null":
            self._own[path] = text

    def remove(self, path: str) -> None:
        """Delete a file. Raises FileFault."""
        if path not in self._own:
            raise FileFault(path, "No such file or directory")
        del self._own[path]


MESSAGES: Final = {
    Errno.ENOENT: "No such file or directory",
    Errno.EINVAL: "Invalid argument",
    Errno.EPERM: "Operation not permitted",
    Errno.ERANGE: "Numerical result out of range",
}


def message(error: ControlError) -> str:
    """What the C library says for an error number."""
    return MESSAGES.get(error.errno, f"Unknown error {int(error.errno)}")
