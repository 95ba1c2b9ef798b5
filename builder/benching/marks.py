"""How long each operator takes, without a byte for it in a runtime: marks in a copy of the model.

After each call of an operator the copy warns, with the number of the call as its text. Warnings are
handed to the program that runs the model, which looks at the clock. A runtime knows nothing of it.
Two marks in a row at the beginning tell what a mark costs itself.

The bytecode is written anew around what is inserted: everything else of the pickle stays, as later
parts refer to earlier ones by number.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from builder.models.conversion.pickling import Pickler
from builder.vocabulary.errors import ModelError

BYTECODE: Final = "bytecode.pkl"
COST: Final = 1
"""The number of the mark that tells what a mark costs."""

_SIGN: Final = "@"
_CALLS: Final = frozenset({"OP", "OPN"})
_JUMPS: Final = frozenset({"JF", "JMP", "LOOP"})
_STORES: Final = frozenset({"STORE", "STOREN"})
_UNPACKS: Final = "prim::TupleUnpack"
"""The next instruction says how many values it unpacks: nothing may come between."""

_INSERTED: Final = 3  # instructions of a mark

_ARGUMENTS: Final = {
    b"K": 1, b"M": 2, b"J": 4, b"G": 8, b"q": 1, b"r": 4, b"h": 1, b"j": 4,
}  # fmt: skip
"""Bytes that follow an instruction. Others have none, or a length of as many bytes as below."""

_LENGTHS: Final = {b"X": 4, b"\x8d": 8, b"\x8a": 1}
_TAKES: Final = {b"\x85": 1, b"\x86": 2, b"\x87": 3, b"R": 2, b"\x81": 2, b"Q": 1}
"""Values that an instruction makes one of; the first three are tuples."""

_TUPLES: Final = frozenset({b"\x85", b"\x86", b"\x87", b"t", b")"})
_FILLS: Final = {b"a": 1, b"s": 2, b"b": 1}
"""Values that an instruction puts into the one below."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A pickle of bytecode with marks, and the operator that each mark stands for, by number."""

    pickle: bytes
    operators: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """A value of a pickle: where its bytes are, the last instruction of them, what it holds."""

    start: int
    end: int
    last: int
    code: bytes
    items: tuple["_Node", ...] = ()
    value: str | int | None = None


@dataclass(slots=True)
class _Edits:
    """What replaces the bytes between two places."""

    found: list[tuple[int, int, bytes]] = field(default_factory=list)

    def insert(self, place: int, content: bytes) -> None:
        self.found.append((place, place, content))

    def grow(self, node: _Node, at: int, content: bytes) -> None:
        """Insert values into a tuple, which may have to be written as a longer one."""
        if node.code == b")":
            self.found.append((node.start, node.last + 1, b"(" + content + b"t"))
            return
        self.insert(at, content)

    def lengthen(self, node: _Node) -> None:
        """Let a tuple of up to three values have more."""
        if node.code in _TAKES:
            self.insert(node.start, b"(")
            self.found.append((node.last, node.last + 1, b"t"))

    def applied(self, pickle: bytes) -> bytes:
        parts: list[bytes] = []
        at = 0
        for start, end, content in sorted(self.found, key=lambda it: it[:2]):
            parts += [pickle[at:start], content]
            at = end
        return b"".join((*parts, pickle[at:]))


def mark(pickle: bytes) -> Marked:
    """Return bytecode that `read_pickle` accepts with a mark after each call of an operator.

    Raise `ModelError` for bytecode that shares its tables, which no exporter writes.
    """
    edits = _Edits()
    operators: list[str] = ["", ""]
    for function in _parse(pickle).items:
        if function.items:  # not the version, which comes first
            _mark_function(function, edits, operators)
    return Marked(edits.applied(pickle), tuple(operators))


def _mark_function(function: _Node, edits: _Edits, operators: list[str]) -> None:
    table = {str(entry.items[0].value): entry.items[1] for entry in function.items[1].items}
    instructions, constants = table["instructions"], table["constants"]
    if {b"h", b"j"} & {instructions.code, constants.code}:
        raise ModelError(
            f"operators of {function.items[0].value} cannot be told apart: its tables are shared",
            hint="export the model again, or leave --per-op out",
        )
    names = [_name(entry) for entry in table["operators"].items]
    steps = [tuple(it.value for it in step.items) for step in instructions.items]
    marks = dict(_places(steps, names))
    texts: list[bytes] = []
    for at, names_here in marks.items():
        inserted = b""
        for number, name in names_here:
            constant = len(constants.items) + len(texts)
            shown = number if number is not None else len(operators)
            if number is None:
                operators.append(name)
            texts.append(_written(f"{_SIGN}{shown}"))
            loaded = _written(("LOADC", constant, 0))
            inserted += loaded + loaded + _written(("WARN", 0, 0))
        edits.insert(instructions.items[at].end, inserted)
    if not marks:
        return
    edits.lengthen(instructions)
    edits.lengthen(constants)
    edits.grow(constants, constants.last, b"".join(texts))
    _move_jumps(instructions, steps, marks, edits)


def _places(
    steps: list[tuple[str | int | None, ...]], names: list[str]
) -> Iterator[tuple[int, list[tuple[int | None, str]]]]:
    """Yield instructions to mark, with the numbers (None: a new one) and names of their marks."""
    for at, (opcode, first, *_) in enumerate(steps):
        if at == 0 and opcode in _STORES:
            yield at, [(0, ""), (COST, "")]
        elif opcode in _CALLS and isinstance(first, int) and names[first] != _UNPACKS:
            yield at, [(None, names[first])]


def _move_jumps(
    instructions: _Node,
    steps: list[tuple[str | int | None, ...]],
    marks: dict[int, list[tuple[int | None, str]]],
    edits: _Edits,
) -> None:
    """Let jumps lead where they led before."""
    places = sorted(marks)
    inserted = [0]
    for place in places:
        inserted.append(inserted[-1] + _INSERTED * len(marks[place]))

    def moved(at: int) -> int:
        return at + inserted[bisect_left(places, at)]

    for at, (opcode, first, *_) in enumerate(steps):
        if opcode in _JUMPS and isinstance(first, int):
            node = instructions.items[at].items[1]
            distance = moved(at + first) - moved(at)
            edits.found.append((node.start, node.end, _written(distance)))


def _name(entry: _Node) -> str:
    base, overload = (str(it.value) for it in entry.items[:2])
    return f"{base}.{overload}" if overload else base


def _written(value: object) -> bytes:
    pickler = Pickler()
    pickler.put(value)
    return pickler.done()[2:-1]


def _parse(pickle: bytes) -> _Node:
    """Return the value of a sound pickle as a tree of its parts."""
    stack: list[_Node] = []
    marks: list[int] = []
    starts: list[int] = []
    memo: dict[int, _Node] = {}
    at = 2
    while at < len(pickle) - 1:  # the last instruction ends it
        code = pickle[at : at + 1]
        end = _end(pickle, at)
        argument = pickle[at + 1 : end]
        if code == b"(":
            marks.append(len(stack))
            starts.append(at)
        elif code in b"qr":
            stack[-1].end = end
            memo[int.from_bytes(argument, "little")] = stack[-1]
        elif code in b"hj":
            known = memo[int.from_bytes(argument, "little")]
            stack.append(_Node(at, end, at, code, known.items, known.value))
        elif code in b"tld":
            items = tuple(stack[marks[-1] :])
            del stack[marks.pop() :]
            stack.append(_Node(starts.pop(), end, at, code, items if code == b"t" else ()))
        elif code in b"eu":
            del stack[marks.pop() :]
            starts.pop()
            stack[-1].end = end
        elif code in _FILLS:
            del stack[-_FILLS[code] :]
            stack[-1].end = end
        elif code in _TAKES:
            items = tuple(stack[-_TAKES[code] :])
            del stack[-_TAKES[code] :]
            held = items if code in _TUPLES else ()
            stack.append(_Node(items[0].start, end, at, code, held))
        else:
            stack.append(_Node(at, end, at, code, (), _value(code, argument)))
        at = end
    return stack[0]


def _end(pickle: bytes, at: int) -> int:
    """Return where the instruction ends that begins at a place."""
    code = pickle[at : at + 1]
    if code == b"c":
        return pickle.index(b"\n", pickle.index(b"\n", at) + 1) + 1
    width = _LENGTHS.get(code, 0)
    length = int.from_bytes(pickle[at + 1 : at + 1 + width], "little")
    return at + 1 + _ARGUMENTS.get(code, 0) + width + length


def _value(code: bytes, argument: bytes) -> str | int | None:
    match code:
        case b"X":
            return argument[4:].decode(errors="replace")
        case b"K" | b"M":
            return int.from_bytes(argument, "little")
        case b"J":
            return int.from_bytes(argument, "little", signed=True)
        case b"\x8a":
            return int.from_bytes(argument[1:], "little", signed=True)
        case _:
            return None
