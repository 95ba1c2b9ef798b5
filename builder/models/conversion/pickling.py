"""Writing pickles as torch does: protocol 2, with the instructions torch's own reader knows."""

import struct
from typing import Final

_MARK, _TUPLE = b"(", b"t"
_SMALL: Final = 1 << 8
_INT: Final = 1 << 31


class Pickler:
    """Appends the instructions that make values; `done` returns the whole pickle."""

    def __init__(self) -> None:
        """Begin an empty pickle."""
        self._out = bytearray(b"\x80\x02")
        self._memo: dict[object, int] = {}

    def done(self) -> bytes:
        """End the pickle; nothing may follow."""
        return bytes(self._out) + b"."

    def raw(self, instructions: bytes) -> None:
        """Append instructions."""
        self._out += instructions

    def put(self, value: object) -> None:
        """Append a number, a text, nothing, or a tuple of these."""
        match value:
            case None:
                self._out += b"N"
            case bool():
                self._out += b"\x88" if value else b"\x89"
            case int() if 0 <= value < _SMALL:
                self._out += struct.pack("<cB", b"K", value)
            case int() if -_INT <= value < _INT:
                self._out += struct.pack("<ci", b"J", value)
            case int():
                self._out += struct.pack("<cBq", b"\x8a", 8, value)
            case float():
                self._out += struct.pack(">cd", b"G", value)
            case str():
                raw = value.encode(errors="surrogateescape")
                self._out += struct.pack("<cI", b"X", len(raw)) + raw
            case tuple():
                self._out += _MARK
                for item in value:
                    self.put(item)
                self._out += _TUPLE
            case _:
                raise TypeError(type(value))

    def name(self, module: str, name: str) -> None:
        """Append the name of a class or function."""
        self._out += f"c{module}\n{name}\n".encode()

    def call(self, module: str, name: str, arguments: tuple[object, ...]) -> None:
        """Append the result of a call of one of torch's functions."""
        self.name(module, name)
        self.put(arguments)
        self._out += b"R"

    def remember(self, key: object) -> None:
        """Give what was appended last a number, by which `again` refers to it."""
        number = self._memo[key] = len(self._memo)
        self._out += (
            struct.pack("<cB", b"q", number)
            if number < _SMALL
            else struct.pack("<cI", b"r", number)
        )

    def again(self, key: object) -> bool:
        """Append what was remembered; tell whether there is such a thing."""
        number = self._memo.get(key)
        if number is None:
            return False
        self._out += (
            struct.pack("<cB", b"h", number)
            if number < _SMALL
            else struct.pack("<cI", b"j", number)
        )
        return True
