"""How the inputs and outputs of a program nest, as types and expressions of TorchScript."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, Final, assert_never

from torch.utils import _pytree as pytree

from builder.models.exported.problems import Problem
from builder.models.exported.writing.literals import literal
from builder.models.exported.writing.refused import Refused

NONE: Final = "NoneType"
_ANY: Final = "Any"


class Kind(StrEnum):
    """What holds other values. A named tuple is a tuple: no runtime knows its names."""

    LEAF = auto()
    TUPLE = auto()
    LIST = auto()
    DICT = auto()


@dataclass(frozen=True, slots=True)
class Nest:
    """A value: its TorchScript type, the values inside, and for each what selects it in Python."""

    kind: Kind
    type: str
    inside: tuple["Nest", ...] = ()
    keys: tuple[str | int, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def loose(self) -> bool:
        """Whether it holds values of different types in a container that has one for all."""
        return self.kind in {Kind.LIST, Kind.DICT} and self.type.endswith(f"{_ANY}]")


def places(spec: Any) -> Any:  # noqa: ANN401  a TreeSpec, and what it describes
    """Return the structure with the number of each leaf in its place."""
    return pytree.tree_unflatten(list(range(spec.num_leaves)), spec)


def nest(value: Any, types: Sequence[str]) -> Nest:  # noqa: ANN401  any structure
    """Return how a value of `places` nests; `types` are those of the leaves."""
    if isinstance(value, int):
        return Nest(Kind.LEAF, types[value])
    named = isinstance(value, Mapping)
    keys = tuple(value) if named else tuple(range(len(value)))
    inside = tuple(nest(it, types) for it in (value.values() if named else value))
    found = [it.type for it in inside]
    paths = tuple(f"[{key!r}]" for key in keys)
    if named:
        return Nest(Kind.DICT, f"Dict[{_key_type(keys)}, {_one(found)}]", inside, keys, paths)
    if isinstance(value, list):
        return Nest(Kind.LIST, f"List[{_one(found)}]", inside, keys, paths)
    fields = getattr(value, "_fields", None)
    paths = tuple(f".{it}" for it in fields) if fields else paths
    return Nest(Kind.TUPLE, f"Tuple[{', '.join(found) or '()'}]", inside, keys, paths)


def _one(types: Sequence[str]) -> str:
    return "Tensor" if not types else types[0] if len(set(types)) == 1 else _ANY


def _key_type(keys: Iterable[object]) -> str:
    kinds = {type(key) for key in keys} or {str}
    if kinds not in ({str}, {int}):
        raise Refused(Problem("it has a dictionary whose keys are neither all texts nor integers"))
    return kinds.pop().__name__


def packed(value: Nest, leaves: Iterator[str]) -> str:
    """Return the expression that makes a value of its leaves."""
    items = [packed(it, leaves) for it in value.inside]
    match value.kind:
        case Kind.LEAF:
            return next(leaves)
        case Kind.TUPLE:
            return f"({''.join(f'{it}, ' for it in items)})"
        case Kind.LIST:
            text = f"[{', '.join(items)}]"
        case Kind.DICT:
            pairs = zip(value.keys, items, strict=True)
            text = f"{{{', '.join(f'{literal(key)}: {it}' for key, it in pairs)}}}"
        case unknown:
            assert_never(unknown)
    return f"torch.jit.annotate({value.type}, {text})" if value.loose or not items else text


def unpacked(value: Nest, text: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield an expression for each leaf of an input, and its path in Python.

    Raise `Refused` for values of several types in a list or dictionary: desktop torch runs no lite
    model on them, so that no runtime could be proven.
    """
    if value.kind is Kind.LEAF:
        yield text, path
        return
    if value.loose:
        raise Refused(
            Problem(f"input {path} is a {value.kind} with values of several types"),
            hint="give them in a tuple, or as arguments of their own",
        )
    for it, key, step in zip(value.inside, value.keys, value.paths, strict=True):
        yield from unpacked(it, f"{text}[{literal(key)}]", path + step)
