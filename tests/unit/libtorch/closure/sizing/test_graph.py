from builder.libtorch.closure.sizing.graph import CORE
from tests.unit.libtorch.closure.sizing.worlds import graph_of

LEADS = {
    "a": ["one", "both"],
    "b": ["both", "cut"],
    "one": [],
    "both": [],
    "cut": ["deep"],
    "deep": [],
}


def test_who_keeps_a_node_is_told() -> None:
    graph = graph_of(LEADS, ["a", "b"])
    reached = graph.reach([frozenset({"a"}), frozenset({"b"})])
    by_owners: dict[int, int] = {}
    for node, owners in reached.owners.items():
        by_owners[owners] = by_owners.get(owners, 0) + graph.weights[node].content
    assert by_owners == {0b01: len("aone"), 0b10: len("bcutdeep"), 0b11: len("both")}
    assert graph.weight(reached.live).content == len("aonebcutdeepboth")


def test_what_is_cut_is_not_followed() -> None:
    graph = graph_of(LEADS, ["b", "cut"], may_cut="cut".__eq__)
    live = graph.reach([frozenset({"b"})], "cut".__eq__).live
    assert graph.weight(live).content == len("bboth")


def test_names_that_are_not_known_keep_nothing() -> None:
    graph = graph_of(LEADS, ["a"])
    assert graph.reach([frozenset({"unheard"})]).live == {CORE}
