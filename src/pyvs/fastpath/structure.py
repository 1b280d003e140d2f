"""A structure that Python and C share: its fields, its C text, its values as bytes.

Every field stands at its natural alignment, so that no compiler puts anything between.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final, NamedTuple


class Field(NamedTuple):
    """One member: its name, its C type, how many of them."""

    name: str
    type: str
    many: int = 1


_CODES: Final = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "s32": "i", "be16": "s", "be32": "s"}
_SIZES: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "s32": 4, "be16": 2, "be32": 4}
_C_TYPES: Final = {name: f"__{name}" for name in _CODES}
_BYTES: Final = frozenset({"u8", "be16", "be32"})
"""Several of these are bytes in Python, be16 and be32 always: they stand as in a packet."""


class Layout:
    """A structure: its fields, its C text, its values as a dict and as bytes."""

    def __init__(self, name: str, *fields: Field | Layout) -> None:
        """A layout among the fields is a member of the name of that layout."""
        self.name = name
        self.fields = fields
        self.leaves: list[Field] = []
        for field in fields:
            if isinstance(field, Layout):
                self.leaves += [leaf._replace(name=f"{field.name}_{leaf.name}") for leaf in field.leaves]
            else:
                self.leaves.append(field)
        self.struct = Struct("=" + "".join(_code(leaf) for leaf in self.leaves))
        self.size = self.struct.size
        self.names = tuple(leaf.name for leaf in self.leaves)
        self._spread = any(_is_array(leaf) for leaf in self.leaves)
        self._empty = self.unpack(bytes(self.size))

    def pack(self, **values: Any) -> bytes:
        """The bytes of a structure; what is not given is zero. Raises KeyError for an unknown field."""
        known: dict[str, Any] = dict(self._empty)
        for name, value in values.items():
            if name not in known:
                raise KeyError(f"{self.name} has no field {name}")
            known[name] = value
        if not self._spread:
            return self.struct.pack(*known.values())
        parts: list[object] = []
        for leaf in self.leaves:
            value = values.get(leaf.name)
            if _is_array(leaf):
                given = tuple(value) if isinstance(value, tuple) else ()
                parts += [*given, *(0,) * (leaf.many - len(given))]
            else:
                parts.append(known[leaf.name])
        return self.struct.pack(*parts)

    def unpack(self, data: bytes) -> dict[str, Any]:
        """The fields of a structure."""
        flat = self.struct.unpack_from(data)
        if not self._spread:
            return dict(zip(self.names, flat, strict=True))
        values: dict[str, Any] = {}
        at = 0
        for leaf in self.leaves:
            if _is_array(leaf):
                values[leaf.name] = flat[at : at + leaf.many]
                at += leaf.many
            else:
                values[leaf.name] = flat[at]
                at += 1
        return values

    def offset(self, name: str) -> int:
        """Where a field begins."""
        at = 0
        for leaf in self.leaves:
            if leaf.name == name:
                return at
            at += _SIZES[leaf.type] * leaf.many
        raise KeyError(f"{self.name} has no field {name}")

    def only(self, *names: str) -> Struct:
        """What reads these fields alone, quickly; they are to be named in their order."""
        form, at = "=", 0
        for leaf in self.leaves:
            if leaf.name in names:
                form += f"{self.offset(leaf.name) - at}x{_code(leaf)}"
                at = self.offset(leaf.name) + _SIZES[leaf.type] * leaf.many
        return Struct(form)

    def c_text(self) -> str:
        """The structure in C."""
        lines = [f"struct {self.name} {{"]
        for field in self.fields:
            if isinstance(field, Layout):
                lines.append(f"    struct {field.name} {field.name};")
            else:
                many = f"[{field.many}]" if field.many > 1 else ""
                lines.append(f"    {_C_TYPES[field.type]} {field.name}{many};")
        return "\n".join([*lines, "};"])


def _is_array(leaf: Field) -> bool:
    return leaf.many > 1 and leaf.type not in _BYTES


def _code(leaf: Field) -> str:
    if leaf.type in _BYTES and (leaf.many > 1 or leaf.type != "u8"):
        return f"{_SIZES[leaf.type] * leaf.many}s"
    return _CODES[leaf.type] * leaf.many
