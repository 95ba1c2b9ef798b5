"""Constants that code gives to operators, and the tensors that several places of code share."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from builder.models.conversion.repairs.graphs import Graph, Node, Value, nodes_of


def is_constant(value: Value) -> bool:
    """Tell whether a value is known, None included."""
    return bool(value.node().kind() == "prim::Constant")


def constant_of(value: Value) -> Any:  # noqa: ANN401  constants are of any kind
    """Return a known value; None stands for itself, and for what is not known."""
    return value.toIValue() if is_constant(value) else None


def constants_of(node: Node, places: Sequence[int]) -> list[Any] | None:
    """Return what a node is given at these places; None unless all of it is known."""
    given = [node.inputsAt(place) for place in places]
    return [it.toIValue() for it in given] if all(map(is_constant, given)) else None


def is_weight(value: object, dimensions: int) -> bool:
    """Tell whether a value is a plain float tensor of so many dimensions, with elements."""
    return (
        isinstance(value, torch.Tensor)
        and value.dtype is torch.float32
        and value.layout is torch.strided
        and value.dim() == dimensions
        and value.numel() > 0
    )


def storages_read(graphs: Iterable[Graph]) -> Counter[int]:
    """Return how often nodes take a constant tensor, by the place of its bytes in memory."""
    found: Counter[int] = Counter()
    for graph in graphs:
        for node in nodes_of(graph):
            if node.kind() == "prim::Constant" and node.outputsSize() == 1:
                value = constant_of(node.output())
                if isinstance(value, torch.Tensor) and value.layout is torch.strided:
                    found[place_of(value)] += len(node.output().uses())
    return found


def place_of(tensor: torch.Tensor) -> int:
    """Return what tensors have in common that share their bytes."""
    return tensor.untyped_storage().data_ptr()
