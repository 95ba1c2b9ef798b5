"""The wire format of flatbuffers: every offset is checked before it is followed.

A buffer may refer to one place many times, so small files can spell out endless content: what is
read altogether is bounded. Format: "FlatBuffers Binary Format" of the FlatBuffers documentation.
"""

import struct
from collections.abc import Iterator
from typing import Final

from builder.models.formats.faults import MalformedError

MAX_ITEMS: Final = 10_000_000  # elements of vectors, tables and numbers read in all
MAX_TEXT: Final = 256 << 20  # bytes of strings read in all

_OFFSET: Final = struct.Struct("<I")
_BACK: Final = struct.Struct("<i")
_SLOT: Final = struct.Struct("<H")
_VTABLE_HEAD: Final = 4  # its own length and that of the table


class Wire:
    """A buffer, and how much more may be read from it."""

    def __init__(self, data: bytes, start: int = 0) -> None:
        """Look at the buffer that begins at `start`."""
        self.data = data
        self._start = start
        self._items = MAX_ITEMS
        self._text = MAX_TEXT

    def root(self) -> "Table":
        """Return the table everything hangs on."""
        return Table(self, self.follow(self._start))

    def number(self, kind: struct.Struct, at: int) -> int:
        """Read one integer."""
        self.spend(1)
        return int(self.unpack(kind, at)[0])

    def unpack(self, kind: struct.Struct, at: int) -> tuple[int | float | bool, ...]:
        """Read the fields of a struct."""
        if not 0 <= at <= len(self.data) - kind.size:
            raise MalformedError("the flatbuffer refers to a place outside the file")
        return kind.unpack_from(self.data, at)

    def follow(self, at: int) -> int:
        """Return where the offset at a place leads."""
        return at + self.number(_OFFSET, at)

    def vector(self, at: int, width: int) -> range:
        """Return the places of the elements of a vector whose length stands at `at`."""
        count = self.number(_OFFSET, at)
        first = at + _OFFSET.size
        if first + count * width > len(self.data):
            raise MalformedError("the flatbuffer has a list that reaches beyond the file")
        return range(first, first + count * width, width)

    def raw(self, at: int) -> memoryview:
        """Return the bytes of a vector of bytes, without copying them."""
        places = self.vector(at, 1)
        return memoryview(self.data)[places.start : places.stop]

    def text(self, at: int) -> str:
        """Read a string. Those of TorchScript are bytes: what is not UTF-8 is kept as well."""
        content = self.raw(at)
        self._text -= len(content)
        if self._text < 0:
            raise MalformedError(f"the flatbuffer has more than {MAX_TEXT >> 20} MiB of text")
        return bytes(content).decode(errors="surrogateescape")

    def spend(self, count: int) -> None:
        """Note that so many items are read; raise `MalformedError` when it is too much."""
        self._items -= count
        if self._items < 0:
            raise MalformedError(f"the flatbuffer has more than {MAX_ITEMS} values")


class Table:
    """A table: fields by number, each may be missing."""

    def __init__(self, wire: Wire, at: int) -> None:
        """Check the table at a place, and the list of its fields."""
        self._wire = wire
        self._at = at
        self._slots = at - wire.number(_BACK, at)
        self._end = wire.number(_SLOT, self._slots)
        if self._end < _VTABLE_HEAD or self._end % 2 or self._slots + self._end > len(wire.data):
            raise MalformedError("the flatbuffer has a damaged table")

    def place(self, field: int) -> int | None:
        """Return where a field is, None when it is missing."""
        slot = _VTABLE_HEAD + 2 * field
        if slot >= self._end:
            return None
        offset = self._wire.number(_SLOT, self._slots + slot)
        return self._at + offset if offset else None

    def number(self, field: int, kind: struct.Struct, default: int = 0) -> int:
        """Return an integer."""
        at = self.place(field)
        return default if at is None else self._wire.number(kind, at)

    def fields(self, field: int, kind: struct.Struct) -> tuple[int | float | bool, ...]:
        """Return the fields of a struct that stands elsewhere, as the members of unions do."""
        return self._wire.unpack(kind, self._wire.follow(self._required(field)))

    def inline(self, field: int, kind: struct.Struct) -> tuple[int | float | bool, ...] | None:
        """Return a number that stands in the table itself; None when it is missing."""
        at = self.place(field)
        return None if at is None else self._wire.unpack(kind, at)

    def text(self, field: int) -> str:
        """Return a string; empty when it is missing."""
        at = self.place(field)
        return "" if at is None else self._wire.text(self._wire.follow(at))

    def table(self, field: int) -> "Table | None":
        """Return a table below this one, None when it is missing."""
        at = self.place(field)
        return None if at is None else Table(self._wire, self._wire.follow(at))

    def required(self, field: int) -> "Table":
        """Return a table that has to be there."""
        return Table(self._wire, self._wire.follow(self._required(field)))

    def numbers(self, field: int, kind: struct.Struct) -> list[tuple[int | float | bool, ...]]:
        """Return the structs or numbers of a vector; none when it is missing."""
        places = self.places(field, kind.size)
        return [kind.unpack_from(self._wire.data, at) for at in places]

    def tables(self, field: int) -> "Iterator[Table]":
        """Yield the tables of a vector."""
        for at in self.places(field, _OFFSET.size):
            yield Table(self._wire, self._wire.follow(at))

    def texts(self, field: int) -> list[str]:
        """Return the strings of a vector."""
        return [self._wire.text(self._wire.follow(at)) for at in self.places(field, _OFFSET.size)]

    def raw(self, field: int) -> memoryview:
        """Return the bytes of a vector of bytes; none when it is missing."""
        at = self.place(field)
        return memoryview(b"") if at is None else self._wire.raw(self._wire.follow(at))

    def places(self, field: int, width: int) -> range:
        """Return where the elements of a vector are; none when it is missing."""
        at = self.place(field)
        if at is None:
            return range(0)
        places = self._wire.vector(self._wire.follow(at), width)
        self._wire.spend(len(places))
        return places

    def at(self, place: int) -> "Table":
        """Return the table that an element of a vector refers to."""
        return Table(self._wire, self._wire.follow(place))

    def _required(self, field: int) -> int:
        at = self.place(field)
        if at is None:
            raise MalformedError("the flatbuffer lacks a value that must be there")
        return at
