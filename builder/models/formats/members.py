"""Members of enumerations among the attributes of a lite model: what they are worth is kept.

Torch writes a member as a call of its class (`torch/csrc/jit/serialization/pickler.cpp`), and no
lite interpreter reads that. Code that reads no such attribute is none the wiser.
"""

from collections.abc import Iterator
from typing import Final

from builder.models.formats.pickle_steps import Step, renumbered, steps

_CALL: Final = ord("R")
_WORTH: Final = frozenset((*b"KMJGX", 0x8A))
"""What pushes a number or a text. All other calls are given a tuple."""


def without_members(pickle: bytes) -> bytes:
    """Return a pickle that torch wrote with what members are worth in their place.

    One without members keeps its bytes.
    """
    read = list(steps(pickle))
    dropped = set(_of_calls(read))
    if not dropped:
        return pickle
    return renumbered(None if number in dropped else it for number, it in enumerate(read))


def _of_calls(read: list[Step]) -> Iterator[int]:
    """Yield the numbers of the steps that push the class of a member, remember it, and call it."""
    pushed = [number for number, it in enumerate(read) if not it.remembers]
    for name, worth, call in zip(pushed, pushed[1:], pushed[2:], strict=False):
        if read[call].code == _CALL and read[worth].maker[0] in _WORTH:
            yield from range(name, worth)
            yield call
