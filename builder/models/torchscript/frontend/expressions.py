"""From an expression to the nodes that compute it.

Rules: `emitExpr` and what it calls in `torch/csrc/jit/frontend/ir_emitter.cpp`, for what
`torch/csrc/jit/serialization/python_print.cpp` writes.
"""

import ast
from collections.abc import Sequence
from typing import Final

from builder.models.torchscript.frontend.calls import unpacked
from builder.models.torchscript.frontend.program import TORCHBIND, Definition, Program
from builder.models.torchscript.frontend.scopes import (
    ClassName,
    Function,
    Meaning,
    Method,
    Namespace,
    Operator,
    Scope,
)
from builder.models.torchscript.frontend.sources import SourceFile
from builder.models.torchscript.graphs.nodes import (
    CALL_FUNCTION,
    CALL_METHOD,
    CREATE_OBJECT,
    DICT,
    GET_ATTRIBUTE,
    IS_INSTANCE,
    LIST,
    LIST_UNPACK,
    TO_LIST,
    TUPLE,
    TUPLE_INDEX,
    TUPLE_SLICE,
    UNCHECKED_CAST,
    UNINITIALIZED,
    Block,
    Place,
    Value,
    constant,
)
from builder.models.torchscript.signatures.kinds import (
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    NONE,
    STR,
    TENSOR,
    Kind,
    Type,
    UnsureError,
    is_subtype,
    list_of,
    optional_of,
    unified_all,
    without_optional,
)
from builder.models.torchscript.signatures.schemas import Argument, Result, Schema
from builder.vocabulary.operators import OperatorName

_CASTS: Final = {
    "int": (INT, "aten::Int"), "float": (FLOAT, "aten::Float"), "bool": (BOOL, "aten::Bool"),
    "str": (STR, "aten::str"),
}  # fmt: skip
_NAMED: Final = {"print": "prim::Print", "sorted": "aten::sorted"}
_ROOTS: Final = frozenset({"torch", "ops", "CONSTANTS", "__torch__"})
_ODD: Final = frozenset({"aten::backward", "aten::grad", "aten::autograd", "aten::jit"})
_STATIC: Final = frozenset({"aten::is_scripting", "aten::has_torch_function"})
_NUMBERS: Final = {"inf": float("inf"), "nan": float("nan")}
_UNPACKED: Final = Type(Kind.TUPLE, (TENSOR, optional_of(TENSOR)))
_BOUND: Final = {
    "quantized.Conv2dPackedParamsBase.unpack": _UNPACKED,
    "quantized.Conv3dPackedParamsBase.unpack": _UNPACKED,
    "quantized.LinearPackedParamsBase.unpack": _UNPACKED,
}
"""What methods of C++ classes return (`aten/src/ATen/native/quantized/cpu/fbgemm_utils.cpp`)."""

_MAX_DEPTH: Final = 80


class Expressions:
    """Lowers the expressions of one function. Nodes go to `block`; names are those of `scope`."""

    def __init__(self, program: Program, file: SourceFile, block: Block) -> None:
        """Begin in the block of the whole function."""
        self.program = program
        self.file = file
        self.block = block
        self.scope = Scope()
        self._depth = 0

    def value(self, node: ast.expr, hint: Type | None = None) -> Value:
        """Return the value of an expression."""
        found = self.meaning(node, hint)
        if not isinstance(found, Value):
            raise UnsureError("it uses a function as a value")
        return found

    def meaning(self, node: ast.expr, hint: Type | None = None) -> Meaning | None:
        """Return the value of an expression, or what else it stands for; None for no result."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnsureError("its expressions nest too deeply")
        found = self._meaning(node, hint)
        self._depth -= 1
        return found

    def _meaning(  # noqa: C901, PLR0911  one line for each kind of expression
        self, node: ast.expr, hint: Type | None
    ) -> Meaning | None:
        match node:
            case ast.Name(name):
                return self._name(name)
            case ast.Constant(literal):
                made = _literal(literal)
                # torch puts numbers before all else, other constants where they stand
                made.home = None if made.type in (INT, FLOAT, COMPLEX) else self.block
                return made
            case ast.UnaryOp(ast.USub(), ast.Constant(int(number) | float(number))):
                return _literal(-number)
            case ast.BinOp(right=ast.Constant(complex())):  # as a complex number is written
                return _complex(node)
            case ast.UnaryOp(ast.USub(), ast.Name(name)) if name in _NUMBERS:
                return _literal(-_NUMBERS[name])
            case ast.Attribute(value=inner, attr=name):
                return self._attribute(self.meaning(inner), name, node)
            case ast.Call():
                return self._call(node, hint)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Tuple(elements):
                values = [self.value(it) for it in elements]
                return self.block.make(TUPLE, values, _tuple_of(values), self.place(node))
            case ast.List(elements):
                return self._list(node, elements, hint)
            case ast.Dict(keys=keys, values=values):
                return self._dict(node, keys, values, hint)
            case _:
                raise UnsureError(f"it has an expression of another kind ({type(node).__name__})")

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Return where a node of the tree stands."""
        return self.file.place(node)

    def _name(self, name: str) -> Meaning:
        variable = self.scope.variable(name)
        if variable is not None:
            if variable.type == variable.value.type:
                return variable.value
            return self.block.make(LOAD, [variable.value], variable.type)
        other = self.scope.other(name)
        if other is not None:
            return other
        if name in _ROOTS:
            return Namespace(name)
        if name in _NUMBERS:
            return constant(_NUMBERS[name], FLOAT)
        raise UnsureError(f"it uses the name {name}, which is not set")

    def _attribute(  # noqa: PLR0911  one line for each kind of name
        self, meaning: Meaning | None, name: str, node: ast.expr
    ) -> Meaning:
        match meaning:
            case Namespace("torch"):
                return self._operator(f"aten::{name}")
            case Namespace("ops"):
                return Namespace(f"ops.{name}")
            case Namespace("CONSTANTS"):
                return self.program.constant(name)
            case Namespace(prefix) if prefix.startswith("ops."):
                return self._operator(f"{prefix.removeprefix('ops.')}::{name}")
            case Namespace(prefix):
                return self._qualified(f"{prefix}.{name}")
            case Value():
                return self._attribute_of(meaning, name, node)
            case ClassName():
                return Method(constant(None, meaning.type), name)
            case _:
                raise UnsureError(f"it asks for {name} of a function")

    def _operator(self, base: str) -> Operator:
        if base in _ODD or base in _STATIC:
            raise UnsureError(f"it calls {base}")
        return Operator(base)

    def _qualified(self, name: str) -> Meaning:
        type_ = self.program.find_type(name)
        if type_ is not None:
            return ClassName(type_)
        function = self.program.find_function(name)
        return Namespace(name) if function is None else Function(function)

    def _attribute_of(self, value: Value, name: str, node: ast.expr) -> Meaning:
        bound = value.type.name.startswith(TORCHBIND)
        if bound or value.type.kind not in (Kind.CLASS, Kind.INTERFACE):
            return Method(value, name)
        found = self.program.class_of(value.type)
        if name in found.methods:
            return Method(value, name)
        if name not in found.attributes:
            raise UnsureError(f"it asks for {name}, which {value.type} does not have")
        made = self.block.make(GET_ATTRIBUTE, [value], found.attributes[name], self.place(node))
        if made.node is not None:
            made.node.name, made.node.slot = name, list(found.attributes).index(name)
        return made

    def _call(  # noqa: PLR0911  one line for each kind of function
        self, node: ast.Call, hint: Type | None
    ) -> Meaning | None:
        if isinstance(node.func, ast.Name) and self.scope.other(node.func.id) is None:
            return self._form(node, node.func.id, hint)
        match self.meaning(node.func):
            case Operator(base):
                values = [self.value(it) for it in node.args]
                named = {it.arg: self.value(it.value) for it in node.keywords if it.arg}
                return self.program.caller.builtin(
                    self.block, base, values, named, self.place(node)
                )
            case Function(definition):
                given = self._given(node, definition.schema, [])
                return self._called(CALL_FUNCTION, definition.name, given, definition.result, node)
            case Method(value, "__new__"):
                return self.block.make(CREATE_OBJECT, [], value.type, self.place(node))
            case Method(value, "tolist") if value.type.kind is Kind.TENSOR:
                return self._to_list(value, hint, node)
            case Method(value, name) if value.type.kind in (Kind.CLASS, Kind.INTERFACE):
                return self._call_method(value, name, node)
            case ClassName(type_) if type_.kind is Kind.TUPLE:
                return self._named_tuple(type_, node)
            case _:
                raise UnsureError("it calls what is no function")

    def _given(self, node: ast.Call, schema: Schema, first: Sequence[Value]) -> list[Value]:
        if node.keywords:
            raise UnsureError("it calls a function with arguments by name")
        values = [*first, *(self.value(it) for it in node.args)]
        return self.program.caller.inputs(self.block, schema, values, {})

    def _called(
        self, kind: str, name: str, inputs: Sequence[Value], result: Type, node: ast.Call
    ) -> Value:
        made = self.block.make(kind, inputs, result, self.place(node))
        if made.node is not None:
            made.node.name = name
        return made

    def _call_method(self, value: Value, name: str, node: ast.Call) -> Value:
        result = _BOUND.get(f"{value.type.name.removeprefix(TORCHBIND)}.{name}")
        if result is not None and not node.args:
            return self._called(CALL_METHOD, name, [value], result, node)
        definition: Definition | None = self.program.class_of(value.type).methods.get(name)
        if definition is None:
            raise UnsureError(f"it calls {name}, which {value.type} does not have")
        given = self._given(node, definition.schema, [value])
        return self._called(CALL_METHOD, name, given, definition.result, node)

    def _named_tuple(self, type_: Type, node: ast.Call) -> Value:
        arguments = map(Argument, type_.fields, type_.parts)
        schema = Schema(OperatorName("source", "tuple"), tuple(arguments), (Result(type_),))
        return self.block.make(TUPLE, self._given(node, schema, []), type_, self.place(node))

    def _to_list(self, value: Value, hint: Type | None, node: ast.Call) -> Value:
        if hint is None:
            raise UnsureError("it makes a list of unknown type")
        depth, element = 0, hint
        while element.kind is Kind.LIST:
            depth, element = depth + 1, element.element
        kinds = {Kind.INT: 0, Kind.FLOAT: 1, Kind.BOOL: 2, Kind.COMPLEX: 3}
        if element.kind not in kinds:
            raise UnsureError("it makes a list of another kind")
        inputs = [value, constant(depth, INT), constant(kinds[element.kind], INT)]
        return self.block.make(TO_LIST, inputs, hint, self.place(node))

    def _form(  # noqa: PLR0911  one line for each form
        self, node: ast.Call, name: str, hint: Type | None
    ) -> Meaning | None:
        """Lower a call of what is no function but a part of the language."""
        match name, node.args:
            case "annotate", [annotation, inner]:
                return self._annotated(self.program.type_of(annotation), inner)
            case "unchecked_cast", [annotation, inner]:
                return self._cast(self.program.type_of(annotation), inner)
            case "uninitialized", [annotation]:
                type_ = self.program.type_of(annotation)
                return self.block.make(UNINITIALIZED, [], type_, self.place(node))
            case "getattr", [inner, ast.Constant(str(attribute))]:
                return self._attribute(self.meaning(inner), attribute, node)
            case "isinstance", [inner, annotation]:
                return self._is_instance(self.value(inner), annotation, node)
            case (("int" | "float" | "bool" | "str"), [inner]):
                return self._converted(name, self.value(inner, hint), node)
            case (("print" | "sorted"), _):
                values = [self.value(it) for it in node.args]
                place = self.place(node)
                return self.program.caller.builtin(self.block, _NAMED[name], values, {}, place)
            case _:
                raise UnsureError(f"it uses {name}")

    def _annotated(self, type_: Type, inner: ast.expr) -> Value:
        value = self.program.caller.converted(self.block, type_, self.value(inner, type_))
        if not is_subtype(value.type, type_):
            raise UnsureError("it annotates a value of another type")
        if type_.kind is Kind.OPTIONAL and value.type == NONE:
            return constant(None, type_)
        return value

    def _cast(self, type_: Type, inner: ast.expr) -> Value:
        value = self.value(inner)
        if value.kind == UNCHECKED_CAST and value.type == type_:
            return value
        return self.block.make(UNCHECKED_CAST, [value], type_)

    def _converted(self, name: str, value: Value, node: ast.Call) -> Value:
        type_, operator = _CASTS[name]
        if is_subtype(value.type, type_):
            return value
        if value.type.kind in (Kind.CLASS, Kind.INTERFACE, Kind.LIST, Kind.DICT) and name != "str":
            raise UnsureError(f"it makes a {name} of something else")
        made = self.program.caller.builtin(self.block, operator, [value], {}, self.place(node))
        if made is None:
            raise UnsureError(f"{operator} returns nothing")
        return made

    def truth(self, node: ast.expr) -> Value:
        """Return the value of a condition."""
        value = self.value(node)
        if value.type == BOOL:
            return value
        made = self.program.caller.builtin(self.block, "aten::Bool", [value], {}, self.place(node))
        if made is None:
            raise UnsureError("a condition has no value")
        return made

    def _is_instance(self, value: Value, annotation: ast.expr, node: ast.Call) -> Value:
        listed = annotation.elts if isinstance(annotation, ast.Tuple) else [annotation]
        types = tuple(self.program.type_of(it) for it in listed)
        if value.type.kind is not Kind.ANY:
            raise UnsureError("it asks for the type of a value")
        made = self.block.make(IS_INSTANCE, [value], BOOL, self.place(node))
        if made.node is not None:
            made.node.types = types
        return made

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.value(node.value)
        match value.type.kind, node.slice:
            case Kind.TUPLE, ast.Slice(ast.Constant(int(first)), ast.Constant(int(last)), None):
                return self._tuple_slice(value, first, last, node)
            case Kind.TUPLE, index:
                return self._tuple_index(value, self.value(index), node)
            case ((Kind.LIST | Kind.DICT | Kind.STR), index) if not isinstance(index, ast.Slice):
                given = [value, self.value(index)]
                place = self.place(node)
                made = self.program.caller.builtin(
                    self.block, "aten::__getitem__", given, {}, place
                )
                if made is not None:
                    return made
        raise UnsureError("it takes an element of something else")

    def _tuple_index(self, value: Value, index: Value, node: ast.expr) -> Value:
        parts = value.type.parts
        if not index.constant or not isinstance(index.literal, int):
            raise UnsureError("it computes which element of a tuple it takes")
        if not -len(parts) <= index.literal < len(parts):
            raise UnsureError("it takes an element a tuple does not have")
        inputs = [value, index]
        return self.block.make(TUPLE_INDEX, inputs, parts[index.literal], self.place(node))

    def _tuple_slice(self, value: Value, first: int, last: int, node: ast.expr) -> Value:
        parts = value.type.parts[first:last]
        made = self.block.make(TUPLE_SLICE, [value], Type(Kind.TUPLE, parts), self.place(node))
        if made.node is not None:
            made.node.slot = first
        return made

    def _list(self, node: ast.expr, elements: Sequence[ast.expr], hint: Type | None) -> Value:
        values = [self.value(it) for it in elements]
        wanted = without_optional(hint) if hint is not None else None
        if wanted is not None and wanted.kind is not Kind.LIST:
            raise UnsureError("it has a list where another type belongs")
        if wanted is None:
            if not values:
                raise UnsureError("it has an empty list without a type")
            wanted = list_of(unified_all(it.type for it in values))
        if not all(is_subtype(it.type, wanted.element) for it in values):
            raise UnsureError("it has a list with elements of another type")
        return self.block.make(LIST, values, wanted, self.place(node))

    def _dict(
        self, node: ast.expr, keys: Sequence[ast.expr | None], values: Sequence[ast.expr],
        hint: Type | None,
    ) -> Value:  # fmt: skip
        pairs = [
            (self.value(key), self.value(value))
            for key, value in zip(keys, values, strict=True)
            if key is not None
        ]
        wanted = without_optional(hint) if hint is not None else None
        if wanted is None and pairs:
            wanted = Type(Kind.DICT, (
                unified_all(key.type for key, _ in pairs),
                unified_all(value.type for _, value in pairs),
            ))  # fmt: skip
        if wanted is None or wanted.kind is not Kind.DICT or len(pairs) < len(keys):
            raise UnsureError("it has a dictionary without a type")
        return self.block.make(
            DICT, [it for pair in pairs for it in pair], wanted, self.place(node)
        )

    def elements(self, value: Value, count: int) -> list[Value]:
        """Return the values that a tuple or a list is taken apart into."""
        if value.type.kind is Kind.TUPLE:
            found = unpacked(self.block, value)
            if len(found) != count:
                raise UnsureError("it takes a tuple apart into another number of values")
            return found
        if value.type.kind is not Kind.LIST:
            raise UnsureError("it takes something else apart")
        node = self.block.add(LIST_UNPACK, [value])
        return [node.give(value.type.element) for _ in range(count)]


LOAD: Final = "load"
"""Reads a variable that is said to be of a wider type; gone once a function is lowered."""


def _literal(literal: object) -> Value:
    match literal:
        case None:
            return constant(None, NONE)
        case bool():
            return constant(literal, BOOL)
        case int() if -(2**63) <= literal < 2**63:
            return constant(literal, INT)
        case float():
            return constant(literal, FLOAT)
        case complex():
            return constant(literal, COMPLEX)
        case str():
            return constant(literal, STR)
        case _:
            raise UnsureError("it has a constant of another kind")


def _complex(node: ast.expr) -> Value:
    try:
        return _literal(ast.literal_eval(node))
    except ValueError as error:
        raise UnsureError("it adds a complex number to something") from error


def _tuple_of(values: Sequence[Value]) -> Type:
    return Type(Kind.TUPLE, tuple(it.type for it in values))
