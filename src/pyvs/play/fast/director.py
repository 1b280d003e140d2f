"""A scenario's director whose packets the programs see first: what they send is sent, what goes up the host takes.

Engine and maps are wired as a live director wires them. The clock stands between steps, so everything that a live
director does now and then is done before each look: the sweep, the counts, the services in the maps.
"""

from __future__ import annotations

from typing import Final, TextIO

from pyvs.core.errors import PyvsError
from pyvs.core.wording import counted
from pyvs.fastpath.controls import AUDIT
from pyvs.fastpath.partner import Partner
from pyvs.fastpath.tables import Miss
from pyvs.play.director import Director, Ipvsadm
from pyvs.play.fast.stage import Stage
from pyvs.play.fast.tally import UNTRIED, Tally
from pyvs.play.scenario import Scenario

SENT: Final = {"tc": (7,), "xdp": (3, 4)}
"""TC_ACT_REDIRECT; XDP_TX and XDP_REDIRECT."""
UP: Final = {"tc": 0, "xdp": 2}
"""TC_ACT_OK, XDP_PASS."""


def unpadded(frame: bytes) -> bytes:
    """A frame without what stands behind its packet: the host cuts that off, the programs let it go along."""
    ends = {
        b"\x08\0": 14 + int.from_bytes(frame[16:18], "big"),
        b"\x86\xdd": 54 + int.from_bytes(frame[18:20], "big"),
    }
    return frame[: ends.get(frame[12:14])]


class Fault(PyvsError):
    """The programs did what they must never do."""


class FastDirector(Director):
    """A director on a stage."""

    _made = False
    """The maps are wired: a scenario's first sysctls are set before."""

    def __init__(self, scenario: Scenario, ipvsadm: Ipvsadm, seed: int = 1, *, stage: Stage) -> None:
        """Raises as a director does, and NetworkFault."""
        super().__init__(scenario, ipvsadm, seed)
        self.stage = stage
        self.tally = Tally()
        self._at = -1
        """The tick that the programs' clock shows."""
        stage.clear()
        self._misses = stage.fast.misses()
        self._partner = Partner(stage.fast, self.engine, stage.changes, new=stage.new)
        self._made = True

    # ---- engine and maps ---------------------------------------------------------

    def _look(self) -> None:
        """Bring both to the present, before anything looks at them."""
        partner, now = self._partner, self.clock.now
        self.engine.ns.now = now
        self._follow()
        if self._at != self.clock.ticks:
            self._at = self.clock.ticks
            # What drop_entry ends in the maps is chance, and would be looked for at each tick.
            self.stage.fast.configure(now=self.stage.fast.jiffies.at(now), drop_entries=0)
            if any(place.active or place.inactive for place in partner.mirror.places.values()):
                for _ in range(2):  # what went while the first looked may have hidden others
                    for ended in self.stage.fast.sweep():
                        partner.table.note_ended(ended)
            partner.mirror.configure()
        for _ in range(len(partner.table.controls) // AUDIT + 2):
            partner.table.audit()
        partner.before_verbs()

    def _settle(self) -> None:
        """Let the maps have what is theirs, and the sync master what they report, after something has happened."""
        partner = self._partner
        while partner.relay.read(self.clock.now):
            pass
        self.host.obey()
        partner.after_packets(self.clock.now)
        self.stage.places = partner.mirror.numbers

    def _follow(self) -> None:
        """Routes, neighbours or devices may have changed."""
        stage = self.stage
        if stage.network.follow(self.host):
            for name, index in stage.network.indices.items():
                stage.fast.set_device(index, self.host.interfaces[name].mac)
            stage.fast.renew_hops()
            self._partner.changed()

    # ---- packets -----------------------------------------------------------------

    def receive(self, frame: bytes, interface: str) -> None:
        """A frame has arrived: to the program, then perhaps to the host. Raises Fault."""
        stage = self.stage
        self._look()
        self.host.now = self.clock.now
        outcome = stage.run(frame, interface)
        why = self._missed()
        if outcome is None:
            self.tally.up[UNTRIED] += 1
            super().receive(frame, interface)
        elif outcome.verdict in SENT[stage.mode]:
            self.tally.served += 1
            self.host.emit(self._device(outcome.frame), unpadded(outcome.frame))
        elif outcome.verdict != UP[stage.mode]:
            self.tally.dropped[why] += 1
        elif outcome.frame != frame:
            raise Fault(
                f"at {self.clock.since_start:.2f} s the program changed a frame that it left to the host"
            )
        else:
            self.tally.up[why] += 1
            super().receive(frame, interface)
        self._settle()

    def _missed(self) -> str:
        """Why the last packet was not served."""
        before, self._misses = self._misses, self.stage.fast.misses()
        return (
            ", ".join(miss.sentence for miss in Miss if self._misses[miss] != before[miss])
            or "without a reason"
        )

    def _device(self, frame: bytes) -> str:
        """By which device a frame leaves: a test run tells only the frame. Raises Fault."""
        names = [name for name in self.stage.network.indices if self.host.interfaces[name].mac == frame[6:12]]
        if len(names) != 1:
            raise Fault(
                f"{counted(len(names), 'device has', 'devices have')} the address {frame[6:12].hex(':')} "
                "that the program sends from"
            )
        return names[0]

    # ---- all else that looks or changes --------------------------------------------

    def handle_timeouts(self) -> None:
        """Do what is due now."""
        self._look()
        super().handle_timeouts()
        self._settle()

    def ipvsadm(self, argv: list[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
        """Call ipvsadm."""
        self._look()
        status = super().ipvsadm(argv, stdin, stdout, stderr)
        self._partner.changed()
        return status

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME. Raises ControlError."""
        self._look()
        return super().proc(name)

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl. Raises ControlError."""
        if self._made:
            self._look()
        super().sysctl_write(name, text)
        if self._made:
            self._partner.changed()
