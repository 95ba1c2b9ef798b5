"""A pickle machine that runs nothing: globals are names, calls are recorded, sizes are bounded.

It knows the instructions torch's own unpickler knows (`torch/csrc/jit/serialization/unpickler.cpp`)
and no others. What a model may name is decided by the caller's rule; Python never imports it.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Final

from builder.models.formats.faults import MalformedError, shown
from builder.models.formats.pickle_values import (
    TENSORS,
    Call,
    Global,
    Pickle,
    Storage,
    rebuilt_tensor,
    torchscript_global,
)

MAX_INSTRUCTIONS: Final = 10_000_000
MAX_CONTAINERS: Final = 3_000_000  # about 250 bytes of memory each
MAX_DEPTH: Final = 1000
_MAX_GLOBAL: Final = 2048


def read_pickle(data: bytes, *, allowed: Callable[[Global], bool] = torchscript_global) -> Pickle:
    """Evaluate a pickle to inert values; raise `MalformedError` for what torch never writes."""
    return _Machine(data, allowed).run()


class _Machine:
    """The state of one evaluation."""

    def __init__(self, data: bytes, allowed: Callable[[Global], bool]) -> None:
        self._data = data
        self._allowed = allowed
        self._at = 0
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: list[object] = []
        # A container is filled while it is on top of the stack and frozen once something holds it:
        # then no cycle can arise and its depth is known. The values are held by `_kept`, so that
        # an id is never used twice.
        self._depths: dict[int, int] = {}
        self._frozen: set[int] = set()
        self._kept: list[object] = []
        self._result = Pickle()

    def run(self) -> Pickle:
        if self._data[:2] != b"\x80\x02":
            raise MalformedError("it is not a pickle of protocol 2")
        self._at = 2
        for _ in range(MAX_INSTRUCTIONS):
            if self._at >= len(self._data):
                raise MalformedError("the pickle is cut off")
            code = self._data[self._at]
            self._at += 1
            if code == _STOP:
                return self._finished()
            step = _STEPS.get(code)
            if step is None:
                raise MalformedError(
                    f"the pickle has instruction 0x{code:02x}, which torch never writes"
                )
            step(self)
        raise MalformedError(f"the pickle has more than {MAX_INSTRUCTIONS} instructions")

    def _finished(self) -> Pickle:
        if self._at != len(self._data) or len(self._stack) != 1 or self._marks:
            raise MalformedError("the pickle does not end where it should")
        self._result.value = self._stack[0]
        return self._result

    def _take(self, count: int) -> bytes:
        raw = self._data[self._at : self._at + count]
        if len(raw) != count:
            raise MalformedError("the pickle is cut off")
        self._at += count
        return raw

    def number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(count), "little", signed=signed)

    def _pop(self) -> object:
        floor = self._marks[-1] if self._marks else 0
        if len(self._stack) <= floor:
            raise _unbalanced()
        return self._stack.pop()

    def _pop_mark(self) -> list[object]:
        if not self._marks:
            raise _unbalanced()
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _top(self) -> object:
        floor = self._marks[-1] if self._marks else 0
        if len(self._stack) <= floor:
            raise _unbalanced()
        return self._stack[-1]

    def _hold(self, holder: object, items: Sequence[object]) -> None:
        """Note that `holder` contains `items`: freeze them, and bound how deep it all nests."""
        depths = self._depths
        deepest = 0
        for item in items:
            depth = depths.get(id(item))
            if depth is not None:
                self._frozen.add(id(item))
                deepest = max(deepest, depth)
        if items and id(holder) in self._frozen:
            raise MalformedError("the pickle changes a value after its use")
        if deepest >= MAX_DEPTH:
            raise MalformedError(f"the pickle nests deeper than {MAX_DEPTH} levels")
        if id(holder) not in depths:
            if len(self._kept) >= MAX_CONTAINERS:
                raise MalformedError(f"the pickle has more than {MAX_CONTAINERS} containers")
            self._kept.append(holder)
        depths[id(holder)] = max(depths.get(id(holder), 0), deepest + 1)

    def push_container(self, holder: object, items: Sequence[object]) -> None:
        self._hold(holder, items)
        self._stack.append(holder)

    def memoize(self, index: int) -> None:
        # Torch numbers its memo without gaps; a gap would only make its reader allocate.
        value = self._top()
        if index > len(self._memo):
            raise MalformedError(
                f"the pickle remembers value {index} before value {len(self._memo)}"
            )
        self._memo[index : index + 1] = [value]

    def recall(self, index: int) -> None:
        if index >= len(self._memo):
            raise MalformedError(f"the pickle recalls value {index}, which it never remembered")
        self._stack.append(self._memo[index])

    def push(self, value: object) -> None:
        self._stack.append(value)

    def text(self, width: int) -> None:
        # TorchScript strings are bytes; those that are not UTF-8 must still be read.
        self._stack.append(self._take(self.number(width)).decode(errors="surrogateescape"))

    def integer(self, count: int, *, signed: bool = False) -> None:
        self._stack.append(self.number(count, signed=signed))

    def long(self) -> None:
        count = self.number(1)
        if count > 8:  # noqa: PLR2004  torch writes 64-bit numbers
            raise MalformedError(f"the pickle has an integer of {count} bytes, the limit is 8")
        self._stack.append(self.number(count, signed=True))

    def double(self) -> None:
        self._stack.append(struct.unpack(">d", self._take(8))[0])

    def mark(self) -> None:
        if len(self._marks) >= MAX_DEPTH:
            raise MalformedError(f"the pickle nests deeper than {MAX_DEPTH} levels")
        self._marks.append(len(self._stack))

    def tuple_of_mark(self) -> None:
        items = tuple(self._pop_mark())
        self.push_container(items, items)

    def tuple_of(self, count: int) -> None:
        items = tuple(reversed([self._pop() for _ in range(count)]))
        self.push_container(items, items)

    def list_of_mark(self) -> None:
        items = self._pop_mark()
        self.push_container(items, items)

    def append(self) -> None:
        self._extend([self._pop()])

    def appends(self) -> None:
        self._extend(self._pop_mark())

    def _extend(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise _unbalanced()
        self._hold(target, items)
        target.extend(items)

    def dict_of_mark(self) -> None:
        items = self._pop_mark()
        self.push_container({}, ())
        self._update(items)

    def set_item(self) -> None:
        value = self._pop()
        self._update([self._pop(), value])

    def set_items(self) -> None:
        self._update(self._pop_mark())

    def _update(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise _unbalanced()
        for key in items[::2]:
            # Hashing a tuple that holds another one twice, and so on down, would never end.
            if isinstance(key, tuple | list | dict):
                raise MalformedError("the pickle has a dictionary key that is a container")
        self._hold(target, items)
        target.update(zip(items[::2], items[1::2], strict=True))

    def name(self) -> None:
        end = self._data.find(b"\n", self._at, self._at + _MAX_GLOBAL)
        stop = self._data.find(b"\n", end + 1, end + 1 + _MAX_GLOBAL) if end >= 0 else -1
        if stop < 0:
            raise MalformedError("the pickle refers to a name that does not end")
        module = self._data[self._at : end].decode(errors="replace")
        found = Global(module, self._data[end + 1 : stop].decode(errors="replace"))
        self._at = stop + 1
        if not self._allowed(found):
            raise MalformedError(f"it refers to {found}, which has no place in a TorchScript model")
        self._result.globals.add(found)
        self._stack.append(found)

    def new_object(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Global):
            raise _unbalanced()
        self.push_container(Call(function, arguments), (arguments,))

    def build(self) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Call):
            self._hold(target, (state,))
            target.state = state
            self._result.objects.append(target)
        elif not isinstance(target, dict):  # Python sets attributes of an OrderedDict this way
            raise _unbalanced()

    def reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Global):
            raise _unbalanced()
        match function.module, function.name:
            case "torch._utils", name if name in TENSORS:
                self._stack.append(rebuilt_tensor(arguments))
            case "torch.jit._pickle", _ if isinstance(arguments, tuple) and arguments:
                self._stack.append(arguments[0])  # a list or dict, tagged with its type
            case "collections", "OrderedDict" if arguments == ():
                self.push_container({}, ())
            case "torch", "device":
                self._result.devices.update(_texts(arguments))
                self.push_container(Call(function, arguments), (arguments,))
            case _:
                self.push_container(Call(function, arguments), (arguments,))

    def persistent(self) -> None:
        match self._pop():
            case (
                "storage",
                Global(module="torch", name=kind),
                str(key),
                str(location),
                int(count),
                *view,  # torch 1.3 and 1.4 told of a view of the storage here: always None
            ) if kind.endswith("Storage") and view in ([], [None]):
                storage = Storage(kind.removesuffix("Storage"), key, location, count)
            case _:
                raise MalformedError("the pickle has a reference that is not a tensor storage")
        if count < 0:
            raise MalformedError(f"storage '{shown(key)}' has {count} elements")
        self._result.storages.append(storage)
        self._result.devices.add(location)
        self._stack.append(storage)


def _texts(arguments: object) -> list[str]:
    """Return the arguments of a call that are texts."""
    return [it for it in arguments if isinstance(it, str)] if isinstance(arguments, tuple) else []


def _unbalanced() -> MalformedError:
    return MalformedError("the pickle uses values that are not there or of the wrong kind")


_STOP: Final = ord(".")

_STEPS: Final[dict[int, Callable[[_Machine], None]]] = {
    ord("("): _Machine.mark,
    ord(")"): lambda machine: machine.push_container((), ()),
    ord("]"): lambda machine: machine.push_container([], ()),
    ord("}"): lambda machine: machine.push_container({}, ()),
    ord("N"): lambda machine: machine.push(None),
    0x88: lambda machine: machine.push(True),  # noqa: FBT003
    0x89: lambda machine: machine.push(False),  # noqa: FBT003
    ord("K"): lambda machine: machine.integer(1),
    ord("M"): lambda machine: machine.integer(2),
    ord("J"): lambda machine: machine.integer(4, signed=True),
    0x8A: _Machine.long,
    ord("G"): _Machine.double,
    ord("X"): lambda machine: machine.text(4),
    0x8D: lambda machine: machine.text(8),
    ord("t"): _Machine.tuple_of_mark,
    0x85: lambda machine: machine.tuple_of(1),
    0x86: lambda machine: machine.tuple_of(2),
    0x87: lambda machine: machine.tuple_of(3),
    ord("l"): _Machine.list_of_mark,
    ord("a"): _Machine.append,
    ord("e"): _Machine.appends,
    ord("d"): _Machine.dict_of_mark,
    ord("s"): _Machine.set_item,
    ord("u"): _Machine.set_items,
    ord("q"): lambda machine: machine.memoize(machine.number(1)),
    ord("r"): lambda machine: machine.memoize(machine.number(4)),
    ord("h"): lambda machine: machine.recall(machine.number(1)),
    ord("j"): lambda machine: machine.recall(machine.number(4)),
    ord("c"): _Machine.name,
    0x81: _Machine.new_object,
    ord("b"): _Machine.build,
    ord("R"): _Machine.reduce,
    ord("Q"): _Machine.persistent,
}
