"""A device around another one that tells of each frame in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyvs.datapath.describe import describe_frame
from pyvs.datapath.device import Device, Frame


class Tracer:
    """Hands a line to `tell` for each frame of the device, `<` for one received and `>` for one sent."""

    def __init__(self, device: Device, tell: Callable[[str], None]) -> None:
        self._device = device
        self._tell = tell

    def receive(self) -> Iterator[Frame]:
        """The frames of the device."""
        for frame in self._device.receive():
            self._tell(trace_line("<", frame))
            yield frame

    def transmit(self, frame: Frame) -> None:
        """Send a frame by the device."""
        self._tell(trace_line(">", frame))
        self._device.transmit(frame)

    def close(self) -> None:
        """Close the device."""
        self._device.close()


def trace_line(mark: str, frame: Frame) -> str:
    """The time in seconds, the mark, the interface, and what the frame is."""
    seconds, nanoseconds = divmod(frame.time_ns, 1_000_000_000)
    where = f"{frame.interface} " if frame.interface else ""
    return f"{seconds}.{nanoseconds // 1000:06d} {mark} {where}{describe_frame(frame)}"
