from builder.libtorch.closure.sizing.estimate import (
    UNKNOWN,
    UNMEASURED,
    Asked,
    OperatorSize,
    Unlike,
    estimate,
)
from builder.libtorch.closure.sizing.table import Base
from builder.libtorch.closure.sizing.weights import Weight
from tests.unit.libtorch.closure.sizing.worlds import graph_of

LEADS = {"core": ["c"], "c": [], "a": ["x", "shared"], "b": ["shared"], "x": [], "shared": []}
GRAPH = graph_of(LEADS, ["a", "b"], ["core"])
BASE = Base(1_000, Weight(len("corec")), 0, Weight(10), 0.1)
BOTH = Asked({"aten::a": frozenset({"a"}), "aten::b": frozenset({"b"})})


def test_a_size_counts_from_what_was_measured() -> None:
    found = estimate(GRAPH, BASE, BOTH, lambda _: False, word=8)
    assert found.size == 1_000 + len("axbshared") + 2 * 10
    assert found.core == 1_000
    assert found.shared == len("shared")
    assert found.operators == (
        OperatorSize("aten::a", 10 + len("ax"), len("shared")),
        OperatorSize("aten::b", 10 + len("b"), len("shared")),
    )
    assert found.core + found.shared + sum(it.alone for it in found.operators) == found.size


def test_nothing_more_than_the_base_is_as_large_as_it() -> None:
    found = estimate(GRAPH, BASE, Asked({}), lambda _: False, word=8)
    assert (found.size, found.least, found.most) == (1_000, 990, 1_010)


def test_the_doubt_grows_with_what_was_not_measured() -> None:
    sure = estimate(GRAPH, BASE, BOTH, lambda _: False, word=8)
    assert sure.least < sure.size < sure.most
    elsewhere = estimate(GRAPH, BASE, BOTH, lambda _: False, word=8, measured=False)
    assert elsewhere.most - elsewhere.size >= BASE.size * UNMEASURED
    unread = Asked(BOTH.operators, unread=0.5)
    guessed = estimate(GRAPH, BASE, unread, lambda _: False, word=8)
    assert guessed.guessed == round(len("coreaxbsharedc") / 2)
    assert guessed.size == sure.size + guessed.guessed
    assert guessed.most - guessed.size > sure.most - sure.size


def test_what_was_not_measured_widens_the_side_it_is_on() -> None:
    sure = estimate(GRAPH, BASE, BOTH, lambda _: False, word=8)
    larger = Unlike("messages full", 0, 0.5)
    found = estimate(GRAPH, BASE, BOTH, lambda _: False, word=8, unlike=[larger])
    assert (found.size, found.least) == (sure.size, sure.least)
    assert found.most >= sure.most + sure.size // 2
    assert found.unmeasured == ("messages full",)
    smaller = Unlike("no kernels for Double", 2, 0)
    assert estimate(GRAPH, BASE, BOTH, lambda _: False, word=8, unlike=[smaller]).least == 0


def test_operators_nothing_is_known_of_are_named() -> None:
    asked = Asked({"aten::z": frozenset({"z"})})
    found = estimate(GRAPH, BASE, asked, lambda _: False, word=8)
    assert found.unknown == ("aten::z",)
    assert found.most - found.size >= UNKNOWN > found.size - found.least
