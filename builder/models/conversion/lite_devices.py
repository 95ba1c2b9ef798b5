"""Lite models of another device: their pickles are written anew, with the CPU in its place.

A pickle names a device in two places: in the reference to a storage, and as the argument of
`torch.device` (`torch/csrc/jit/serialization/pickler.cpp`). Equal texts are written once and then
recalled by number, so one text may be a device in one place and plain text in another.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from builder.models.conversion.repairs.places import HERE, is_elsewhere, told
from builder.models.formats.archive import Archive

_ARGUMENTS: Final = {
    ord("K"): 1, ord("M"): 2, ord("J"): 4, ord("G"): 8,
    ord("q"): 1, ord("r"): 4, ord("h"): 1, ord("j"): 4,
}  # fmt: skip
"""Bytes that follow an instruction. Others have none, or a length of as many bytes as below."""

_LENGTHS: Final = {ord("X"): 4, 0x8D: 8, 0x8A: 1}
_TEXT, _NAME, _MARK, _CALL, _STORAGE = ord("X"), ord("c"), ord("("), ord("R"), ord("Q")
_REMEMBER: Final = frozenset(b"qr")
_RECALL: Final = frozenset(b"hj")
_DEVICE: Final = b"ctorch\ndevice\n"


@dataclass(frozen=True, slots=True)
class _Step:
    """An instruction, and the one that made the value it pushes: another for a recalled value."""

    raw: bytes
    maker: bytes

    @property
    def text(self) -> str | None:
        """The text it pushes, be it written or recalled."""
        width = _LENGTHS[_TEXT] + 1
        return self.maker[width:].decode(errors="replace") if self.maker[0] == _TEXT else None


def moved(archive: Archive) -> tuple[dict[str, bytes], Counter[str]]:
    """Return all records of a sound lite model on the CPU, and what was replaced, how often."""
    records: dict[str, bytes] = {}
    found: Counter[str] = Counter()
    for name, record in archive.records.items():
        content = archive.read(name, limit=record.size)
        if name.endswith(".pkl"):
            content, replaced = on_cpu(content)
            found += replaced
        records[name] = content
    return records, found


def on_cpu(pickle: bytes) -> tuple[bytes, Counter[str]]:
    """Return a pickle that `read_pickle` accepts on the CPU, and what was replaced, how often."""
    steps = list(_steps(pickle))
    places = {
        place for place in _places(steps) if is_elsewhere(steps[place].text or HERE)
    }  # by their number among the steps
    replaced = {steps[place].maker for place in places}
    written = [
        _text(HERE) if number in places
        # its number may stand for the CPU by now
        else it.maker if it.raw[0] in _RECALL and it.maker in replaced
        else it.raw
        for number, it in enumerate(steps)
    ]  # fmt: skip
    found = Counter(told(steps[place].text or "") for place in places)
    return pickle[:2] + b"".join(written), found


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<cI", b"X", len(raw)) + raw


def _steps(pickle: bytes) -> Iterator[_Step]:
    """Yield the instructions after the two bytes that say which protocol it is."""
    memo: dict[int, bytes] = {}
    at, last = 2, b""
    while at < len(pickle):
        end = _end(pickle, at)
        raw = pickle[at:end]
        if raw[0] in _REMEMBER:
            memo[int.from_bytes(raw[1:], "little")] = last
            yield _Step(raw, raw)
        else:
            last = memo[int.from_bytes(raw[1:], "little")] if raw[0] in _RECALL else raw
            yield _Step(raw, last)
        at = end


def _end(pickle: bytes, at: int) -> int:
    """Return where the instruction ends that begins at a place."""
    code = pickle[at]
    if code == _NAME:
        return pickle.index(b"\n", pickle.index(b"\n", at) + 1) + 1
    width = _LENGTHS.get(code, 0)
    length = int.from_bytes(pickle[at + 1 : at + 1 + width], "little")
    return at + 1 + _ARGUMENTS.get(code, 0) + width + length


def _places(steps: list[_Step]) -> Iterator[int]:
    """Yield the numbers of the steps that push the name of a device."""
    skipped = _REMEMBER | {_MARK}
    pushed = [number for number, it in enumerate(steps) if it.raw[0] not in skipped]
    for last, number in enumerate(pushed):
        before = pushed[max(0, last - 3) : last]
        if len(before) < 3:  # noqa: PLR2004  a name, its argument, their tuple; then the call
            continue
        match steps[number].raw[0]:
            case code if code == _STORAGE:  # (…, location, size), their tuple, the reference
                yield before[0]
            case code if code == _CALL and steps[before[0]].maker == _DEVICE:
                yield before[1]
            case _:
                pass
