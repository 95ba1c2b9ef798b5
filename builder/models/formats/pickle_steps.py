"""The instructions of a pickle one by one, for those who write it anew with a few others.

Only for pickles that `read_pickle` accepts. What is left alone keeps its bytes. Torch's reader
numbers what is remembered in the order in which it comes, so numbers have to stay without gaps.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

HEAD: Final = b"\x80\x02"
"""How a pickle begins: it says which protocol it is."""

_ARGUMENTS: Final = {
    ord("K"): 1, ord("M"): 2, ord("J"): 4, ord("G"): 8,
    ord("q"): 1, ord("r"): 4, ord("h"): 1, ord("j"): 4,
}  # fmt: skip
"""Bytes that follow an instruction. Others have none, or a length of as many bytes as below."""

_LENGTHS: Final = {ord("X"): 4, 0x8D: 8, 0x8A: 1}
_TEXT, _NAME = ord("X"), ord("c")
_REMEMBER: Final = frozenset(b"qr")
_RECALL: Final = frozenset(b"hj")
_SHORT: Final = 256  # numbers below this one have instructions of their own


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, and the one that made the value it pushes: another for a recalled value."""

    raw: bytes
    maker: bytes

    @property
    def code(self) -> int:
        """The instruction without what follows it."""
        return self.raw[0]

    @property
    def remembers(self) -> bool:
        """Whether it gives a number to what is there already."""
        return self.raw[0] in _REMEMBER

    @property
    def recalls(self) -> bool:
        """Whether it pushes what was given a number before."""
        return self.raw[0] in _RECALL

    @property
    def text(self) -> str | None:
        """The text it pushes, be it written or recalled."""
        width = _LENGTHS[_TEXT] + 1
        return self.maker[width:].decode(errors="replace") if self.maker[0] == _TEXT else None

    @property
    def name(self) -> str | None:
        """The dotted name of the class or function it pushes, be it written or recalled."""
        if self.maker[0] != _NAME:
            return None
        return self.maker[1:-1].decode(errors="replace").replace("\n", ".")


def text_step(text: str) -> bytes:
    """Return the instruction that pushes a text."""
    raw = text.encode()
    return struct.pack("<cI", b"X", len(raw)) + raw


def steps(pickle: bytes) -> Iterator[Step]:
    """Yield the instructions after the head."""
    memo: dict[int, bytes] = {}
    at, last = len(HEAD), b""
    while at < len(pickle):
        end = _end(pickle, at)
        raw = pickle[at:end]
        if raw[0] in _REMEMBER:
            memo[_number(raw)] = last
            yield Step(raw, raw)
        else:
            last = memo[_number(raw)] if raw[0] in _RECALL else raw
            yield Step(raw, last)
        at = end


def renumbered(kept: Iterable[Step | bytes | None]) -> bytes:
    """Return the pickle of these instructions; None stands for one that was left out.

    What is remembered gets the numbers that are free now. What is recalled has to be there still.
    """
    written: list[bytes] = []
    numbers: dict[int, int] = {}
    for it in kept:
        if it is None:
            continue
        raw = it if isinstance(it, bytes) else it.raw
        if raw[0] in _REMEMBER:
            number = numbers[_number(raw)] = len(numbers)
            raw = _numbered(b"q", b"r", number)
        elif raw[0] in _RECALL:
            raw = _numbered(b"h", b"j", numbers[_number(raw)])
        written.append(raw)
    return HEAD + b"".join(written)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw[1:], "little")


def _numbered(short: bytes, long: bytes, number: int) -> bytes:
    if number < _SHORT:
        return struct.pack("<cB", short, number)
    return struct.pack("<cI", long, number)


def _end(pickle: bytes, at: int) -> int:
    """Return where the instruction ends that begins at a place."""
    code = pickle[at]
    if code == _NAME:
        return pickle.index(b"\n", pickle.index(b"\n", at) + 1) + 1
    width = _LENGTHS.get(code, 0)
    length = int.from_bytes(pickle[at + 1 : at + 1 + width], "little")
    return at + 1 + _ARGUMENTS.get(code, 0) + width + length
