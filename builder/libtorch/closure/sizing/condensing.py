"""Make a small graph of a large one that gives the same answers.

Whether a section is in a library is asked by names alone: operators, and what may be cut. So what
only one node leads to is one with that node, what the same nodes lead to is one, and what is always
there is the core. Nothing is estimated here: what any names keep weighs the same before and after.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count

from builder.libtorch.closure.sizing.graph import CORE, SizeGraph
from builder.libtorch.closure.sizing.sections import Node, Sections
from builder.libtorch.closure.sizing.weights import NOTHING, Weight

Leads = dict[int, set[int]]


def condense(
    sections: Sections,
    roots: Iterable[Node],
    names: Mapping[Node, str],
    may_cut: Callable[[str], bool],
    sources: frozenset[str],
) -> SizeGraph:
    """Return the graph of `names`; `roots` are always there.

    What `may_cut` names is never one with others.
    """
    always = tuple(roots)
    cuttable = frozenset(node for node, name in names.items() if may_cut(name))
    core = _reach(sections, always, cuttable)
    live = _reach(sections, (*always, *names), frozenset())
    numbers: dict[Node, int] = {}
    fresh = count(1)
    for node in sorted(live, key=repr):
        numbers[node] = CORE if node in core else next(fresh)
    weights: dict[int, Weight] = {CORE: NOTHING}
    leads: Leads = {}
    for node, number in numbers.items():
        weights[number] = weights.get(number, NOTHING) + sections.weights.get(node, NOTHING)
        targets = leads.setdefault(number, set())
        targets.update(numbers[it] for it in sections.leads.get(node, ()) if it in numbers)
        targets -= {CORE, number}
    named = {name: numbers[node] for node, name in names.items()}
    whole = frozenset(numbers[node] for node in cuttable)
    merger = _Merger(weights, leads, named)
    merger.merge(_cycles(merger.leads, whole))
    while merger.merge(_followers(merger.leads, merger.weights, merger.fixed)):
        pass
    return merger.graph(sources)


def _reach(sections: Sections, roots: Iterable[Node], cut: frozenset[Node]) -> set[Node]:
    found: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(it for it in sections.leads.get(node, ()) if it not in cut)
    return found


class _Merger:
    """The graph while nodes become one; lives only inside `condense`."""

    def __init__(self, weights: dict[int, Weight], leads: Leads, named: dict[str, int]) -> None:
        self.weights, self.leads, self.named = weights, leads, named

    @property
    def fixed(self) -> frozenset[int]:
        """The nodes that can be asked for."""
        return frozenset({CORE, *self.named.values()})

    def merge(self, into: Mapping[int, int]) -> bool:
        """Make nodes one with others; return whether there were any."""
        weights: dict[int, Weight] = {}
        leads: Leads = {}
        for node, weight in self.weights.items():
            target = into.get(node, node)
            weights[target] = weights.get(target, NOTHING) + weight
            leads.setdefault(target, set()).update(
                into.get(it, it) for it in self.leads.get(node, ())
            )
        for node, targets in leads.items():
            targets -= {CORE, node}
        self.weights, self.leads = weights, leads
        self.named = {name: into.get(node, node) for name, node in self.named.items()}
        return bool(into)

    def graph(self, sources: frozenset[str]) -> SizeGraph:
        """Return what was made, with its nodes numbered from the core on."""
        numbers = {node: number for number, node in enumerate(sorted(self.weights))}
        return SizeGraph(
            tuple(self.weights[node] for node in numbers),
            tuple(tuple(sorted(numbers[it] for it in self.leads[node])) for node in numbers),
            {name: numbers[node] for name, node in sorted(self.named.items())},
            sources,
        )


def _followers(leads: Leads, weights: Iterable[int], fixed: frozenset[int]) -> dict[int, int]:
    """Return which nodes are live exactly when another is: their one leader, or an equal."""
    leaders: dict[int, set[int]] = {}
    for node, targets in leads.items():
        for target in targets:
            leaders.setdefault(target, set()).add(node)
    into: dict[int, int] = {}
    free = [it for it in sorted(weights) if it not in fixed]
    for node in free:
        if len(leaders.get(node, ())) == 1:
            into[node] = next(iter(leaders[node]))
    equals: dict[frozenset[int], int] = {}
    for node in free:
        if node not in into and leaders.get(node):
            key = frozenset(_end(it, into) for it in leaders[node])
            if node in key:
                continue
            first = equals.setdefault(key, node)
            if first != node:
                into[node] = first
    return {node: _end(node, into) for node in into}


def _end(node: int, into: Mapping[int, int]) -> int:
    """Return what a node becomes in the end; no cycle is left that only follows itself."""
    seen = set[int]()
    while node in into and node not in seen:
        seen.add(node)
        node = into[node]
    return node


def _cycles(leads: Leads, cut: frozenset[int]) -> dict[int, int]:
    """Return one node for all of each cycle that leads over nothing that may be cut (Kosaraju)."""
    kept = {node: targets - cut for node, targets in leads.items()}
    leaders: dict[int, list[int]] = {}
    for node, targets in kept.items():
        for target in targets:
            leaders.setdefault(target, []).append(node)
    into: dict[int, int] = {}
    seen = set[int]()
    for start in reversed(_finished(kept)):
        stack = [start]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(leaders.get(node, ()))
                into[node] = start
    return {node: first for node, first in into.items() if node != first}


def _finished(leads: Mapping[int, set[int]]) -> list[int]:
    """Return all nodes, each after all that it leads to, as far as there is no cycle."""
    order: list[int] = []
    seen = set[int]()
    stack = [(node, False) for node in sorted(leads, reverse=True)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((it, False) for it in sorted(leads.get(node, ())))
    return order
