from hypothesis import given
from hypothesis import strategies as st

from builder.libtorch.closure.sizing.condensing import condense
from builder.libtorch.closure.sizing.sections import Sections
from tests.unit.libtorch.closure.sizing.worlds import drawn, graph_of


def plainly(leads: dict[str, list[str]], asked: set[str], cut: set[str]) -> int:
    """What names keep in the whole graph weighs."""
    found, stack = set[str](), list(asked)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [it for it in leads[node] if it not in cut]
    return sum(map(len, found))


@given(drawn(), st.data())
def test_what_names_keep_weighs_the_same_before_and_after(
    leads: dict[str, list[str]], data: st.DataObject
) -> None:
    every = st.sets(st.sampled_from(sorted(leads)))
    names, roots, cuttable = data.draw(every), data.draw(every), data.draw(every)
    graph = graph_of(leads, names | cuttable, roots, cuttable.__contains__)
    asked, cut = data.draw(every) & names - cuttable, data.draw(every) & cuttable
    reached = graph.reach([frozenset(asked)], cut.__contains__)
    # what is always there is not cut: the roots are asked for by themselves
    assert graph.weight(reached.live).content == plainly(leads, asked | roots, cut)


def test_what_one_leads_to_alone_is_one_with_it() -> None:
    leads = {"ask": ["next"], "next": ["last"], "last": ["next"], "other": ["both"], "both": []}
    graph = graph_of({**leads, "ask": ["next", "both"]}, ["ask", "other"])
    assert len(graph.weights) == 4, "the core, both names, and what they share"
    assert graph.weights[graph.names["ask"]].content == len("asknextlast")


def test_what_is_always_there_is_the_core() -> None:
    graph = graph_of({"root": ["more"], "more": [], "ask": ["more"]}, ["ask"], ["root"])
    assert graph.weights[0].content == len("rootmore")
    assert graph.leads[graph.names["ask"]] == ()


def test_without_sections_there_is_the_core_alone() -> None:
    graph = condense(Sections(), [], {}, lambda _: False, frozenset({"a.cpp"}))
    assert (len(graph.weights), graph.leads) == (1, ((),))
    assert graph.sources == {"a.cpp"}
