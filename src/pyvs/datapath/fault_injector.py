"""A device around another one that loses, repeats, delays and spoils frames, by chance that is handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from random import Random

from pyvs.datapath.device import Device, Frame


@dataclass(slots=True, frozen=True, kw_only=True)
class Faults:
    """How likely each fault is, from 0 to 1. Raises ValueError for other numbers."""

    drop: float = 0.0
    """The frame is lost."""
    duplicate: float = 0.0
    """The frame comes twice."""
    reorder: float = 0.0
    """The frame comes after the next one."""
    corrupt: float = 0.0
    """One bit of the frame is another."""
    truncate: float = 0.0
    """The frame ends somewhere in its middle."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 <= value <= 1:
                raise ValueError(f"{each.name} is {value}, expected a number from 0 to 1")


class FaultInjector:
    """Wraps a device; each way has faults of its own. The same random source gives the same faults.

    A frame that is held back for reordering is let go when the next one has passed, or at the end.
    """

    def __init__(
        self,
        device: Device,
        random: Random,
        *,
        receiving: Faults = Faults(),
        sending: Faults = Faults(),
    ) -> None:
        self._device = device
        self._random = random
        self._receiving = receiving
        self._sending = sending
        self._unsent: Frame | None = None
        self.counts: Counter[str] = Counter()
        """How often each fault struck, by its name."""

    def receive(self) -> Iterator[Frame]:
        """The frames of the device, with faults."""
        held: Frame | None = None
        for frame in self._device.receive():
            passing, kept = self._strike(frame, self._receiving, may_hold=held is None)
            yield from passing
            if held is not None and passing:
                yield held
                held = None
            held = kept or held
        if held is not None:
            yield held

    def transmit(self, frame: Frame) -> None:
        """Send a frame by the device, with faults."""
        passing, kept = self._strike(frame, self._sending, may_hold=self._unsent is None)
        for each in passing:
            self._device.transmit(each)
        if passing:
            self._release()
        self._unsent = kept or self._unsent

    def close(self) -> None:
        """Send what is held back and close the device."""
        self._release()
        self._device.close()

    def _release(self) -> None:
        if self._unsent is not None:
            self._device.transmit(self._unsent)
            self._unsent = None

    def _strike(self, frame: Frame, faults: Faults, *, may_hold: bool) -> tuple[list[Frame], Frame | None]:
        """What passes now, and what is held back."""
        if self._happens("drop", faults.drop):
            return [], None
        if frame.data and self._happens("corrupt", faults.corrupt):
            spoilt = bytearray(frame.data)
            spoilt[self._random.randrange(len(spoilt))] ^= 1 << self._random.randrange(8)
            length = frame.length
            frame = frame.copy(bytes(spoilt))
            frame.length = length
        if frame.data and self._happens("truncate", faults.truncate):
            frame = frame.copy(frame.data[: self._random.randrange(len(frame.data))])
        if may_hold and self._happens("reorder", faults.reorder):
            return [], frame
        if self._happens("duplicate", faults.duplicate):
            return [frame, frame.copy()], None
        return [frame], None

    def _happens(self, name: str, chance: float) -> bool:
        if chance and self._random.random() < chance:
            self.counts[name] += 1
            return True
        return False
