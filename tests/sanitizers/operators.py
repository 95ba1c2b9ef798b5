"""Every operator of a runtime as a method of one lite model, which takes what the schema takes.

Coverage models call most operators with constants. Here shapes, sizes, indices and dtypes all come
from outside, so that a fuzzer can choose them.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from builder.libtorch.catalogue import Catalogue
from builder.models.torchscript.signatures.kinds import Kind, Type, UnsureError, bytecode_text
from builder.models.torchscript.signatures.overloads import Overloads
from builder.models.torchscript.signatures.schemas import Schema, Schemas
from builder.vocabulary.operators import OperatorName
from builder.vocabulary.value_files import Tensor, Value
from tests.unit.models.forge import archive, called, function, lite, module, pickled

_CONSTANTS: Final[Mapping[Kind, Any]] = {
    Kind.DEVICE: called("torch", "device", "cpu"),
    Kind.GENERATOR: None,
}
"""What no input can be: the argument is a constant of the method."""

_SHAPES: Final = ((), (3,), (2, 3), (1, 2, 3), (2, 2, 4, 4), (1, 2, 3, 4, 4))
_ROUNDS: Final = 6


@dataclass(frozen=True)
class Called:
    """An operator and the method that calls it; `takes` are the types of what it is given."""

    name: OperatorName
    method: str
    schema: Schema
    takes: tuple[Type, ...]


def callable_operators(names: Collection[str], catalogue: Catalogue) -> tuple[Called, ...]:
    """Return the operators that a method can call: those with one number of arguments."""
    schemas = Schemas(catalogue, Overloads("", {}, ()))  # of the runtime, not of a later torch
    found = tuple(it for text in sorted(names) if (it := _called(text, schemas)) is not None)
    assert len({it.method for it in found}) == len(found)
    return found


def _called(text: str, schemas: Schemas) -> Called | None:
    name = OperatorName.parse(text)
    try:
        schema = schemas.written(name)
    except UnsureError:
        return None
    if schema is None or schema.variadic:
        return None
    takes = tuple(_input_type(it.type) for it in schema.arguments)
    return Called(name, _method_name(name), schema, takes)


def _method_name(name: OperatorName) -> str:
    return f"{name.namespace}__{name.base}__{name.overload}"


def _input_type(type_: Type) -> Type:
    """Return the type with an int for each variable, so that each value has one."""
    if type_.kind is Kind.VARIABLE:
        return Type(Kind.INT)
    return Type(type_.kind, tuple(map(_input_type, type_.parts)), type_.name, type_.fields)


def is_constant(type_: Type) -> bool:
    """Whether no input can be of a type: the method has a constant there."""
    inner = type_.element if type_.kind is Kind.OPTIONAL else type_
    return inner.kind in _CONSTANTS


def _constant(type_: Type) -> Any:
    return None if type_.kind is Kind.OPTIONAL else _CONSTANTS[type_.kind]


def operators_model(operators: Collection[Called]) -> bytes:
    """Return a lite model with the method of each operator; results come as a tuple."""
    records = {key: it for key, it in lite().items() if not key.startswith(("code/", "data/"))}
    records["data.pkl"] = module(version=1)
    records["bytecode.pkl"] = pickled((8, *map(_function, operators)))
    return archive(records)


def _function(operator: Called) -> Any:
    inputs = [it for it in operator.takes if not is_constant(it)]
    constants = [_constant(it) for it in operator.takes if is_constant(it)]
    instructions: list[tuple[str, int, int]] = [("STOREN", 1, 1 + len(inputs))]
    given, fixed = 0, 0
    for type_ in operator.takes:
        if is_constant(type_):
            instructions.append(("LOADC", fixed, 0))
            fixed += 1
        else:
            instructions.append(("LOAD", 2 + given, 0))
            given += 1
    name = operator.name
    return function(
        f"__torch__.Net.{operator.method}",
        operators=((f"{name.namespace}::{name.base}", name.overload, len(operator.takes)),),
        instructions=(
            *instructions,
            ("OP", 0, 0),
            ("TUPLE_CONSTRUCT", len(operator.schema.results), 0),
            ("RET", 0, 0),
        ),
        constants=tuple(constants),
        takes=tuple(map(bytecode_text, inputs)),
    )


def seeds(operator: Called) -> Iterator[tuple[Value, ...]]:
    """Yield arguments of the right types, the same each time: tensors of one small shape."""
    draw = random.Random(str(operator.name))
    for round_ in range(_ROUNDS):
        yield tuple(
            _drawn(it, draw, _SHAPES[round_]) for it in operator.takes if not is_constant(it)
        )


def _drawn(type_: Type, draw: random.Random, shape: tuple[int, ...]) -> Value:  # noqa: PLR0911  one for each kind
    match type_.kind:
        case Kind.TENSOR:
            dtype, size = draw.choice((("float32", 4), ("float32", 4), ("int64", 8), ("bool", 1)))
            return _tensor(dtype, size, shape, draw)
        case Kind.INT | Kind.NUMBER:
            return draw.choice((0, 1, 1, 2, 3))
        case Kind.FLOAT:
            return draw.choice((0.0, 0.5, 1.0, 2.0))
        case Kind.BOOL:
            return draw.random() < 0.5
        case Kind.STR:
            return draw.choice(("", "ij,jk->ik", "none", "1", "a"))
        case Kind.OPTIONAL:
            return None if draw.random() < 0.4 else _drawn(type_.element, draw, shape)
        case Kind.LIST:
            count = draw.choice((1, 2, 2, len(shape)))
            return [_drawn(type_.element, draw, shape) for _ in range(count)]
        case Kind.DICT:
            key, item = type_.parts
            keys = (0, 1) if key.kind is Kind.INT else ("a", "b")
            return {it: _drawn(item, draw, shape) for it in keys}
        case Kind.TUPLE:
            return tuple(_drawn(it, draw, shape) for it in type_.parts)
        case _:
            return None


def _tensor(dtype: str, size: int, shape: tuple[int, ...], draw: random.Random) -> Tensor:
    count = 1
    for extent in shape:
        count *= extent
    if dtype == "float32":
        data = b"".join(draw.choice((b"\0\0\x80\x3f", b"\0\0\0\xbf")) for _ in range(count))
    else:
        data = b"".join(bytes((draw.randrange(2),)).ljust(size, b"\0") for _ in range(count))
    return Tensor(dtype, shape, data)
