"""What the bytecode of a lite model says: its functions, and the operators and types they use.

Layout: `torch/csrc/jit/mobile/import.cpp` (versions 4 to 9) reads what
`torch/csrc/jit/serialization/export_module.cpp` writes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from builder.models.formats.faults import MalformedError, shown
from builder.models.reading.asked_dtypes import asked_dtypes
from builder.models.reading.debug import Lines
from builder.models.reading.type_texts import objects_in, unreadable_in_schema, unreadable_in_table
from builder.vocabulary.models import Code, Instruction, Method
from builder.vocabulary.operators import OperatorName, OperatorUse, SourceLine

OLDEST: Final = 4
NEWEST: Final = 9
_WITH_SCHEMA: Final = 5  # from here on torch reads a schema without looking whether it is there
_LOWER: Final = (
    "lower it with the torch that wrote it:"
    f" torch.jit.mobile._backport_for_mobile(path, lowered_path, {NEWEST})"
)
_SAVE_AGAIN: Final = (
    "its TorchScript is in the file, too; save it again:"
    " torch.jit.load(path)._save_for_lite_interpreter(new_path)"
)
_UNVERSIONED: Final = 3  # torch 1.4 to 1.6 wrote no version

OPCODES: Final = (
    "OP", "OPN", "LOAD", "MOVE", "STOREN", "STORE", "DROP", "DROPR", "LOADC", "JF", "JMP", "LOOP",
    "RET", "WAIT", "CALL", "GUARD", "TYPECHECK", "FAIL_GUARD", "PROFILE_OP", "TAIL_CALL",
    "INTERFACE_CALL", "GET_ATTR", "SET_ATTR", "LIST_UNPACK", "TUPLE_CONSTRUCT",
    "NAMED_TUPLE_CONSTRUCT", "LIST_CONSTRUCT", "DICT_CONSTRUCT", "CREATE_OBJECT", "ISINSTANCE",
    "TUPLE_SLICE", "TUPLE_INDEX", "RAISE_EXCEPTION", "DICT_INDEX", "UNCHECKED_CAST", "__IS__",
    "UN_INITIALIZED", "__ISNOT__", "FORMAT", "DEVICE", "DTYPE", "DIM", "__NOT__", "TO_LIST",
    "NUM_TO_TENSOR", "IS_CUDA", "FORK", "WARN", "ENTER", "EXIT", "AWAITABLE",
)  # fmt: skip
"""The instructions of the pinned runtime, by number (`torch/csrc/jit/runtime/instruction.h`)."""

_KNOWN: Final = frozenset(OPCODES)

_CALLS: Final = frozenset({"OP", "OPN"})
_CODE_FIELDS: Final = ("instructions", "operators", "constants", "types", "register_size")
_MAX_REGISTERS: Final = 1 << 20  # as the runtime has it
_MAX_TYPE: Final = 4096  # characters of a type that are kept
_CUSTOM_CLASS: Final = re.compile(r"__torch__\.torch\.classes\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)")


@dataclass(frozen=True, slots=True)
class Bytecode:
    """The content of `bytecode.pkl`. `classes` are custom classes, as `namespace.Name`.

    `types` are all it names; `dtypes` those that calls ask for with a constant.
    """

    version: int
    methods: tuple[Method, ...]
    classes: frozenset[str]
    types: frozenset[str]
    dtypes: frozenset[str]


_NO_LINES: Final[Lines] = MappingProxyType({})


def parse_bytecode(value: object, lines: Lines = _NO_LINES) -> Bytecode:
    """Read the value of `bytecode.pkl`; raise `MalformedError` when it is not what torch writes.

    `lines` tells for each function from which line of source its instructions come.
    """
    if not isinstance(value, tuple) or not value:
        raise MalformedError("bytecode.pkl holds no functions")
    version, functions = (
        (value[0], value[1:]) if isinstance(value[0], int) else (_UNVERSIONED, value)
    )
    if not OLDEST <= version <= NEWEST:
        since = ", as torch does since 1.12" if version < OLDEST else ""
        raise MalformedError(
            f"it has bytecode version {version}, the runtime reads {OLDEST} to {NEWEST}{since}",
            hint=_LOWER if version > NEWEST else _SAVE_AGAIN,
        )
    methods: list[Method] = []
    types: set[str] = set()
    classes: set[str] = set()
    dtypes: set[str] = set()
    for function in functions:
        match function:
            case (str(name), code, *rest):
                if not rest and version >= _WITH_SCHEMA:
                    raise MalformedError(f"{shown(name)} has no schema")
                read = _function(name, code)
                types.update(it for it in read.types if len(it) <= _MAX_TYPE)
                classes.update(_classes_of(read.types, rest))
                method = _method(read, lines.get(name, ()))
                methods.append(
                    replace(method, unreadable=_unreadable(read, rest), code=_code(read, rest))
                )
                dtypes.update(asked_dtypes(read.instructions, read.operators, read.constants))
            case _:
                raise MalformedError("bytecode.pkl has a function without name or code")
    methods.sort(key=lambda method: method.name)
    return Bytecode(
        version, tuple(methods), frozenset(classes), frozenset(types), frozenset(dtypes)
    )


def custom_classes(text: str) -> Iterator[str]:
    """Yield the custom classes a type or class name mentions, as `namespace.Name`."""
    for match in _CUSTOM_CLASS.finditer(text):
        yield match[1]


@dataclass(frozen=True, slots=True)
class _Function:
    """A function as the code table has it, checked."""

    name: str
    instructions: tuple[Instruction, ...]
    operators: tuple[OperatorUse, ...]
    constants: tuple[object, ...]
    types: tuple[str, ...]
    registers: int


def _function(name: str, code: object) -> _Function:
    table = _table(name, code, _CODE_FIELDS)
    operators = tuple(
        _operator(name, item) for item in _tuple(name, table["operators"], "operators")
    )
    instructions: list[Instruction] = []
    for instruction in _tuple(name, table["instructions"], "instructions"):
        match instruction:
            case (str(opcode), int(first), int(second)) if opcode in _KNOWN:
                instructions.append((opcode, first, second))
            case (str(opcode), int(), int()):
                raise MalformedError(
                    f"{shown(name)} uses instruction {shown(opcode)}, unknown to the runtime"
                )
            case _:
                raise MalformedError(f"{shown(name)} has a malformed instruction")
        if opcode in _CALLS and not 0 <= first < len(operators):
            raise MalformedError(f"{shown(name)} calls operator {first} of {len(operators)}")
    constants = _tuple(name, table["constants"], "constants")
    types = tuple(it for it in _tuple(name, table["types"], "types") if isinstance(it, str))
    registers = table["register_size"]
    if not isinstance(registers, int) or not 0 <= registers <= _MAX_REGISTERS:
        raise MalformedError(f"{shown(name)} has an impossible number of registers")
    return _Function(
        _checked_name(name), tuple(instructions), operators, constants, types, registers
    )


def _method(function: _Function, lines: Sequence[SourceLine | None]) -> Method:
    calls: Counter[OperatorUse] = Counter(dict.fromkeys(function.operators, 0))
    places: defaultdict[OperatorUse, set[SourceLine]] = defaultdict(set)
    for position, (opcode, first, _) in enumerate(function.instructions):
        if opcode in _CALLS:
            use = function.operators[first]
            calls[use] += 1
            line = lines[position] if position < len(lines) else None
            if line is not None:
                places[use].add(line)
    unique = sorted(
        (
            OperatorUse(it.name, it.arguments, calls[it], tuple(sorted(places.get(it, ()))))
            for it in calls
        ),
        key=_order,
    )
    opcodes = frozenset(opcode for opcode, _, _ in function.instructions)
    return Method(function.name, tuple(unique), opcodes)


def _code(function: _Function, schemas: list[object]) -> Code:
    return Code(
        instructions=function.instructions,
        operators=function.operators,
        inputs=_inputs(function, schemas),
        constants=tuple(isinstance(it, str) for it in function.constants),
        registers=function.registers,
        types=len(function.types),
    )


def _inputs(function: _Function, schemas: list[object]) -> int:
    """Return how many values a call takes; without a schema the function stores them first."""
    match schemas, function.instructions:
        case [(("arguments", tuple(arguments)), ("returns", tuple()), *_), *_], _:
            return len(arguments)
        case [_, *_], _:
            raise MalformedError(f"{shown(function.name)} has a malformed schema")
        case [], (("STOREN", _, count), *_):
            return count
        case [], (("STORE", _, _), *_):
            return 1
        case _:
            return 0


def _unreadable(function: _Function, schemas: list[object]) -> tuple[str, ...]:
    """Return the types and values that the interpreter refuses when it loads the function."""
    found = {
        *(f"the type {it}" for it in unreadable_in_table(function.types)),
        *(f"the type {it}" for it in unreadable_in_schema(_schema_types(schemas))),
        *(f"a value of {it}" for it in objects_in(function.constants)),
    }
    return tuple(sorted(found))


def _schema_types(schemas: list[object]) -> Iterator[str]:
    """Yield the types of arguments and results: rows of `((name, …), (type, …), …)`."""
    match schemas:
        case [((_, tuple(arguments)), (_, tuple(returns)), *_), *_]:
            rows: tuple[object, ...] = (*arguments, *returns)
        case _:
            rows = ()
    for row in rows:
        match row:
            case (_, ("type", str(text)), *_):
                yield text
            case _:
                pass


def _order(use: OperatorUse) -> tuple[OperatorName, int]:
    return use.name, -1 if use.arguments is None else use.arguments


def _checked_name(name: str) -> str:
    """Return a function's name; raise `MalformedError` for one that no TorchScript class has."""
    if not name.isprintable() or not name:
        raise MalformedError(f"a function has the impossible name '{shown(name)}'")
    return name


def _operator(function: str, item: object) -> OperatorUse:
    match item:
        case (str(name), str(overload)) | (str(name), str(overload), -1):
            arguments = None  # -1: any number, as `print` takes
        case (str(name), str(overload), int(arguments)) if arguments >= 0:
            pass
        case _:
            raise MalformedError(f"{shown(function)} has a malformed operator")
    try:
        parsed = OperatorName.parse(f"{name}.{overload}" if overload else name)
    except ValueError as error:
        raise MalformedError(
            f"{shown(function)} calls '{shown(name)}', which is not an operator name"
        ) from error
    return OperatorUse(parsed, arguments, calls=0)


def _classes_of(types: tuple[str, ...], schemas: list[object]) -> Iterator[str]:
    """Yield the custom classes in the types table and in the types of arguments and results.

    A schema is free of form here, as only text counts.
    """
    pending: list[object] = [types, *schemas]
    budget = 1_000_000  # a value may be shared often enough to make this walk endless
    while pending and budget:
        budget -= 1
        value = pending.pop()
        if isinstance(value, str):
            yield from custom_classes(value)
        elif isinstance(value, tuple | list):
            pending.extend(value)
    if pending:
        raise MalformedError("bytecode.pkl has a function schema without end")


def _tuple(function: str, value: object, what: str) -> tuple[object, ...]:
    if not isinstance(value, tuple):
        raise MalformedError(f"{shown(function)} has no list of {what}")
    return value


def _table(function: str, value: object, fields: tuple[str, ...]) -> dict[str, object]:
    """Read `((name, value), …)`, which torch addresses by position and checks by name."""
    pairs: dict[str, object] = {}
    for row in value if isinstance(value, tuple) else ():
        match row:
            case (str(name), content):
                pairs[name] = content
            case _:
                break
    if tuple(pairs)[: len(fields)] != fields:
        raise MalformedError(f"{shown(function)} has a malformed code table")
    return pairs
