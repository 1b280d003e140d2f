"""The connection table: by the key of either direction. Kernel: `ip_vs_conn_tab` in ip_vs_conn.c.

A key is what stands in a packet, cut out of it in one piece where its header is plain::

    from the client   caddr vaddr cport vport      -> incoming
    from the server   daddr caddr dport cport      -> outgoing, NAT
                      vaddr caddr vport cport      -> outgoing, else

One dict for each protocol and direction would grow in one step of 93 ms at a million entries: so each is cut
into 256 shards. Of several connections with one key the newest is found, as in the kernel's chains; it hides
the older (`in_next`, `out_next`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import FWD_MASK, ConnFlag, Forward

SHARDS: Final = 256
_MASK: Final = SHARDS - 1

_HASHED: Final = int(ConnFlag.HASHED)
_UNUSUAL: Final = ConnFlag.NO_CPORT | ConnFlag.TEMPLATE

NOWHERE: Final = 0xFFFF
"""The port of a template that no longer counts."""

Shards = list[dict[bytes, Connection]]


def _shards() -> Shards:
    return [{} for _ in range(SHARDS)]


STRETCH: Final = 250
"""Connections that are looked at in one go by those who walk over all."""
MOST: Final = 1 << 22
"""Connections and templates that there may be, some 2.5 GB; who would begin one more is refused."""


class ConnectionTable:
    """All connections and templates of a namespace."""

    template_class: type[Connection] = Connection
    """What templates are made of."""

    def __init__(self) -> None:
        self.incoming: dict[int, Shards] = {}
        self.outgoing: dict[int, Shards] = {}
        self.templates: dict[tuple[int, bytes], Connection] = {}
        """By protocol and key, those without a persistence engine."""
        self.named_templates: dict[tuple[int, bytes], Connection] = {}
        """By protocol and the engine's name, masked client, virtual address and port: see `template`."""
        self.count = 0
        """Connections and templates. Kernel: `conn_count`."""
        self.most = MOST
        self.no_cport = 0
        """Connections whose client port is not known yet. Kernel: `ip_vs_conn_no_cport_cnt`."""

    @property
    def full(self) -> bool:
        """Whether nothing may begin: what hostile packets and messages can make us keep has an end.

        Differs: connections and templates end at four million; those of Linux 6.1 where its memory does.
        """
        return self.count >= self.most

    # ---- finding -----------------------------------------------------------

    def find_in(self, protocol: int, key: bytes) -> Connection | None:
        """The newest connection that a packet from the client belongs to. Kernel: `ip_vs_conn_in_get`."""
        shards = self.incoming.get(protocol)
        if shards is None:
            return None
        conn = shards[hash(key) & _MASK].get(key)
        if conn is None:
            if self.no_cport:
                wide = len(key) - 4
                conn = self._find(shards, key[:wide] + b"\0\0" + key[wide + 2 :])
                while conn is not None and not conn.flags & ConnFlag.NO_CPORT:
                    conn = conn.in_next
            return conn
        if not conn.cport:
            while conn is not None and not conn.flags & ConnFlag.NO_CPORT:
                conn = conn.in_next
        return conn

    def find_synced(self, protocol: int, key: bytes) -> Connection | None:
        """The connection that a synchronisation message tells of."""
        return self.find_in(protocol, key)

    def find_out(self, protocol: int, key: bytes) -> Connection | None:
        """The newest connection that a packet from the server belongs to. Kernel: `ip_vs_conn_out_get`."""
        shards = self.outgoing.get(protocol)
        return None if shards is None else shards[hash(key) & _MASK].get(key)

    def is_elsewhere(self, conn: Connection) -> bool:
        """Whether somebody else than the engine has a connection of these ends, or this template."""
        return False

    @staticmethod
    def _find(shards: Shards, key: bytes) -> Connection | None:
        return shards[hash(key) & _MASK].get(key)

    def __iter__(self) -> Iterator[Connection]:
        """All connections and templates; may be changed meanwhile (a shard is copied when it is reached)."""
        for shards in list(self.incoming.values()):
            for shard in shards:
                for head in list(shard.values()):
                    conn: Connection | None = head
                    while conn is not None:
                        yield conn
                        conn = conn.in_next
        for head in [*self.templates.values(), *self.named_templates.values()]:
            conn = head
            while conn is not None:
                yield conn
                conn = conn.in_next

    def stretches(self) -> Iterator[list[Connection]]:
        """The same, some in each list: between two of them anything may happen. One may be gone by its turn."""
        rest = iter(self)
        while stretch := list(islice(rest, STRETCH)):
            yield stretch

    # ---- changing ----------------------------------------------------------

    def insert(self, conn: Connection) -> None:
        """Hash a connection or template. Kernel: `ip_vs_conn_hash`."""
        flags = conn.flags
        if flags & _HASHED:
            return
        conn.flags = flags | _HASHED
        self.count += 1
        if flags & _UNUSUAL:
            if flags & ConnFlag.NO_CPORT:
                self.no_cport += 1
            if flags & ConnFlag.TEMPLATE:
                self._insert_template(conn)
                return
        protocol = conn.protocol
        shards = self.incoming.get(protocol)
        if shards is None:
            shards = self.incoming[protocol] = _shards()
            self.outgoing[protocol] = _shards()
        key = conn.in_key = conn.in_key or in_key(conn)
        shard = shards[hash(key) & _MASK]
        conn.in_next = shard.get(key)
        shard[key] = conn
        key = conn.out_key = out_key(conn)
        shard = self.outgoing[protocol][hash(key) & _MASK]
        conn.out_next = shard.get(key)
        shard[key] = conn

    def remove(self, conn: Connection) -> bool:
        """Unhash it; whether it was hashed. Kernel: `ip_vs_conn_unlink`."""
        if not conn.flags & ConnFlag.HASHED:
            return False
        conn.flags &= ~ConnFlag.HASHED
        self.count -= 1
        if conn.flags & ConnFlag.NO_CPORT:
            self.no_cport -= 1
        if conn.flags & ConnFlag.TEMPLATE:
            self._remove_template(conn)
            return True
        shard = self.incoming[conn.protocol][hash(conn.in_key) & _MASK]
        head: Connection | None = shard[conn.in_key]
        if head is conn:
            if conn.in_next is None:
                del shard[conn.in_key]
            else:
                shard[conn.in_key] = conn.in_next
        else:
            while head is not None and head.in_next is not conn:
                head = head.in_next
            if head is not None:
                head.in_next = conn.in_next
        shard = self.outgoing[conn.protocol][hash(conn.out_key) & _MASK]
        head = shard[conn.out_key]
        if head is conn:
            if conn.out_next is None:
                del shard[conn.out_key]
            else:
                shard[conn.out_key] = conn.out_next
        else:
            while head is not None and head.out_next is not conn:
                head = head.out_next
            if head is not None:
                head.out_next = conn.out_next
        conn.in_next = conn.out_next = None
        conn.in_key = b""  # whoever hashes it again has changed an end
        return True

    # ---- templates ---------------------------------------------------------

    def retire(self, template: Connection) -> bool:
        """Let a template be found no more, while it waits for its end; whether it was there."""
        if not self.remove(template):
            return False
        template.vport = template.dport = NOWHERE
        template.cport = 0
        self.insert(template)
        return True

    def find_template(self, protocol: int, caddr: bytes, vaddr: bytes, vport: int) -> Connection | None:
        """The template of a masked client without a persistence engine. Kernel: `ip_vs_ct_in_get`."""
        return self.templates.get((protocol, template_key(caddr, 0, vaddr, vport)))

    def find_named_template(
        self, protocol: int, caddr: bytes, vaddr: bytes, vport: int, pe: str, data: bytes
    ) -> Connection | None:
        """The template of a persistence engine's name. Kernel: `ct_match`."""
        return self.named_templates.get((protocol, template_key(caddr, 0, vaddr, vport, pe, data)))

    def _insert_template(self, conn: Connection) -> None:
        table, key = self._template_place(conn)
        conn.in_key = key[1]
        conn.in_next = table.get(key)
        table[key] = conn

    def _remove_template(self, conn: Connection) -> None:
        table = self.named_templates if conn.pe else self.templates
        key = (conn.protocol, conn.in_key)
        head: Connection | None = table[key]
        if head is conn:
            if conn.in_next is None:
                del table[key]
            else:
                table[key] = conn.in_next
        else:
            while head is not None and head.in_next is not conn:
                head = head.in_next
            if head is not None:
                head.in_next = conn.in_next
        conn.in_next = None

    def _template_place(
        self, conn: Connection
    ) -> tuple[dict[tuple[int, bytes], Connection], tuple[int, bytes]]:
        if conn.pe:
            name = template_key(conn.caddr, conn.cport, conn.vaddr, conn.vport, conn.pe.name, conn.pe_data)
            return self.named_templates, (conn.protocol, name)
        return self.templates, (conn.protocol, template_key(conn.caddr, conn.cport, conn.vaddr, conn.vport))


def in_key(conn: Connection) -> bytes:
    """The key of packets from the client."""
    return conn.caddr + conn.vaddr + conn.cport.to_bytes(2, "big") + conn.vport.to_bytes(2, "big")


def out_key(conn: Connection) -> bytes:
    """The key of packets from the server."""
    if conn.flags & FWD_MASK == Forward.MASQ:
        return conn.daddr + conn.caddr + conn.dport.to_bytes(2, "big") + conn.cport.to_bytes(2, "big")
    return conn.vaddr + conn.caddr + conn.vport.to_bytes(2, "big") + conn.cport.to_bytes(2, "big")


def template_key(
    caddr: bytes, cport: int, vaddr: bytes, vport: int, pe: str = "", data: bytes = b""
) -> bytes:
    """The key of a template; with a persistence engine its name and data are part of it."""
    key = caddr + vaddr + cport.to_bytes(2, "big") + vport.to_bytes(2, "big")
    return key + pe.encode() + b"\0" + data if pe else key
