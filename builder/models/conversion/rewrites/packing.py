"""Convolutions and linear layers with weights that are known: they become contexts of XNNPACK.

What limits their results becomes part of them. Contexts are attributes of the module, which torch
saves as the tuples they are here; `models.prepacked` makes objects of them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Node,
    Value,
    insert_before,
    of_kind,
    overload_of,
    replace,
)
from builder.models.conversion.rewrites.clamps import clamp_after
from builder.models.conversion.rewrites.constants import (
    constants_of,
    is_weight,
    place_of,
    storages_read,
)
from builder.models.prepacked.archives import PACKED
from builder.models.prepacked.contexts import CONVOLUTION, LINEAR, TRANSPOSED, Context
from builder.models.prepacked.operators import run_of

_TENSOR: Final = torch.TensorType.get()
_SIZES: Final = torch.ListType(torch.IntType.get())
_LIMIT: Final = torch.OptionalType(torch.NumberType.get())
_TYPES: Final[Mapping[str, Any]] = {
    "weight": _TENSOR,
    "bias": torch.OptionalType(_TENSOR),
    "stride": _SIZES,
    "padding": _SIZES,
    "output_padding": _SIZES,
    "dilation": _SIZES,
    "groups": torch.IntType.get(),
    "least": _LIMIT,
    "most": _LIMIT,
}
ARGUMENTS: Final[Mapping[Context, tuple[str, ...]]] = {
    LINEAR: ("weight", "bias"),
    CONVOLUTION: ("weight", "bias", "stride", "padding", "dilation", "groups"),
    TRANSPOSED: ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
}
"""What the operator is given that a context packs, after its input."""

BATCHED: Final = "batched"
"""Marks a convolution that takes no image without a batch."""

_DIMENSIONS: Final = {LINEAR: 2, CONVOLUTION: 4, TRANSPOSED: 4}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that can become a context, with what its weights and numbers are by name."""

    node: Node
    code: Code
    context: Context
    given: Mapping[str, Any]


@dataclass(slots=True)
class Packed:
    """The contexts that a module has got, and what was done to its code."""

    classes: dict[str, Context] = field(default_factory=dict)
    found: Counter[str] = field(default_factory=Counter)
    _names: dict[tuple[object, ...], str] = field(default_factory=dict)
    _members: dict[object, Any] = field(default_factory=dict)

    def attribute(self, node: Node, code: Code, context: Context, state: tuple[Any, ...]) -> Value:
        """Return the context with this state before a node. The module gets it if need be.

        Contexts share tensors that are equal, as those are saved once.
        """
        members = tuple(map(_identity, state))
        key = (context.name, *members)
        if key not in self._names:
            name = self._names[key] = f"{PACKED}{len(self.classes)}"
            shared = tuple(map(self._members.setdefault, members, state))
            code.module._register_attribute(name, type_of(context), shared)  # noqa: SLF001
            self.classes[name] = context
        owner = next(code.graph.inputs())
        held = insert_before(node, code.graph, "prim::GetAttr", [owner], [type_of(context)])
        held.s_("name", self._names[key])
        return held.output()


def type_of(context: Context) -> Any:  # noqa: ANN401  a type of torch
    """Return the type of the state of a context."""
    return torch.TupleType([_TYPES[it] for it in context.fields])


def _identity(value: object) -> object:
    """Return what equal members of a state have in common: two methods may fold the same pair."""
    if isinstance(value, torch.Tensor):
        return (value.shape, hashlib.sha256(value.numpy().data).digest())
    return tuple(value) if isinstance(value, list) else (type(value), value)


def pack(codes: Sequence[Code]) -> Packed:
    """Pack all that can be packed in the methods of a frozen module."""
    packed = Packed()
    for it in _unshared(list(_candidates(codes)), codes):
        _pack(it, packed)
    return packed


def _candidates(codes: Iterable[Code]) -> Iterator[Candidate]:
    for code in codes:
        for context in ARGUMENTS:
            for node in of_kind(code.graph, context.plain):
                given = _given(node, context)
                if given is not None:
                    yield Candidate(node, code, context, given)


def _given(node: Node, context: Context) -> Mapping[str, Any] | None:
    """Return what a node is given; None where XNNPACK could not take it."""
    order = ARGUMENTS[context]
    known = constants_of(node, range(1, len(order) + 1))
    if known is None or overload_of(node) == "padding":
        return None
    given = dict(zip(order, known, strict=True))
    weight, bias = given["weight"], given["bias"]
    fits = is_weight(weight, _DIMENSIONS[context]) and (bias is None or is_weight(bias, 1))
    return given if fits else None


def _unshared(candidates: list[Candidate], codes: Iterable[Code]) -> list[Candidate]:
    """Return those whose weights nothing else reads: they would be stored twice."""
    reads = storages_read(code.graph for code in codes)
    packs = Counter(place_of(it.given["weight"]) for it in candidates)
    return [it for it in candidates if reads[_place(it)] <= packs[_place(it)]]


def _place(candidate: Candidate) -> int:
    return place_of(candidate.given["weight"])


def _pack(it: Candidate, packed: Packed) -> None:
    node, graph = it.node, it.code.graph
    clamp = clamp_after(node.output())
    given = {**it.given, "least": clamp.least, "most": clamp.most}
    state = tuple(map(_stored, (given[name] for name in it.context.fields)))
    inputs = [node.inputsAt(0), packed.attribute(node, it.code, it.context, state)]
    made = insert_before(node, graph, run_of(it.context), inputs, [_TENSOR])
    if node.hasAttribute(BATCHED):
        made.i_(BATCHED, 1)
    packed.found[f"{it.context.plain} became prepacked::{it.context.run}"] += 1
    if clamp.node is not None:
        packed.found[f"{clamp.node.kind()} became a limit of what comes before it"] += 1
        replace(clamp.node, made.output())
        node.destroy()
    else:
        replace(node, made.output())


def _stored(value: Any) -> Any:  # noqa: ANN401  a member of a state
    """Return a tensor as it is saved: in order, and without what else its storage holds."""
    if not isinstance(value, torch.Tensor):
        return value
    own = value.detach().contiguous()
    return own if own.untyped_storage().nbytes() == own.nbytes else own.clone()
