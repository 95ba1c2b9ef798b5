"""How large a library will be, and how sure that is: from a size graph and what was measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from builder.libtorch.closure.sizing.graph import Reached, SizeGraph
from builder.libtorch.closure.sizing.table import Base
from builder.libtorch.closure.sizing.weights import Weight

UNMEASURED: Final = 0.1
"""How far the size of the core may be off where no runtime of the platform was measured."""
UNKNOWN: Final = 64_000
"""How many bytes an operator may bring of which nothing is known, as one of the user's own."""
_CONTROL: Final = 0.01
"""What the least differences of versions of compilers and system libraries come to."""


@dataclass(frozen=True, slots=True)
class OperatorSize:
    """Bytes that one operator brings alone, and those that go only if others go as well."""

    name: str
    alone: int
    shared: int


@dataclass(frozen=True, slots=True)
class Unlike:
    """How a library is otherwise than what was measured: in words, for people.

    For that its size may be `below` or `above` what is predicted, as parts of it.
    """

    what: str
    below: float
    above: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes of a stripped library, and the least and the most they are expected to be.

    `core` is what no operator brings, `shared` what several do. `guessed` are the bytes of sources
    whose objects were not read, by their sizes in another table; `unknown` are operators nothing is
    known of: they count as nothing, and `most` allows for `UNKNOWN` bytes of each. `unmeasured`
    says what the library has otherwise than what was measured, `measured_on` on which target.
    """

    size: int
    least: int
    most: int
    core: int
    shared: int
    guessed: int
    operators: tuple[OperatorSize, ...]
    unknown: tuple[str, ...]
    unmeasured: tuple[str, ...] = ()
    measured_on: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a library is for: for each operator, the names it asks a size graph for.

    `others` are names that no operator asks for: classes, and functions for old models. `unread` is
    how much sources that the graph does not know weigh, as a part of what it knows.
    """

    operators: Mapping[str, frozenset[str]]
    others: frozenset[str] = frozenset()
    unread: float = 0


def estimate(
    graph: SizeGraph,
    base: Base,
    asked: Asked,
    is_cut: Callable[[str], bool],
    *,
    word: float,
    measured: bool = True,
    measured_on: str = "",
    unlike: Sequence[Unlike] = (),
) -> Estimate:
    """Estimate the size of a library; a word to relocate takes `word` bytes of a table.

    `measured` says whether `base` is a runtime of the same platform and ABI, `unlike` what else
    differs. `measured_on` names the target of `base`.
    """
    names = sorted(asked.operators)
    reached = graph.reach([*(asked.operators[it] for it in names), asked.others], is_cut)
    weight = graph.weight(reached.live)
    more = (weight - base.weight).size(word)
    more += base.each.size(word) * (len(names) - base.operators)
    guessed = round(weight.size(word) * asked.unread)
    size = base.size + more + guessed
    doubt = base.error * abs(size - base.size) + guessed / 2
    doubt += base.size * (_CONTROL if measured else UNMEASURED)
    operators = tuple(_operators(graph, reached, names, base.each, word))
    unknown = tuple(it for it in names if not asked.operators[it] & graph.names.keys())
    alone = sum(it.alone for it in operators)
    shared = _shared(graph, reached, word)
    return Estimate(
        size=size,
        least=max(0, round(size - doubt - size * sum(it.below for it in unlike))),
        most=round(size + doubt + size * sum(it.above for it in unlike)) + UNKNOWN * len(unknown),
        core=size - alone - shared - guessed,
        shared=shared,
        guessed=guessed,
        operators=operators,
        unknown=unknown,
        unmeasured=tuple(it.what for it in unlike),
        measured_on=measured_on,
    )


def _operators(
    graph: SizeGraph, reached: Reached, names: list[str], each: Weight, word: float
) -> Iterable[OperatorSize]:
    alone, shared = [each.size(word)] * len(names), [0] * len(names)
    for node, owners in reached.owners.items():
        size = graph.weights[node].size(word)
        numbers = [it for it in range(len(names)) if owners >> it & 1]
        table = alone if owners.bit_count() == 1 else shared
        for number in numbers:
            table[number] += size
    rows = [OperatorSize(*row) for row in zip(names, alone, shared, strict=True)]
    return sorted(rows, key=lambda it: (-it.alone, -it.shared, it.name))


def _shared(graph: SizeGraph, reached: Reached, word: float) -> int:
    return sum(
        graph.weights[node].size(word)
        for node, owners in reached.owners.items()
        if owners.bit_count() > 1
    )
