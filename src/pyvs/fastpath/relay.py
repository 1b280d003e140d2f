"""A sync master hears of the connections in the maps: what the programs report becomes its messages.

The programs ask the policy (`bpf/sync.h`), and note in the entry what the backups know. Templates are asked about here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.fastpath.entries import from_entry
from pyvs.fastpath.views import complete, view

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.owner import SharedTable
    from pyvs.fastpath.reports import Report

TURN: Final = 256
"""Reports that are read before packets have their turn again."""


class Relay:
    """Reads reports, and gives them to the engine's master."""

    def __init__(self, ns: Namespace, fast: FastPath, table: SharedTable) -> None:
        self.ns = ns
        self.fast = fast
        self.table = table
        self.told = 0
        """Reports that were read."""

    def fileno(self) -> int:
        """Readable when there is something to do for `read`."""
        return self.fast.reports.fileno()

    def read(self, now: float) -> bool:
        """Tell the master of some connections; whether there may be more. Messages are the engine's commands."""
        reports = self.fast.reports.read(TURN)
        if reports:
            self.ns.now = now
            for report in reports:
                self._tell(report)
            self.told += len(reports)
        return len(reports) == TURN

    def _tell(self, report: Report) -> None:
        offloaded = from_entry(report.key, report.entry)
        place = None if offloaded is None else self.table.mirror.by_number.get(offloaded.dest)
        if offloaded is None or place is None or not self.ns.sync.is_master:
            return
        complete(offloaded, place)
        conn = view(offloaded, place, self.fast.jiffies, self.ns.now)
        conn.control = self.table.controls.of(report.key, report.entry)
        template = self.table.mapped.handle(offloaded.template) if offloaded.template else None
        if template is not None:
            self.table.mapped.touch(template)
            conn.control = template
        self.ns.sync.note_report(conn, report.needed)
