"""Small worlds of object graphs, made by hand and drawn at random."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from builder.libtorch.closure.objects import Edge, ObjectGraph, Section


def obj(
    name: str, sections: Sequence[tuple[str, ...]] = (), *,
    weak: Sequence[str] = (), constructors: Sequence[Edge] = (), optional: Sequence[str] = (),
) -> ObjectGraph:  # fmt: skip
    """Make an object: one section per symbol (whose name comes first), and its constructors."""
    rows = {
        index: Section(f".text.{symbol}", 10, False, tuple(edges))  # noqa: FBT003
        for index, (symbol, *edges) in enumerate(sections, 1)
    }
    place = {symbol: index for index, (symbol, *_) in enumerate(sections, 1)}
    if constructors:
        rows[99] = Section(".init_array", 1, True, tuple(constructors))  # noqa: FBT003
    return ObjectGraph(
        Path(name),
        rows,
        {symbol: index for symbol, index in place.items() if symbol not in weak},
        {symbol: index for symbol, index in place.items() if symbol in weak},
        frozenset(optional),
    )


@st.composite
def worlds(draw: st.DrawFn, *, copies: bool) -> tuple[ObjectGraph, ...]:
    """Draw objects that refer to each other; every symbol has one definition, unless `copies`."""
    count = draw(st.integers(1, 6))
    names = [f"s{number}" for number in range(count * 2)]
    edge = st.sampled_from([*names, "system"])
    edges = st.lists(edge, max_size=3).map(tuple)
    objects = []
    for number in range(count):
        own = names[2 * number : 2 * number + 2]
        extra = draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if copies else []
        weak = [name for name in extra if name not in own]
        sections = [(name, *draw(edges)) for name in (*own, *weak)]
        constructors = draw(st.lists(edge, max_size=1))
        objects.append(obj(f"{number}.o", sections, weak=weak, constructors=constructors))
    return tuple(objects)
