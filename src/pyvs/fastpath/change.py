"""Changes of destinations that programs count at while they are made: by a program of our own, never by overwriting."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Final

from pyvs.fastpath import build
from pyvs.fastpath.entries import Entry
from pyvs.fastpath.layout import CHANGE, CLAIM, CONN4, CONN6, GIVEN, KEY4, KEY6, OWNER, TEMPLATE_CHANGE
from pyvs.fastpath.libbpf import TestRunOptions, call
from pyvs.fastpath.maps import ArrayMap
from pyvs.fastpath.objects import LoadedObject, begun
from pyvs.fastpath.tables import Flag

SET: Final = 1
SET_HOP: Final = 2
SET_KEPT: Final = 4
SET_TIME: Final = 1
SET_TOLD: Final = 2
SET_OVER: Final = 4
_CONN_AT: Final = CLAIM.offset("conn")

Kept = tuple[int, int, bool]
"""Active and inactive connections that the engine has of a destination, and whether that is overloaded."""


class Changes:
    """The program `pyvs_change`, beside the programs whose maps it shares."""

    def __init__(self, loaded: LoadedObject, pins: Path | None) -> None:
        """Raises FastPathUnavailable."""
        own = LoadedObject(build.program("pyvs_change"), pins=pins, shared=loaded.maps)
        with begun(own) as self._object:
            self._program = self._object.program("pyvs_change")
            self._template_program = self._object.program("pyvs_template")
            self._claim_program = self._object.program("pyvs_claim")
            self._give_program = self._object.program("pyvs_give")
            self.owners = ArrayMap(self._object.maps["owners"], OWNER)

    def make(
        self,
        number: int,
        *,
        persistent: int = 0,
        wanted: dict[str, Any] | None = None,
        hop: bool = False,
        kept: Kept | None = None,
    ) -> None:
        """Add to a destination's templates, and set what an administrator says of it.

        wanted: fields of `layout.DEST`; hop: those of its next hop among them, else they stay; kept: only without
        wanted. Raises OSError.
        """
        fields = {} if wanted is None else {f"dest_{name}": value for name, value in wanted.items()}
        what = 0 if wanted is None else SET | (SET_HOP if hop else 0)
        if kept is not None:
            what = SET_KEPT
            fields = {
                "dest_kept_active": kept[0],
                "dest_kept_inactive": kept[1],
                "dest_flags": int(Flag.OVERLOAD) if kept[2] else 0,
            }
        frame = CHANGE.pack(number=number, set=what, persistent=persistent, **fields)
        if self._run(self._program, frame):
            raise OSError(f"the program pyvs_change refused destination {number}")

    def template(
        self,
        number: int,
        *,
        engine: int = 0,
        status: int = 0,
        time: tuple[int, int] | None = None,
        told: tuple[int, int, int] | None = None,
        over: bool = False,
    ) -> bool:
        """Add to what the engine has of a template, and say what happened to it; whether there is one of this number.

        time: the last beginning and the timeout, in jiffies; told: packets, what backups know in jiffies, and how
        often; over: it is to end, unless connections belong to it or one was established. Raises OSError.
        """
        fields: dict[str, int] = {}
        what = SET_OVER if over else 0
        if time is not None:
            what |= SET_TIME
            fields["seen"], fields["timeout"] = time
        if told is not None:
            what |= SET_TOLD
            fields["packets"], fields["told"], fields["told_retries"] = told
        frame = TEMPLATE_CHANGE.pack(number=number, set=what, engine=engine, status=int(status), **fields)
        return not self._run(self._template_program, frame)

    def take(self, raw: bytes, claimant: int = 0) -> bytes | None:
        """The last entry of a client's key, in whose place there is the engine's claim now; None: there was none.

        It counts as the engine's, at its destination and its template. claimant: the engine's number; 0: there is no
        claim. Raises OSError.
        """
        four = len(raw) == KEY4.size
        frame = CLAIM.pack(six=not four, claimant=claimant, key=raw.ljust(KEY6.size, b"\0"))
        out = ctypes.create_string_buffer(len(frame))
        if self._run(self._claim_program, frame, out):
            return None
        return out.raw[_CONN_AT : _CONN_AT + (CONN4 if four else CONN6).size]

    def give(self, entries: list[Entry]) -> bool:
        """Put in what `to_entries` has made of a connection, in one step; False: there is no room.

        It counts as the maps' from now on, at its destination and its template. Raises OSError.
        """
        key, conn = entries[-1]
        back, reply = entries[0] if len(entries) > 1 else (b"", b"")
        return not self._run(
            self._give_program, GIVEN.struct.pack(b"", len(key) != KEY4.size, key, conn, back, reply)
        )

    @staticmethod
    def _run(program: int, frame: bytes, out: Any = None) -> int:
        """What the program answers. out: room for the frame as the program leaves it."""
        data = ctypes.create_string_buffer(frame, len(frame))
        options = TestRunOptions(sz=ctypes.sizeof(TestRunOptions))
        options.data_in = ctypes.addressof(data)
        options.data_size_in = len(frame)
        if out is not None:
            options.data_out = ctypes.addressof(out)
            options.data_size_out = len(out)
        call("bpf_prog_test_run_opts", program, ctypes.byref(options))
        return int(options.retval)

    def close(self) -> None:
        """Let go of it."""
        self._object.close()
