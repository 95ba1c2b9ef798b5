"""Lite models of another device: their pickles are written anew, with the CPU in its place.

A pickle names a device in two places: in the reference to a storage, and as the argument of
`torch.device` (`torch/csrc/jit/serialization/pickler.cpp`). Equal texts are written once and then
recalled by number, so one text may be a device in one place and plain text in another.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from builder.models.formats.archive import Archive
from builder.models.formats.pickle_steps import HEAD, Step, steps, text_step
from builder.models.formats.places import HERE, is_elsewhere, told

_MARK, _CALL, _STORAGE = ord("("), ord("R"), ord("Q")
_DEVICE: Final = b"ctorch\ndevice\n"


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
    read = list(steps(pickle))
    places = {
        place for place in _places(read) if is_elsewhere(read[place].text or HERE)
    }  # by their number among the steps
    replaced = {read[place].maker for place in places}
    written = [
        text_step(HERE) if number in places
        # its number may stand for the CPU by now
        else it.maker if it.recalls and it.maker in replaced
        else it.raw
        for number, it in enumerate(read)
    ]  # fmt: skip
    found = Counter(told(read[place].text or "") for place in places)
    return HEAD + b"".join(written), found


def _places(read: list[Step]) -> Iterator[int]:
    """Yield the numbers of the steps that push the name of a device."""
    pushed = [number for number, it in enumerate(read) if not it.remembers and it.code != _MARK]
    for last, number in enumerate(pushed):
        before = pushed[max(0, last - 3) : last]
        if len(before) < 3:  # noqa: PLR2004  a name, its argument, their tuple; then the call
            continue
        match read[number].code:
            case code if code == _STORAGE:  # (…, location, size), their tuple, the reference
                yield before[0]
            case code if code == _CALL and read[before[0]].maker == _DEVICE:
                yield before[1]
            case _:
                pass
