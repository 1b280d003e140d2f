"""Persistence templates in the maps, where engine and programs have them together.

The entry is the one truth: the server, the time of the last beginning, how many connections the maps and the engine
have of it, whether one was established. What the engine looks at is a handle, made of the entry when it is asked for;
what the engine did to it is added to the entry at the end of its batch (`settle`). So both may work with a template at
the same time, and it outlives the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import getrandbits
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import LATER
from pyvs.core.connections.table import NOWHERE
from pyvs.core.flags import ConnFlag, Family, Forward, ServiceFlag
from pyvs.core.services.registry import FTP_PORT
from pyvs.core.sync.policy import HZ, RETRIES, end_time
from pyvs.fastpath import refusal
from pyvs.fastpath.layout import TEMPLATE, TEMPLATE_KEY
from pyvs.fastpath.maps import NO_EXIST
from pyvs.fastpath.tables import TemplateStatus

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.service import Service
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror, Place


class Template(Connection):
    """A template of the engine's, which may be the handle of one in the maps."""

    __slots__ = ("__weakref__", "engine", "number", "share", "told", "written")

    number: int
    """What its connections know it by; 0: it is the engine's."""
    share: int
    """So many of `n_control` are in the maps."""
    engine: int
    """So many are the engine's, as the entry has it."""
    written: tuple[float, float, int]
    """End, timeout and state as the entry has them."""
    told: tuple[int, float]
    """Packets and what backups know, likewise."""

    def __init__(self, *ends: Any) -> None:
        super().__init__(*ends)
        self.number = self.share = self.engine = 0
        self.written = (0.0, 0.0, 0)
        self.told = (0, 0.0)


class Templates:
    """Those in the maps of one fast path."""

    def __init__(self, ns: Namespace, fast: FastPath, mirror: Mirror) -> None:
        self.ns = ns
        self.fast = fast
        self.mirror = mirror
        self._handles: WeakValueDictionary[int, Template] = WeakValueDictionary()
        self._touched: dict[Template, None] = {}
        """Used since the last `settle`."""
        self._joined: dict[Template, None] = {}
        """Those to which connections of the engine belong."""

    # ---- from the maps -------------------------------------------------------

    def find(self, protocol: int, caddr: bytes, vaddr: bytes, vport: int) -> Template | None:
        """The template of a masked client, if its time is not over. Raises OSError."""
        raw = self.fast.template_numbers.get(key_of(protocol, caddr, vaddr, vport))
        found = None if raw is None else self.handle(int.from_bytes(raw, sys.byteorder))
        if found is None or (found.expires <= self.ns.now and not found.n_control):
            return None
        self._touched[found] = None
        return found

    def has(self, template: Connection) -> bool:
        """Whether there is one of this client and service. Raises OSError."""
        key = key_of(template.protocol, template.caddr, template.vaddr, template.vport)
        return template.pe is None and self.fast.template_numbers.get(key) is not None

    def handle(self, number: int) -> Template | None:
        """The template of a number, as it is now; None: there is none, or no rule names its server. Raises OSError."""
        raw = self.fast.templates.get(number.to_bytes(4, sys.byteorder))
        return None if raw is None else self._handle(number, TEMPLATE.unpack(raw))

    def __iter__(self) -> Iterator[Template]:
        """All whose time is not over. Raises OSError."""
        self.settle()
        for raw, value in self.fast.templates.items():
            found = self._handle(int.from_bytes(raw, sys.byteorder), TEMPLATE.unpack(value))
            if found is not None and (found.expires > self.ns.now or found.n_control):
                yield found

    def _handle(self, number: int, fields: dict[str, Any]) -> Template | None:
        place = self.mirror.by_number.get(fields["dest"])
        if place is None:
            return None
        template = self._handles.get(number)
        if template is None:
            template = self._handles[number] = _made(number, fields, place)
        self._pull(template, fields)
        return template

    def _pull(self, template: Template, fields: dict[str, Any]) -> None:
        now = self.ns.now
        template.n_control += fields["controls"] + fields["engine"] - template.share - template.engine
        template.share, template.engine = fields["controls"], fields["engine"]
        template.state |= fields["status"] & TemplateStatus.ASSURED
        if fields["status"] & TemplateStatus.NOWHERE:
            template.vport = template.dport = NOWHERE
        if template in self._touched:
            return
        timeout = fields["timeout"] / self.fast.jiffies.hz
        expires = now - self.fast.jiffies.ago(fields["seen"], now) + timeout
        if expires <= now and template.n_control:
            timeout = LATER
            expires += ((now - expires) // LATER + 1) * LATER
        template.expires, template.timeout = expires, timeout
        template.written = expires, timeout, fields["status"] & TemplateStatus.ASSURED
        template.in_pkts = fields["packets"]
        template.sync_endtime = (
            end_time(now - self.fast.jiffies.ago(fields["told"], now)) | fields["told_retries"]
        )
        template.told = template.in_pkts, template.sync_endtime

    # ---- to the maps ---------------------------------------------------------

    def takes(self, template: Connection) -> bool:
        """Whether a template of the engine's belongs into the maps."""
        if not isinstance(template, Template) or template.dest is None:
            return False
        place = self.mirror.places.get(template.dest)
        return (
            place is not None
            and plain(place.service)
            and template.pe is None
            and not template.cport
            and template.vport != NOWHERE
        )

    def add(self, template: Template) -> bool:
        """Put a template into the maps; False: there is no room. Raises nothing."""
        assert template.dest is not None
        place = self.mirror.places[template.dest]
        jiffies = self.fast.jiffies
        key = key_of(template.protocol, template.caddr, template.vaddr, template.vport)
        status = template.state & TemplateStatus.ASSURED
        if template.flags & ConnFlag.SYNC:
            status |= TemplateStatus.SYNCED
        value = TEMPLATE.pack(
            seen=jiffies.at(template.expires - template.timeout),
            timeout=jiffies.length(template.timeout),
            dest=place.number,
            status=status,
            engine=template.n_control,
            dport=template.dport.to_bytes(2, "big"),
            **{f"template_key_{name}": part for name, part in TEMPLATE_KEY.unpack(key).items()},
        )
        try:
            raw = self._number(value)
        except OSError:
            return False
        try:
            self.fast.template_numbers.put(key, raw)
        except OSError:
            self.fast.templates.delete(raw)
            return False
        number = int.from_bytes(raw, sys.byteorder)
        self.mirror.moved_templates(place, 1)
        template.number, template.share, template.engine = number, 0, template.n_control
        template.written = template.expires, template.timeout, template.state
        template.flags |= int(ConnFlag.HASHED)
        self._handles[number] = template
        self._touched[template] = None
        return True

    def _number(self, value: bytes) -> bytes:
        """Put an entry in under a number that no other has. Raises OSError."""
        while True:
            raw = (getrandbits(32) | 1).to_bytes(4, sys.byteorder)
            try:
                self.fast.templates.put(raw, value, NO_EXIST)
            except FileExistsError:
                continue
            return raw

    def remove(self, template: Template) -> None:
        """It is over: the engine uncounts it at its server. Raises OSError."""
        self._unname(template)
        self._touched.pop(template, None)
        self._joined.pop(template, None)
        self._handles.pop(template.number, None)
        there = self.fast.templates.delete(template.number.to_bytes(4, sys.byteorder))
        place = None if template.dest is None else self.mirror.places.get(template.dest)
        if there and place is not None:
            self.mirror.moved_templates(place, -1)
        else:
            template.dest = None  # it ended by itself, and the next look at the counts will tell
        template.flags &= ~ConnFlag.HASHED

    def retire(self, template: Template) -> None:
        """It does not count any more, and only waits for its connections. Raises OSError."""
        self._unname(template)
        self.mirror.changes.template(template.number, status=TemplateStatus.NOWHERE)
        template.vport = template.dport = NOWHERE

    def _unname(self, template: Template) -> None:
        key = key_of(template.protocol, template.caddr, template.vaddr, template.vport)
        numbers = self.fast.template_numbers
        if numbers.get(key) == template.number.to_bytes(4, sys.byteorder):
            numbers.delete(key)

    # ---- their connections ---------------------------------------------------

    def gave(self, template: Template, many: int) -> None:
        """Connections of the engine went to the maps, which have counted them. Raises OSError."""
        template.share += many
        self._write(template)

    def take(self, number: int) -> Template | None:
        """The template of a connection that comes from the maps. Raises OSError."""
        template = self.handle(number)
        if template is not None:
            self._write(template)
        return template

    def lose(self, template: Template) -> None:
        """A connection in the maps was taken out; it is still to be released. Raises OSError."""
        self.handle(template.number)
        self.touch(template)

    def touch(self, template: Template) -> None:
        """Something is about to happen to it."""
        self._touched[template] = None

    # ---- the engine's doings -------------------------------------------------

    @property
    def due(self) -> bool:
        """Whether there is something to `settle`."""
        return bool(self._touched)

    def settle(self) -> None:
        """Add to the entries what the engine has done since the last time. Raises OSError."""
        if self._touched:
            touched, self._touched = self._touched, {}
            for template in touched:
                if template.number and template.flags & ConnFlag.HASHED:
                    self._write(template)

    def audit(self) -> None:
        """Look at those to which the engine's connections belong: these end without a word. Raises OSError."""
        for template in list(self._joined):
            self.touch(template)
        self.settle()

    def _write(self, template: Template) -> None:
        template.slot = -1  # whoever goes through the maps looks after its end
        engine = template.n_control - template.share
        more: dict[str, Any] = {}
        if not template.timeout:
            more["over"] = True
        elif (template.expires, template.timeout) != template.written[:2]:
            jiffies = self.fast.jiffies
            more["time"] = (jiffies.at(template.expires - template.timeout), jiffies.length(template.timeout))
        if template.state != template.written[2]:
            more["status"] = template.state & TemplateStatus.ASSURED
        if (template.in_pkts, template.sync_endtime) != template.told:
            told = int(template.sync_endtime)
            ends = self.fast.jiffies.at((told & ~RETRIES) / HZ)
            more["told"] = (template.in_pkts & 0xFFFFFFFF, ends, told & RETRIES)
        if more or engine != template.engine:
            self.mirror.changes.template(template.number, engine=engine - template.engine, **more)
        template.engine = engine
        template.written = template.expires, template.timeout, template.state
        template.told = template.in_pkts, template.sync_endtime
        if engine:
            self._joined[template] = None
        else:
            self._joined.pop(template, None)

    def inherit(self) -> int:
        """Forget the connections that an engine before this one had; how many templates there are. Raises OSError."""
        count = 0
        for raw, value in list(self.fast.templates.items()):
            count += 1
            engine = TEMPLATE.unpack(value)["engine"]
            if engine:
                self.mirror.changes.template(int.from_bytes(raw, sys.byteorder), engine=-engine)
        return count


def plain(service: Service) -> bool:
    """Whether a service's templates may be in the maps: no mark, no engine, no helper's ports, not one-packet."""
    return (
        not service.fwmark
        and service.protocol in refusal.PROTOCOLS
        and service.pe is None
        and service.port != FTP_PORT
        and not service.flags & ServiceFlag.ONEPACKET
    )


def key_of(protocol: int, caddr: bytes, vaddr: bytes, vport: int) -> bytes:
    """What a template is found by in the maps."""
    return TEMPLATE_KEY.pack(
        caddr=caddr.ljust(16, b"\0"),
        vaddr=vaddr.ljust(16, b"\0"),
        vport=vport.to_bytes(2, "big"),
        protocol=protocol,
        af=Family.INET if len(caddr) == 4 else Family.INET6,
    )


def _made(number: int, fields: dict[str, Any], place: Place) -> Template:
    """The handle of an entry: its ends and its server."""
    family = Family(fields["template_key_af"])
    size = 4 if family == Family.INET else 16
    dest = place.dest
    flags = dest.forward | int(ConnFlag.TEMPLATE | ConnFlag.HASHED | ConnFlag.INACTIVE)
    if dest.forward != Forward.MASQ:
        flags |= ConnFlag.NOOUTPUT
    if fields["status"] & TemplateStatus.SYNCED:
        flags |= ConnFlag.SYNC
    template = Template(
        family,
        fields["template_key_protocol"],
        bytes(fields["template_key_caddr"])[:size],
        0,
        bytes(fields["template_key_vaddr"])[:size],
        int.from_bytes(fields["template_key_vport"], "big"),
        Family(dest.af),
        dest.addr,
        int.from_bytes(fields["dport"], "big"),
        flags,
    )
    template.dest = dest
    template.number, template.engine = number, fields["engine"]
    template.n_control = fields["engine"]
    return template
