"""Following the interpreter's stack through a method, as the runtime does when it loads a model.

How many values are on the stack is known for every instruction beforehand. What a runtime would
refuse for it is told before anything is built (`native/src/loading/code_check.cpp` is the same in
C++, and says why it is asked). A value's type is not followed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from builder.libtorch.catalogue import Catalogue, OperatorEntry, count_results
from builder.models.preflight.interpreter import Interpreter, Takes
from builder.models.selection import upgraded_arguments
from builder.vocabulary.models import Code, Instruction
from builder.vocabulary.operators import OperatorName, OperatorUse

_CLASS_TOO: Final = 2  # arguments of an exception: its message, and its class
_LOOP: Final = 3  # values a loop leaves behind: the count, the limit and the condition
_UNTOLD: Final = "given fewer arguments than this source takes: its bytecode does not tell how many"
_STANDS_IN: Final = "given fewer arguments than what stands in for its former meaning takes"
_UNPACK: Final = OperatorName("prim", "TupleUnpack")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a method cannot be loaded; `operators` are those it is about, if it is about any."""

    reason: str
    operators: tuple[OperatorName, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """What is known of a release, and the operator set that a model was written for."""

    catalogue: Catalogue
    interpreter: Interpreter
    operator_version: int


def find_fault(code: Code, release: Release) -> Fault | None:
    """Return why no runtime of a release loads a method; None where it is not known."""
    try:
        _Follower(code, release).follow()
    except _UnknownError:
        return None
    except _FaultError as error:
        return error.fault
    return None


class _FaultError(Exception):
    """The method cannot be loaded."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class _UnknownError(Exception):
    """An operator is not in the release, or not with so many arguments: others tell that."""


@dataclass(frozen=True, slots=True)
class _Effect:
    """What an instruction takes from the stack and puts there. `ends`: nothing is run after it."""

    takes: int = 0
    gives: int = 0
    ends: bool = False


_FIXED: Final[Mapping[str, _Effect]] = {
    "LOAD": _Effect(0, 1), "MOVE": _Effect(0, 1), "STORE": _Effect(1, 0), "DROPR": _Effect(),
    "DROP": _Effect(1, 0), "JF": _Effect(1, 0), "LOADC": _Effect(0, 1), "GET_ATTR": _Effect(1, 1),
    "SET_ATTR": _Effect(2, 0), "CREATE_OBJECT": _Effect(0, 1), "ISINSTANCE": _Effect(1, 1),
    "TUPLE_SLICE": _Effect(1, 1), "TUPLE_INDEX": _Effect(2, 1), "DICT_INDEX": _Effect(2, 1),
    "__IS__": _Effect(2, 1), "__ISNOT__": _Effect(2, 1), "TO_LIST": _Effect(3, 1),
    "WARN": _Effect(2, 0), "UN_INITIALIZED": _Effect(0, 1), "JMP": _Effect(),
    "RAISE_EXCEPTION": _Effect(2, 0, ends=True), "RET": _Effect(1, 1, ends=True),
    "DEVICE": _Effect(1, 1), "DTYPE": _Effect(1, 1), "DIM": _Effect(1, 1),
    "__NOT__": _Effect(1, 1), "NUM_TO_TENSOR": _Effect(1, 1), "IS_CUDA": _Effect(1, 1),
}  # fmt: skip
_BY_OPERANDS: Final[Mapping[str, Callable[[int, int], _Effect]]] = {
    "STOREN": lambda _, n: _Effect(n, 0),
    "INTERFACE_CALL": lambda _, n: _Effect(n, 1),
    "LIST_CONSTRUCT": lambda _, n: _Effect(n, 1),
    "DICT_CONSTRUCT": lambda _, n: _Effect(n, 1),
    "NAMED_TUPLE_CONSTRUCT": lambda _, n: _Effect(n, 1),
    "LOOP": lambda _, n: _Effect(n + 1, n + 1),
    "LIST_UNPACK": lambda x, _: _Effect(1, x),
    "TUPLE_CONSTRUCT": lambda x, _: _Effect(x, 1),
    "FORMAT": lambda x, _: _Effect(x, 1),
}
_JUMPS: Final = frozenset({"JF", "JMP", "LOOP"})

# What the operands must be: the lowest and the highest X, the lowest N.
_MAX_X: Final = (1 << 31) - 1
_MAX_N: Final = (1 << 16) - 1
_X: Final[Mapping[str, tuple[int, int]]] = {
    "GET_ATTR": (0, _MAX_X), "SET_ATTR": (0, _MAX_N + 1), "LIST_UNPACK": (0, _MAX_N),
    "TUPLE_CONSTRUCT": (0, _MAX_X), "TUPLE_SLICE": (0, _MAX_X), "FORMAT": (1, _MAX_X),
    "CALL": (0, -1),  # the runtime alone writes it, instead of an operator that changed
}  # fmt: skip
_LEAST_N: Final = {"INTERFACE_CALL": 1, "LOOP": 2}
_REGISTERS: Final = frozenset({"LOAD", "MOVE", "STORE", "STOREN", "DROPR"})
_CONSTANTS: Final = frozenset({"LOADC", "INTERFACE_CALL"})
_TYPES: Final = frozenset({
    "LIST_CONSTRUCT", "DICT_CONSTRUCT", "NAMED_TUPLE_CONSTRUCT", "CREATE_OBJECT", "ISINSTANCE",
})  # fmt: skip


class _Follower:
    """The depth of the stack at each instruction that was reached."""

    def __init__(self, code: Code, release: Release) -> None:
        self._code = code
        self._release = release
        self._depths: dict[int, int] = {}
        self._pending: list[int] = []

    def follow(self) -> None:
        self._reach(0, self._code.inputs)
        while self._pending:
            at = self._pending.pop()
            self._step(at, self._depths[at])

    def _reach(self, at: int, depth: int) -> None:
        if not 0 <= at < len(self._code.instructions):
            raise _FaultError(Fault("runs out of its instructions"))
        if self._depths.setdefault(at, depth) != depth:
            raise self._unbalanced("leaves different stacks at one place")
        self._pending.append(at)

    def _step(self, at: int, depth: int) -> None:
        instruction = self._code.instructions[at]
        opcode, x, _ = instruction
        effect = self._effect(at, instruction, depth)
        if effect.takes > depth:
            raise self._unbalanced("takes more from the stack than there is")
        if opcode == "RET" and depth != 1:
            raise self._unbalanced("does not return one value")
        left = depth - effect.takes + effect.gives
        if opcode in _JUMPS:
            self._go(at + x, left - _LOOP if opcode == "LOOP" else left)
        if not effect.ends and opcode != "JMP":
            self._go(at + 1, left)

    def _go(self, at: int, depth: int) -> None:
        if self._depths.get(at) != depth:
            self._reach(at, depth)

    def _effect(self, at: int, instruction: Instruction, depth: int) -> _Effect:
        opcode, x, n = instruction
        self._need(self._possible(opcode, x, n))
        if opcode in ("OP", "OPN"):
            return self._operator(at, instruction, depth)
        if opcode in _BY_OPERANDS:
            return _BY_OPERANDS[opcode](x, n)
        return _FIXED.get(opcode, _Effect(ends=True))  # what the interpreter refuses ends it

    def _possible(self, opcode: str, x: int, n: int) -> bool:
        least, most = _X.get(opcode, (-_MAX_X - 1, _MAX_X))
        possible = least <= x <= most and _LEAST_N.get(opcode, 0) <= n <= _MAX_N
        if opcode in _REGISTERS:
            possible &= 1 <= x <= self._code.registers + 1 - (n if opcode == "STOREN" else 1)
        if opcode in _CONSTANTS:
            texts = self._code.constants
            possible &= 0 <= x < len(texts) and (opcode == "LOADC" or texts[x])
        if opcode in _TYPES:
            possible &= 0 <= x <= self._code.types - (max(n, 1) if opcode == "ISINSTANCE" else 1)
        return possible and (opcode != "DICT_CONSTRUCT" or n % 2 == 0)

    def _operator(self, at: int, instruction: Instruction, depth: int) -> _Effect:
        opcode, x, n = instruction
        use = self._code.operators[x]
        counted = n if opcode == "OPN" else None
        if (promoted := self._release.interpreter.promoted.get(str(use.name))) is not None:
            takes = self._promoted(promoted.takes, use, counted, depth)
            return _Effect(takes, promoted.gives, ends=promoted.takes is Takes.MESSAGE)
        entry = self._entry(use)
        upgraded = upgraded_arguments(use.name, self._release.operator_version)
        if upgraded is not None and counted is None:
            if use.arguments is not None and use.arguments < upgraded:
                raise _FaultError(Fault(_STANDS_IN, (use.name,)))
            return _Effect(upgraded, 1)
        if entry.schema.endswith("..."):
            self._need(counted is None and use.name == _UNPACK)
            return _Effect(1, self._stored_next(at))
        most = entry.most_arguments
        self._need((counted is None) == (most is not None))
        if most is None:
            return _Effect(n, count_results(entry.schema))
        return _Effect(self._given(use, entry, most, depth), count_results(entry.schema))

    def _entry(self, use: OperatorUse) -> OperatorEntry:
        entry = self._release.catalogue.entries.get(use.name)
        if entry is None or not entry.schema:
            raise _UnknownError
        if use.arguments is not None and not entry.accepts(use.arguments):
            raise _UnknownError
        return entry

    def _promoted(
        self, takes: int | Takes, use: OperatorUse, counted: int | None, depth: int
    ) -> int:
        if takes is Takes.COUNTED:
            self._need(counted is not None and counted >= 1)
            return counted or 0
        self._need(counted is None)
        if isinstance(takes, Takes):
            given = min(depth, _CLASS_TOO) if use.arguments is None else use.arguments
            self._need(1 <= given <= _CLASS_TOO)
            return given
        return takes

    def _given(self, use: OperatorUse, entry: OperatorEntry, most: int, depth: int) -> int:
        if use.arguments is None and depth < most and entry.least_arguments < most:
            raise _FaultError(Fault(_UNTOLD, (use.name,)))
        return most if use.arguments is None else use.arguments

    def _stored_next(self, at: int) -> int:
        """Return how many values the next instruction stores; a single one may stay."""
        following = self._code.instructions[at + 1 : at + 2]
        return next((n for opcode, _, n in following if opcode == "STOREN"), 1)

    def _need(self, holds: bool) -> None:  # noqa: FBT001  a condition, as of an assertion
        if not holds:
            raise _FaultError(Fault("has an impossible operand"))

    def _unbalanced(self, reason: str) -> _FaultError:
        uncounted = tuple(dict.fromkeys(self._uncounted()))
        return _FaultError(Fault(_UNTOLD, uncounted) if uncounted else Fault(reason))

    def _uncounted(self) -> Iterator[OperatorName]:
        """Yield the operators that may be called with fewer arguments than they have now."""
        for use in (self._code.operators[x] for op, x, _ in self._code.instructions if op == "OP"):
            entry = self._release.catalogue.entries.get(use.name)
            most = entry.most_arguments if entry is not None and use.arguments is None else None
            if entry is not None and most is not None and entry.least_arguments < most:
                yield use.name
