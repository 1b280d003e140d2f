"""The programs at the devices: tcx links where the kernel has them (6.6), else tc's clsact, or XDP links.

A pinned link holds its program when the daemon is gone; a new daemon changes the program of the same link, so that no
packet meets a device without one. A filter of clsact stays by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final, Literal

from pyvs.fastpath import pins
from pyvs.fastpath.libbpf import TcHook, TcOptions, call

_XDP: Final = 37
_TCX_INGRESS: Final = 46
_TCX_EGRESS: Final = 47
_INGRESS: Final = 1
_REPLACE: Final = 1
_INFO_SIZE: Final = 64
_INFO_IFINDEX: Final = 16
"""Where `struct bpf_link_info` has the device of tcx and XDP links."""
HANDLE: Final = 0x8848
PRIORITY: Final = 8848
"""Of our filter at a clsact: others come before or after it."""

Kind = Literal["tcx", "clsact", "xdp"]


class Links:
    """The programs of one fast path at the devices of its network namespace."""

    def __init__(self, mode: str, program: int, folder: Path) -> None:
        """mode: tc or xdp; program: its descriptor; folder: where links are pinned."""
        self._mode = mode
        self._program = program
        self._folder = folder
        self.attached: dict[int, Kind] = {}
        """How, by number of the device."""

    def attach(self, ifindex: int) -> Kind:
        """Let a device's packets through the program, or change the program there. Raises OSError.

        One that a director before has put there otherwise is taken off, for programs of tc and XDP read the maps
        differently.
        """
        kind: Kind
        if self._mode == "xdp":
            own = self._link(ifindex, _XDP)
            kind = "xdp"
        else:
            try:
                own = self._link(ifindex, _TCX_INGRESS)
                kind = "tcx"
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
                    raise
                own = self._filter(ifindex)
                kind = "clsact"
        self.attached[ifindex] = kind
        for pin in self._folder.glob(f"{ifindex}-*"):
            if pin != own:
                _take_off(pin)
        return kind

    def _link(self, ifindex: int, attach_type: int) -> Path:
        pin = self._folder / f"{ifindex}-{attach_type}"
        if pin.exists():
            link = call("bpf_obj_get", os.fsencode(pin))
            try:
                call("bpf_link_update", link, self._program, None)
                return pin
            except OSError:  # its device is gone, and another has got the number
                pin.unlink()
            finally:
                os.close(link)
        link = call("bpf_link_create", self._program, ifindex, attach_type, None)
        try:
            call("bpf_obj_pin", link, os.fsencode(pin))
        finally:
            os.close(link)
        return pin

    def _filter(self, ifindex: int) -> Path:
        pin = self._folder / f"{ifindex}-clsact"
        pin.mkdir(exist_ok=True)  # for `pyvs detach`, which must find it whenever we are killed
        hook = _hook(ifindex)
        with contextlib.suppress(FileExistsError):
            call("bpf_tc_hook_create", ctypes.byref(hook))
        options = TcOptions(
            sz=ctypes.sizeof(TcOptions),
            prog_fd=self._program,
            flags=_REPLACE,
            handle=HANDLE,
            priority=PRIORITY,
        )
        try:
            call("bpf_tc_attach", ctypes.byref(hook), ctypes.byref(options))
        except OSError:
            pin.rmdir()
            raise
        return pin

    def forget(self, ifindex: int) -> None:
        """A device is gone, and its links are of no more use."""
        self.attached.pop(ifindex, None)
        for pin in self._folder.glob(f"{ifindex}-*"):
            with contextlib.suppress(OSError):
                if pin.is_dir():
                    pin.rmdir()
                else:
                    pin.unlink()

    def detach(self) -> None:
        """Take the programs off all devices. Raises OSError."""
        detach(self._folder)
        self.attached.clear()


def detach(folder: Path) -> int:
    """Take programs off the devices that a folder of links tells of; how many there were. Raises OSError."""
    removed = 0
    for pin in sorted(folder.glob("*-*")):
        _take_off(pin)
        removed += 1
    return removed


def detach_all(base: Path) -> tuple[int, int]:
    """Take away what directors of any version left in a namespace's folder. Raises OSError.

    How many devices had programs, and how many pins there were besides.
    """
    taken = sum(detach(folder / pins.LINKS) for folder in sorted(base.glob("layout-*")))
    return taken, pins.remove(base)


def _take_off(pin: Path) -> None:
    ifindex, _, kind = pin.name.partition("-")
    if kind == "clsact":
        options = TcOptions(sz=ctypes.sizeof(TcOptions), handle=HANDLE, priority=PRIORITY)
        with contextlib.suppress(OSError):  # the device may be gone, or someone took the filter away
            call("bpf_tc_detach", ctypes.byref(_hook(int(ifindex))), ctypes.byref(options))
        pin.rmdir()
    else:
        pin.unlink()  # the last reference: the kernel ends the link


def is_dead(pin: Path) -> bool:
    """Whether a pinned link's device is gone; not of a filter, and not when it can't be told."""
    if pin.is_dir():
        return False
    info, size = ctypes.create_string_buffer(_INFO_SIZE), ctypes.c_uint32(_INFO_SIZE)
    try:
        link = call("bpf_obj_get", os.fsencode(pin))
    except OSError:
        return False
    try:
        call("bpf_obj_get_info_by_fd", link, info, ctypes.byref(size))
    except OSError:
        return False
    finally:
        os.close(link)
    return not int.from_bytes(info.raw[_INFO_IFINDEX : _INFO_IFINDEX + 4], sys.byteorder)


def _hook(ifindex: int) -> TcHook:
    return TcHook(sz=ctypes.sizeof(TcHook), ifindex=ifindex, attach_point=_INGRESS)


def programs_leaving(ifindex: int) -> int:
    """How many programs of tcx stand at the way out of a device; 0 also where there is no tcx. Raises OSError."""
    number = ctypes.c_uint32()
    try:
        call("bpf_prog_query", ifindex, _TCX_EGRESS, 0, None, None, ctypes.byref(number))
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
        return 0
    return number.value
