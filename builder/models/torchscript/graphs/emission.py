"""From a graph to the instructions of the lite interpreter.

Rules: `torch/csrc/jit/runtime/interpreter/code_impl.h`. A chain of calls is as long as a model is
deep, so nothing here calls itself: what remains to be done is on a stack.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from builder.models.torchscript.graphs.nodes import (
    TUPLE_UNPACK,
    Block,
    Node,
    Value,
    all_nodes,
)
from builder.models.torchscript.graphs.preparing import prepare
from builder.models.torchscript.signatures.kinds import ANY, Type, UnsureError
from builder.models.torchscript.signatures.literals import Literal, Opaque
from builder.models.torchscript.signatures.schemas import MISSING, Argument, Result, Schema
from builder.vocabulary.operators import OperatorName

Instruction = tuple[str, int, int]

_PLAIN: Final = {
    "prim::RaiseException": "RAISE_EXCEPTION", "prim::TupleIndex": "TUPLE_INDEX",
    "prim::Uninitialized": "UN_INITIALIZED", "prim::dtype": "DTYPE", "prim::device": "DEVICE",
    "aten::dim": "DIM", "prim::is_cuda": "IS_CUDA", "aten::__not__": "__NOT__",
    "aten::__is__": "__IS__", "aten::__isnot__": "__ISNOT__", "prim::NumToTensor": "NUM_TO_TENSOR",
    "prim::tolist": "TO_LIST", "aten::warn": "WARN",
}  # fmt: skip
_TYPED: Final = {"prim::ListConstruct": "LIST_CONSTRUCT", "prim::DictConstruct": "DICT_CONSTRUCT"}
_SPECIAL_SCHEMAS: Final = {
    TUPLE_UNPACK: Schema(OperatorName("prim", "TupleUnpack"), (Argument("tup", ANY),), ()),
    "prim::unchecked_cast": Schema(
        OperatorName("prim", "unchecked_cast"), (Argument("x", ANY),), (Result(ANY),)
    ),
}


@dataclass(slots=True)
class Code:
    """The tables of one function. Operators have the number of arguments they are given, or None.

    `nodes` are what the instructions were made of.
    """

    instructions: list[Instruction] = field(default_factory=list)
    operators: list[tuple[OperatorName, int | None]] = field(default_factory=list)
    constants: list[Literal] = field(default_factory=list)
    types: list[Type] = field(default_factory=list)
    registers: int = 0
    nodes: list[Node] = field(default_factory=list)


def emit(graph: Block) -> Code:
    """Return the code of a graph, which is changed by it; raise `UnsureError` for what has none."""
    return _Emission(graph, prepare(graph)).run()


class _Emission:
    """Appends instructions. Work that remains is on a stack, the next on top."""

    def __init__(self, graph: Block, inline: set[Node]) -> None:
        self._graph = graph
        self._inline = inline
        self._code = Code()
        self._given = _given_arguments(graph)
        self._operators: dict[tuple[OperatorName, int], int] = {}
        self._registers: dict[Value, int] = {}
        self._constants: dict[Value, int] = {}
        self._uses: dict[Value, int] = {}  # that are still to come
        self._left: list[Callable[[], None]] = []

    def run(self) -> Code:
        self._left.append(lambda: self._instruction(self._graph.result, "RET"))
        self._block(self._graph)
        while self._left:
            self._left.pop()()
        self._code.registers = len(self._registers)
        return self._code

    def _next(self, *work: Callable[[], None]) -> None:
        """Do these things before all that remains."""
        self._left.extend(reversed(work))

    def _instruction(self, node: Node, opcode: str, first: int = 0, second: int = 0) -> None:
        self._code.instructions.append((opcode, first, second))
        self._code.nodes.append(node)

    def _block(self, block: Block) -> None:
        work: list[Callable[[], None]] = [lambda: self._store(block.parameter)]
        for node in block.nodes:
            if node not in self._inline:
                work += [partial(self._node, node), partial(self._store, node)]
        work.append(lambda: self._load(block.result, block.result.inputs))
        self._next(*work)

    def _store(self, node: Node) -> None:
        count = len(node.outputs)
        for value in node.outputs:
            self._registers[value] = len(self._registers) + 1
        if count:
            first = len(self._registers) - count + 1
            several = count > 1
            self._instruction(
                node, "STOREN" if several else "STORE", first, count if several else 0
            )

    def _load(self, node: Node, values: Sequence[Value], *, drop: bool = False) -> None:
        self._next(*(partial(self._use, node, value, drop=drop) for value in values))

    def _use(self, node: Node, value: Value, *, drop: bool) -> None:
        if value.node in self._inline and value.node is not None:
            made = value.node
            self._next(
                lambda: self._node(made),
                *([lambda: self._instruction(node, "DROP")] if drop else []),
            )
            return
        if value.constant:
            self._instruction(node, "LOADC", self._constant(value))
            return
        self._uses[value] = self._uses.get(value, value.uses) - 1
        opcode = "DROPR" if drop else "LOAD" if self._uses[value] else "MOVE"
        self._instruction(node, opcode, self._registers[value])

    def _constant(self, value: Value) -> int:
        if value not in self._constants:
            self._constants[value] = self._literal(value.literal)
        return self._constants[value]

    def _literal(self, literal: Literal) -> int:
        self._code.constants.append(literal)
        return len(self._code.constants) - 1

    def _type(self, type_: Type) -> int:
        self._code.types.append(type_)
        return len(self._code.types) - 1

    def _node(self, node: Node) -> None:
        match node.kind:
            case "prim::Drop":
                self._load(node, node.inputs, drop=True)
            case "prim::If":
                self._if(node)
            case "prim::Loop":
                self._loop(node)
            case "prim::CallMethod":
                self._after(node, lambda: self._call(node))
            case "prim::GetAttr":
                self._after(node, lambda: self._instruction(node, "GET_ATTR", node.slot))
            case "prim::SetAttr":
                self._after(node, lambda: self._instruction(node, "SET_ATTR", node.slot))
            case "prim::ListUnpack":
                count = len(node.outputs)
                self._after(node, lambda: self._instruction(node, "LIST_UNPACK", count))
            case "aten::format":
                count = len(node.inputs)
                self._after(node, lambda: self._instruction(node, "FORMAT", count))
            case kind if kind in _PLAIN:
                self._after(node, lambda: self._instruction(node, _PLAIN[kind]))
            case _:
                self._made(node)

    def _made(self, node: Node) -> None:
        """Emit what makes a container or an object, or an operator."""
        count = len(node.inputs)
        match node.kind:
            case "prim::TupleConstruct" if node.output.type.name or node.output.type.fields:
                self._after(node, lambda: self._typed(node, "NAMED_TUPLE_CONSTRUCT"))
            case "prim::TupleConstruct":
                self._after(node, lambda: self._instruction(node, "TUPLE_CONSTRUCT", count))
            case kind if kind in _TYPED:
                self._after(node, lambda: self._typed(node, _TYPED[kind]))
            case "prim::CreateObject":
                self._instruction(node, "CREATE_OBJECT", self._type(node.output.type))
            case "prim::isinstance":
                self._after(node, lambda: self._is_instance(node))
            case "prim::TupleSlice":
                parts = len(node.output.type.parts)
                self._after(node, lambda: self._instruction(node, "TUPLE_SLICE", node.slot, parts))
            case _:
                self._operator(node)

    def _after(self, node: Node, work: Callable[[], None]) -> None:
        """Load the inputs, then do the work."""
        self._next(lambda: self._load(node, node.inputs), work)

    def _typed(self, node: Node, opcode: str) -> None:
        self._instruction(node, opcode, self._type(node.output.type), len(node.inputs))

    def _is_instance(self, node: Node) -> None:
        first = len(self._code.types)
        self._code.types += node.types
        self._instruction(node, "ISINSTANCE", first, len(node.types))

    def _call(self, node: Node) -> None:
        name = self._literal(node.name)
        self._instruction(node, "INTERFACE_CALL", name, len(node.inputs))

    def _if(self, node: Node) -> None:
        then, otherwise = node.blocks
        jumps: list[int] = []
        self._next(
            lambda: self._load(node, node.inputs),
            lambda: self._jump(node, "JF", jumps),
            lambda: self._block(then),
            lambda: self._jump(node, "JMP", jumps),
            lambda: self._land(jumps[0]),
            lambda: self._block(otherwise),
            lambda: self._land(jumps[1]),
        )

    def _loop(self, node: Node) -> None:
        (body,) = node.blocks
        jumps: list[int] = []
        self._next(
            lambda: self._instruction(node, "LOADC", self._literal(0)),
            lambda: self._load(node, node.inputs),
            lambda: self._jump(node, "LOOP", jumps, len(node.inputs)),
            lambda: self._block(body),
            lambda: self._instruction(node, "JMP", jumps[0] - len(self._code.instructions)),
            lambda: self._land(jumps[0]),
        )

    def _jump(self, node: Node, opcode: str, jumps: list[int], second: int = 0) -> None:
        jumps.append(len(self._code.instructions))
        self._instruction(node, opcode, 0, second)

    def _land(self, place: int) -> None:
        """Make an instruction jump to what comes next."""
        opcode, _, second = self._code.instructions[place]
        self._code.instructions[place] = (opcode, len(self._code.instructions) - place, second)

    def _operator(self, node: Node) -> None:
        schema = _schema_of(node)
        if schema is None:
            raise UnsureError(f"it has {node.kind} where nothing of it can be")
        if str(schema.name).startswith("aten::__getitem__.Dict"):
            self._after(node, lambda: self._instruction(node, "DICT_INDEX"))
            return
        count = len(node.inputs)
        if schema.variadic:
            self._after(node, lambda: self._call_operator(node, "OPN", schema, count))
            return
        given, out = self._given[schema.name]
        inputs = [*node.inputs[: given - out], *node.inputs[count - out :]]
        self._next(
            lambda: self._load(node, inputs),
            lambda: self._call_operator(node, "OP", schema, 0),
        )

    def _call_operator(self, node: Node, opcode: str, schema: Schema, second: int) -> None:
        key = (schema.name, len(node.inputs))
        index = self._operators.get(key) if opcode == "OP" else None
        if index is None:
            index = len(self._code.operators)
            given = None if schema.variadic else self._given[schema.name][0]
            self._code.operators.append((schema.name, given))
            if opcode == "OP":
                self._operators[key] = index
        self._instruction(node, opcode, index, second)


def _schema_of(node: Node) -> Schema | None:
    return _SPECIAL_SCHEMAS.get(node.kind, node.schema)


def _given_arguments(graph: Block) -> dict[OperatorName, tuple[int, int]]:
    """Return for each operator how many arguments any call of it gives, and how many are results.

    Arguments at the end that equal the defaults are not given.
    """
    found: dict[OperatorName, tuple[int, int]] = {}
    for node in all_nodes(graph):
        schema = _schema_of(node)
        if schema is not None and not schema.variadic:
            given, out = _necessary(schema.arguments, node.inputs)
            known = found.get(schema.name, (0, 0))
            found[schema.name] = max(known[0], given + out), out
    return found


def _necessary(arguments: Sequence[Argument], inputs: Sequence[Value]) -> tuple[int, int]:
    out = 0
    while out < len(arguments) and arguments[-1 - out].out:
        out += 1
    if len(arguments) < len(inputs):
        return len(inputs), out
    given = len(arguments) - out
    while given and _is_default(arguments[given - 1], inputs[given - 1]):
        given -= 1
    return given, out


def _is_default(argument: Argument, value: Value) -> bool:
    default, literal = argument.default, value.literal
    if default is MISSING or not value.constant or isinstance(literal, Opaque):
        return False
    return _alike(default, literal)


def _alike(one: object, other: object) -> bool:
    """Whether two constants are equal and of one type, inside of lists too."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and one == other
