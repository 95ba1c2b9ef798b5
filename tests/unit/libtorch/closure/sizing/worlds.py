"""Objects to weigh, made of graphs by hand and at random."""

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import strategies as st

from builder.libtorch.closure.details import ObjectDetails
from builder.libtorch.closure.objects import ObjectGraph
from builder.libtorch.closure.sizing.condensing import condense
from builder.libtorch.closure.sizing.graph import SizeGraph
from builder.libtorch.closure.sizing.sections import Node, Sections
from builder.libtorch.closure.sizing.weights import WeighedObject, Weight

UNREAD = cast("ObjectDetails", SimpleNamespace())


def weighed(graph: ObjectGraph, constants: Mapping[int, frozenset[bytes]] | None = None) -> Any:
    """Weigh the sections of a graph: bytes as it says, one frame, one word."""
    weights = {index: Weight(it.size, 1, 1) for index, it in graph.sections.items()}
    return WeighedObject(graph, UNREAD, weights, constants or {})


def graph_of(
    leads: Mapping[str, Iterable[str]],
    names: Iterable[str],
    roots: Iterable[str] = (),
    may_cut: Callable[[str], bool] = lambda _: False,
) -> SizeGraph:
    """Condense nodes that lead to each other; each weighs as much as its name is long."""
    sections = Sections()
    for node, targets in leads.items():
        sections.weights["section", node] = Weight(len(node))
        sections.lead(("section", node), [("section", it) for it in targets])
    asked: dict[Node, str] = {("section", it): it for it in names}
    return condense(sections, [("section", it) for it in roots], asked, may_cut, frozenset())


@st.composite
def drawn(draw: st.DrawFn) -> dict[str, list[str]]:
    """Draw nodes that lead to each other, with cycles; the weight of each tells it apart."""
    names = ["x" * (1 << number) for number in range(draw(st.integers(1, 9)))]
    return {name: draw(st.lists(st.sampled_from(names), max_size=3)) for name in names}
