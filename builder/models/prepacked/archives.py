"""Archives with packed weights: as tuples for desktop torch, and as contexts for runtimes.

Desktop torch has neither the classes of contexts nor their operators, and both cannot be added to
it from Python. It is given the same archive with the state of each context in its place, a tuple,
and operators of our own that run tuples. What it writes then gets contexts in place of tuples.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from builder.models.formats.identify import MAX_PICKLE
from builder.models.formats.pickle_steps import HEAD, Step, renumbered, steps, text_step
from builder.models.prepacked.contexts import (
    BY_CLASS,
    NAMES,
    NAMESPACE,
    OPERATORS,
    Context,
)

STAND_INS: Final = "build_runtime"
"""The namespace of the operators that run tuples."""

PACKED: Final = "_jit_pass_packed_weight_"
"""How the attributes begin that hold contexts, as torch calls them; a number follows."""

_CODE: Final = "code/"
_CLASS_FILE: Final = "code/__torch__/torch/classes/xnnpack.py"
_DEBUG: Final = ".debug_pkl"
_IDENTITY: Final = ".data/serialization_id"  # a hash of what is in the file
_MARK, _TUPLE, _NEW, _BUILD, _NO_ARGUMENTS = ord("("), ord("t"), 0x81, ord("b"), ord(")")

_PICKLES: Final = frozenset({"bytecode.pkl", "constants.pkl", "data.pkl"})
_SIGNS: Final = tuple(it.encode() for it in (NAMESPACE, f"{OPERATORS}::", f"ops.{OPERATORS}."))
"""What stands in a record that holds, makes or runs packed weights: a class, an operator."""

_NAMES: Final = "|".join(sorted(NAMES))
_CALLED: Final = re.compile(rf"\bops\.{OPERATORS}\.({_NAMES})\b")
_CALLED_HERE: Final = re.compile(rf"\bops\.{STAND_INS}\.({_NAMES})\b")
_TYPES: Final = re.compile("|".join(re.escape(it) + r"\b" for it in BY_CLASS))
_ATTRIBUTE: Final = re.compile(rf"^(  {PACKED}\d+) : .*$", re.MULTILINE)


def holds_contexts(archive: Archive) -> bool:
    """Tell whether an archive holds packed weights, or code that makes or runs some."""
    if _CLASS_FILE in archive.records:
        return True
    inside = (archive.read(it, limit=MAX_PICKLE) for it in archive.records if _tells(it))
    return any(sign in it for it in inside for sign in _SIGNS)


def _tells(record: str) -> bool:
    return record in _PICKLES or (record.startswith(_CODE) and record.endswith(".py"))


def unwrapped(records: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the records of a sound archive with tuples in the place of contexts."""
    return _changed(records, unwrap_pickle, _unwrap_code)


def wrapped(records: Mapping[str, bytes], classes: Mapping[str, Context]) -> dict[str, bytes]:
    """Return the records of an archive that torch wrote with contexts in the place of tuples.

    `classes` tells which attribute of the top module is which context.
    """

    def code(text: str) -> str:
        text = _ATTRIBUTE.sub(lambda it: f"{it[1]} : {classes[it[1].strip()].qualified}", text)
        return _CALLED_HERE.sub(rf"ops.{OPERATORS}.\1", text)

    return _changed(records, lambda pickle: wrap_pickle(pickle, classes), code)


def _changed(
    records: Mapping[str, bytes], pickle: Callable[[bytes], bytes], code: Callable[[str], str]
) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for name, content in records.items():
        if name in {_IDENTITY, _CLASS_FILE, _CLASS_FILE + _DEBUG}:
            continue
        if name in _PICKLES:
            made[name] = pickle(content)
        elif name.startswith(_CODE) and name.endswith(".py"):
            text = content.decode(errors="surrogateescape")
            made[name] = code(text).encode(errors="surrogateescape")
        else:
            made[name] = content
    # what tells of places in a text that has changed tells wrong ones
    stale = {it + _DEBUG for it in made if it.startswith(_CODE) and made[it] != records[it]}
    return {name: content for name, content in made.items() if name not in stale}


def _unwrap_code(text: str) -> str:
    text = _TYPES.sub(lambda it: BY_CLASS[it[0]].state, text)
    return _CALLED.sub(rf"ops.{STAND_INS}.\1", text)


def unwrap_pickle(pickle: bytes) -> bytes:
    """Return a pickle with the states of contexts in their place.

    Raise `MalformedError` for one that stores them as torch never did.
    """
    read = list(steps(pickle))
    kept: list[Step | bytes | None] = [
        _renamed(it, f"{OPERATORS}::", f"{STAND_INS}::") for it in read
    ]
    for start in (number for number, it in enumerate(read) if it.name in BY_CLASS):
        if read[start].remembers:
            continue
        at = start + 1
        for code in (_NO_ARGUMENTS, _NEW):
            while at < len(read) and read[at].remembers:
                at += 1
            _expect(read, at, code)
            at += 1
        while at < len(read) and read[at].remembers:
            at += 1
        _expect(read, at, _MARK)
        end = _after(read, _after_tuple(read, at))
        _expect(read, end, _BUILD)
        kept[start:at] = [None] * (at - start)
        kept[end] = None
    return renumbered(kept)


def _expect(read: list[Step], at: int, code: int) -> None:
    if at >= len(read) or read[at].code != code:
        raise MalformedError("the pickle has packed weights in a layout that torch never writes")


def _after_tuple(read: list[Step], at: int) -> int:
    """Return the number of the step after the tuple whose mark is at a place."""
    depth = 0
    for number in range(at, len(read)):
        depth += _DEPTHS.get(read[number].code, 0)
        if not depth:
            _expect(read, number, _TUPLE)
            return number + 1
    raise MalformedError("the pickle has packed weights in a layout that torch never writes")


_DEPTHS: Final[Mapping[int, int]] = {
    _MARK: 1, _TUPLE: -1, ord("l"): -1, ord("e"): -1, ord("d"): -1, ord("u"): -1,
}  # fmt: skip
"""How many marks an instruction adds: it takes back the last one if it collects what follows it."""


def _after(read: list[Step], at: int) -> int:
    """Return the number of the first step from a place on that is more than a number."""
    while at < len(read) and read[at].remembers:
        at += 1
    return at


def wrap_pickle(pickle: bytes, classes: Mapping[str, Context]) -> bytes:
    """Return a pickle whose attributes of these names are contexts, and were tuples."""
    read = list(steps(pickle))
    written = [_renamed(it, f"{STAND_INS}::", f"{OPERATORS}::") for it in read]
    for number, it in enumerate(read):
        context = classes.get(it.text or "")
        at = _after(read, number + 1)
        if context is not None and at < len(read) and read[at].code == _MARK:
            end = _after_tuple(read, at)
            made = f"c{NAMESPACE}\n{context.name}\n".encode()
            written[at] = made + bytes((_NO_ARGUMENTS, _NEW)) + written[at]
            written[end - 1] += bytes((_BUILD,))
    return HEAD + b"".join(written)


def _renamed(it: Step, before: str, after: str) -> bytes:
    """Return an instruction with the name of an operator in another namespace."""
    text = it.text
    if it.recalls or text is None or not text.startswith(before):
        return it.raw
    name = text.removeprefix(before)
    return text_step(after + name) if name in NAMES else it.raw
