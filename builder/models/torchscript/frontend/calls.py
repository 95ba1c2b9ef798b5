"""Which overload a call means, and the conversions its arguments need.

Rules: `torch/csrc/jit/frontend/schema_matching.cpp`, and `Node::matches` in `.../ir/ir.cpp`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from builder.models.torchscript.graphs.nodes import (
    LIST,
    TUPLE,
    TUPLE_UNPACK,
    Block,
    Node,
    Place,
    Value,
    constant,
)
from builder.models.torchscript.signatures.kinds import (
    BOOL,
    COMPLEX,
    DEVICE,
    FLOAT,
    INT,
    NONE,
    NUMBER,
    STR,
    TENSOR,
    Kind,
    Type,
    UnsureError,
    is_subtype,
    list_of,
    optional_of,
    unified,
    without_optional,
)
from builder.models.torchscript.signatures.schemas import (
    MISSING,
    Argument,
    Missing,
    Schema,
    Schemas,
)

_BLOCKED: Final = frozenset({"aten::view.dtype", "aten::max.unary_out", "aten::min.unary_out"})
_IMPLICIT: Final = {
    FLOAT: "aten::FloatImplicit", COMPLEX: "aten::ComplexImplicit", INT: "aten::IntImplicit",
    NUMBER: "aten::ScalarImplicit",
}  # fmt: skip
_EXPLICIT: Final = {FLOAT: "aten::Float", COMPLEX: "aten::Complex", INT: "aten::Int"}

Named = Mapping[str, Value]
Environment = dict[str, Type]


class Caller:
    """Appends calls to blocks."""

    def __init__(self, schemas: Schemas) -> None:
        """Know the operators there are."""
        self._schemas = schemas

    def builtin(
        self, block: Block, base: str, given: Sequence[Value], named: Named, place: Place | None
    ) -> Value | None:
        """Append a call of an operator; return its result, several as a tuple, None for none."""
        schemas = [it for it in self._schemas.named(base) if str(it.name) not in _BLOCKED]
        # with one candidate there is no attempt without conversions
        for conversions in (True,) if len(schemas) == 1 else (False, True):
            for schema in schemas:
                length = len(block.nodes)
                found = self._matched(block, schema, given, named, conversions=conversions)
                if found is not None:
                    return self._added(block, base, schema, found, place)
                block.cut(length)
        raise UnsureError(f"no known operator {base} takes what it is given")

    def _added(
        self, block: Block, base: str, schema: Schema, found: tuple[list[Value], Environment],
        place: Place | None,
    ) -> Value | None:  # fmt: skip
        inputs, environment = found
        node = block.add(base, inputs, place)
        for result in schema.results:
            type_ = _filled(result.type, environment)
            if type_ is None:
                raise UnsureError(f"{schema.name} returns a type that is not known")
            node.give(type_)
        node.schema = self._run(base, schema, inputs)
        return _packed(block, node)

    def _run(self, base: str, schema: Schema, inputs: Sequence[Value]) -> Schema:
        """Return the overload that runs: the first that takes these values, whatever was meant."""
        return next((it for it in self._schemas.named(base) if _takes(it, inputs)), schema)

    def inputs(
        self, block: Block, schema: Schema, given: Sequence[Value], named: Named
    ) -> list[Value]:
        """Return what a function is called with; raise `UnsureError` for what does not fit."""
        found = self._matched(block, schema, given, named, conversions=True)
        if found is None:
            raise UnsureError(f"{schema.name} does not take what it is given")
        return found[0]

    def _matched(
        self, block: Block, schema: Schema, given: Sequence[Value], named: Named, *,
        conversions: bool,
    ) -> tuple[list[Value], Environment] | None:  # fmt: skip
        """Return the inputs of a call and what its type variables are; None if it does not fit."""
        environment: Environment = {}
        inputs: list[Value] = []
        left, unused = list(given), dict(named)
        for place, argument in enumerate(schema.arguments):
            if conversions and left and self._several(schema, place, left[0]):
                value = self._list(block, argument, left, environment)
                left = []
            else:
                actual = _given(schema, argument, left, unused)
                value = actual and self._argument(
                    block, argument, actual, environment, conversions=conversions
                )
            if value is None:
                return None
            inputs.append(value)
        if schema.variadic:
            inputs += left
            left = []
        return None if left or unused else (inputs, environment)

    def _several(self, schema: Schema, place: int, first: Value) -> bool:
        """Whether the remaining arguments may be the elements of a list, as in `zeros(1, 2)`."""
        argument = schema.arguments[place]
        following = schema.arguments[place + 1 : place + 2]
        return (
            not argument.keyword
            and all(it.keyword for it in following)
            and argument.type.kind is Kind.LIST
            and argument.type.element.kind is not Kind.VARIABLE
            and not argument.length
            and first.type.kind is not Kind.LIST
            and not _listable(first.type, argument.type)
        )

    def _list(
        self, block: Block, argument: Argument, values: Sequence[Value], environment: Environment
    ) -> Value | None:
        element = Argument("", argument.type.element)
        elements: list[Value] = []
        for value in values:
            found = self._argument(block, element, value, environment, conversions=True)
            if found is None:
                return None
            elements.append(found)
        return block.make(LIST, elements, argument.type)

    def _argument(
        self, block: Block, argument: Argument, value: Value, environment: Environment, *,
        conversions: bool,
    ) -> Value | None:  # fmt: skip
        formal = without_optional(argument.type)
        repeats = argument.length and value.type in (FLOAT, INT)
        if repeats and formal == list_of(value.type):
            value = block.make(LIST, [value] * argument.length, list_of(value.type))
        if not _bound(argument.type, value.type, environment):
            return None
        concrete = _filled(argument.type, environment)
        if concrete is None:
            return None
        value = self.converted(block, concrete, value, conversions=conversions)
        return value if is_subtype(value.type, concrete) else None

    def converted(
        self, block: Block, concrete: Type, value: Value, *, conversions: bool = True
    ) -> Value:
        """Return a value as near to a type as torch brings it by itself."""
        if (
            concrete.kind is Kind.OPTIONAL
            and value.type.kind is not Kind.OPTIONAL
            and value.type != NONE
        ):
            return self.converted(block, concrete.element, value, conversions=conversions)
        if value.type.kind is Kind.TUPLE:
            value = self._converted_tuple(block, concrete, value, conversions=conversions)
        if not conversions:
            return value
        operator = _conversion(value.type, concrete)
        if operator is None:
            return value
        made = self.builtin(block, operator, [value], {}, None)
        return value if made is None else made

    def _converted_tuple(
        self, block: Block, concrete: Type, value: Value, *, conversions: bool
    ) -> Value:
        listed = without_optional(concrete)
        if listed.kind is Kind.LIST and _listable(value.type, listed):
            return block.make(LIST, unpacked(block, value), listed)
        parts = concrete.parts
        if (
            concrete.kind is Kind.TUPLE
            and len(parts) == len(value.type.parts)
            and not is_subtype(value.type, concrete)
        ):
            values = [
                self.converted(block, part, it, conversions=conversions)
                for part, it in zip(parts, unpacked(block, value), strict=True)
            ]
            return block.make(TUPLE, values, Type(Kind.TUPLE, tuple(it.type for it in values)))
        return value


def _given(
    schema: Schema, argument: Argument, left: list[Value], unused: dict[str, Value]
) -> Value | None:
    """Take what is given for an argument, or its default; None if it has neither."""
    if left and not argument.keyword:
        return left.pop(0)
    name = argument.name
    if name == "self" and schema.name.namespace == "aten" and name not in unused:
        name = "input"  # as Python calls it
    if name in unused:
        return unused.pop(name)
    return None if argument.default is MISSING else _default(argument)


def unpacked(block: Block, value: Value) -> list[Value]:
    """Return the values in a tuple, which may have to be taken out."""
    if value.kind == TUPLE and value.node is not None:
        return list(value.node.inputs)
    node = block.add(TUPLE_UNPACK, [value])
    return [node.give(part) for part in value.type.parts]


def _packed(block: Block, node: Node) -> Value | None:
    if len(node.outputs) <= 1:
        return node.outputs[0] if node.outputs else None
    names = tuple(it.name for it in node.schema.results) if node.schema is not None else ()
    types = tuple(it.type for it in node.outputs)
    fields = names if all(names) else ()
    return block.make(TUPLE, node.outputs, Type(Kind.TUPLE, types, fields=fields))


def _conversion(actual: Type, concrete: Type) -> str | None:
    """Return the operator that makes one type of another without being asked."""
    if actual == TENSOR:
        return _IMPLICIT.get(concrete)
    if actual == NUMBER:
        return _EXPLICIT.get(concrete)
    if actual == BOOL:
        if concrete == FLOAT:
            return "aten::Float"
        return "aten::Int" if concrete in (INT, NUMBER) else None
    return "aten::device" if actual == STR and concrete == DEVICE else None


def _default(argument: Argument) -> Value:
    default = argument.default
    if isinstance(default, Missing):
        raise UnsureError(f"{argument.name} has no default")
    type_ = NONE if default is None else without_optional(argument.type)
    if type_ == NUMBER:
        type_ = FLOAT if isinstance(default, float) else INT
    return constant(default, type_)


def _listable(actual: Type, formal: Type) -> bool:
    """Whether a value is a list already, or a tuple of what the list holds."""
    if formal.kind is not Kind.LIST:
        return False
    if actual.kind is Kind.TUPLE:
        return all(is_subtype(part, formal.element) for part in actual.parts)
    return is_subtype(actual, formal)


def _free(type_: Type) -> bool:
    return type_.kind is Kind.VARIABLE or any(map(_free, type_.parts))


def _bound(formal: Type, actual: Type, environment: Environment) -> bool:
    """Find out what the type variables of an argument stand for; False if nothing fits."""
    if not _free(formal):
        return True
    match formal.kind:
        case Kind.VARIABLE:
            known = environment.get(formal.name)
            found = actual if known is None else unified(known, actual)
            if found is not None:
                environment[formal.name] = found
            return found is not None
        case Kind.OPTIONAL:
            return actual == NONE or _bound(formal.element, without_optional(actual), environment)
        case Kind.LIST if actual.kind is Kind.TUPLE:
            return _bound_by_tuple(formal, actual, environment)
        case Kind.LIST | Kind.DICT | Kind.TUPLE:
            return (
                actual.kind is formal.kind
                and len(actual.parts) == len(formal.parts)
                and all(
                    _bound(part, it, environment)
                    for part, it in zip(formal.parts, actual.parts, strict=True)
                )
            )
        case _:
            return False


def _bound_by_tuple(formal: Type, actual: Type, environment: Environment) -> bool:
    found: Type | None = None
    for part in actual.parts:
        found = part if found is None else unified(found, part)
        if found is None:
            return False
    return found is not None and _bound(formal.element, found, environment)


def _filled(type_: Type, environment: Environment) -> Type | None:
    """Put in what the type variables stand for; None where that is not known."""
    if not _free(type_):
        return type_
    if type_.kind is Kind.VARIABLE:
        return environment.get(type_.name)
    parts = [_filled(part, environment) for part in type_.parts]
    found = tuple(part for part in parts if part is not None)
    if len(found) < len(parts):
        return None
    return optional_of(found[0]) if type_.kind is Kind.OPTIONAL else Type(type_.kind, found)


def _takes(schema: Schema, inputs: Sequence[Value]) -> bool:
    """Whether values are of the types an overload has, one for each argument."""
    if len(inputs) < len(schema.arguments):
        return False
    environment: Environment = {}
    for argument, value in zip(schema.arguments, inputs, strict=False):
        if not _bound(argument.type, value.type, environment):
            return False
        formal = _filled(argument.type, environment)
        if formal is None or not is_subtype(value.type, formal):
            return False
    return schema.variadic or len(inputs) == len(schema.arguments)
