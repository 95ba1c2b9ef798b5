"""The laws of the sweep, on small worlds of objects."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from builder.libtorch.closure.objects import ObjectGraph
from builder.libtorch.closure.sweep import Closure, close
from tests.unit.libtorch.closure.graphs import obj, worlds


def sweep(roots: Sequence[str], *objects: ObjectGraph, cut: str = "") -> Closure:
    graphs = {it.path: it for it in objects}
    return close(map(Path, roots), graphs, graphs.__getitem__, lambda symbol: symbol == cut)


def live(closure: Closure) -> list[str]:
    return [path.name for path in closure.live]


def test_only_what_live_sections_refer_to_is_linked() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "f")]),
        obj("f.o", [("f",), ("unused", "g")]),
        obj("g.o", [("g",)]),
    )
    assert live(closure) == ["root.o", "f.o"]
    assert closure.sizes == {Path("root.o"): 10, Path("f.o"): 10}


def test_roots_are_wanted_whole() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("a", "f"), ("b", "g"), ("copy", "h")], weak=["copy"]),
        obj("f.o", [("f",)]),
        obj("g.o", [("g",)]),
        obj("h.o", [("h",)]),
    )
    assert live(closure) == ["root.o", "f.o", "g.o"], "but their copies of inline functions are not"


def test_constructors_run_as_soon_as_their_object_is_linked() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "f")]),
        obj("f.o", [("f",), ("setup", "g")], constructors=[2]),
        obj("g.o", [("g",)]),
        obj("other.o", [("x",)], constructors=["nowhere"]),
    )
    assert live(closure) == ["root.o", "f.o", "g.o"]
    assert closure.missing == {}


def test_the_own_copy_of_an_inline_function_is_used() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "inline"), ("inline", "f")], weak=["inline"]),
        obj("other.o", [("inline", "g")], weak=["inline"], constructors=["g"]),
        obj("strong.o", [("inline", "g")]),
        obj("f.o", [("f",)]),
        obj("g.o", [("g",)]),
    )
    assert live(closure) == ["root.o", "f.o"]


THEIRS = obj("theirs.o", [("batched", "gemm"), ("gemm", "stub")])
OURS = obj("z.o", [("gemm", "fast", "gemm")], constructors=["fast"])
REPLACED = (
    obj("root.o", [("main", "batched")]), THEIRS, OURS, obj("fast.o", [("fast",)]),
    obj("stub.o", [("stub",)]),
)  # fmt: skip


def sweep_replaced(*objects: ObjectGraph) -> Closure:
    graphs = {it.path: it for it in objects}
    return close(
        [Path("root.o")], graphs, graphs.__getitem__,
        replacement=lambda symbol: OURS.path if symbol == "gemm" else None,
    )  # fmt: skip


def test_a_replacement_wins_over_the_own_definition_and_is_linked_before_it() -> None:
    closure = sweep_replaced(*REPLACED)
    assert live(closure) == ["root.o", "z.o", "fast.o", "theirs.o"]
    assert closure.sizes[THEIRS.path] == 10, "what is replaced is not live"
    assert not closure.missing


def test_a_replacement_that_is_not_compiled_yet_is_missing() -> None:
    closure = sweep_replaced(*(it for it in REPLACED if it is not OURS))
    assert closure.missing == {"gemm": "theirs.o(.text.batched)"}
    assert live(closure) == ["root.o", "theirs.o"]


def test_a_replacement_nobody_asks_for_is_not_linked() -> None:
    assert live(sweep_replaced(obj("root.o", [("main",)]), *REPLACED[1:])) == ["root.o"]


def test_a_strong_definition_is_preferred_to_a_copy_elsewhere() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "shared")]),
        obj("copy.o", [("shared",)], weak=["shared"]),
        obj("strong.o", [("shared",)]),
    )
    assert live(closure) == ["root.o", "strong.o"]


def test_a_copy_of_an_object_that_is_linked_anyway_is_preferred() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "template", "f")]),
        obj("a.o", [("template",)], weak=["template"]),
        obj("z.o", [("f",), ("template",)], weak=["template"]),
    )
    assert live(closure) == ["root.o", "z.o"]


def test_missing_symbols_are_named_with_who_needs_them() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "f", "printf", "maybe")], optional=["maybe"]),
        obj("f.o", [("f", "printf", "at::gone")]),
    )
    assert closure.missing == {
        "at::gone": "f.o(.text.f)",
        "printf": "f.o(.text.f)",
    }


def test_a_weak_reference_is_followed_when_something_defines_it() -> None:
    closure = sweep(
        ["root.o"],
        obj("root.o", [("main", "maybe")], optional=["maybe"]),
        obj("maybe.o", [("maybe",)]),
    )
    assert live(closure) == ["root.o", "maybe.o"]


def test_what_is_cut_is_not_followed_but_listed() -> None:
    world = (
        obj("root.o", [("main", "sparse"), ("own", "cut_here"), ("cut_here", "f")]),
        obj("sparse.o", [("sparse", "f")]),
        obj("f.o", [("f", "unmet")]),
    )
    closure = sweep(["root.o"], *world, cut="sparse")
    assert closure.cut == {"sparse"}
    assert live(closure) == ["root.o", "f.o"]
    assert sweep(["root.o"], *world, cut="elsewhere").cut == frozenset()


def test_symbols_without_a_section_link_their_object() -> None:
    constant = ObjectGraph(Path("constant.o"), {}, {"answer": -1}, {}, frozenset())
    closure = sweep(["root.o"], obj("root.o", [("main", "answer")]), constant)
    assert live(closure) == ["root.o", "constant.o"]
    assert closure.missing == {}


def test_roots_keep_their_order_and_are_linked_once() -> None:
    world = (obj("b.o"), obj("a.o"), obj("c.o"))
    assert live(sweep(["b.o", "a.o", "b.o"], *world)) == ["b.o", "a.o"]


@given(worlds(copies=True), st.randoms(use_true_random=False))
def test_the_order_of_the_objects_changes_nothing(
    world: tuple[ObjectGraph, ...], random: Random
) -> None:
    shuffled = random.sample(world, len(world))
    assert sweep(["0.o"], *shuffled) == sweep(["0.o"], *world)


@given(worlds(copies=True), st.randoms(use_true_random=False))
def test_objects_are_linked_in_the_order_of_their_names_wherever_they_are(
    world: tuple[ObjectGraph, ...], random: Random
) -> None:
    """Stores are named by hashes: no library may depend on which of them comes first."""
    elsewhere = {it.path: Path(f"{random.randrange(9)}", it.path) for it in world}
    moved = {elsewhere[it.path]: replace(it, path=elsewhere[it.path]) for it in world}
    root = elsewhere[Path("0.o")]
    closure = close([root], moved, moved.__getitem__, key=lambda path: PurePath(path.name))
    assert live(closure) == live(sweep(["0.o"], *world))


@given(worlds(copies=True), st.randoms(use_true_random=False))
def test_the_order_of_the_roots_orders_the_link_and_changes_nothing_else(
    world: tuple[ObjectGraph, ...], random: Random
) -> None:
    roots = [it.path.name for it in world[: len(world) // 2 + 1]]
    one, other = sweep(roots, *world), sweep(random.sample(roots, len(roots)), *world)
    assert set(one.live) == set(other.live)
    assert (one.missing, one.sizes) == (other.missing, other.sizes)


@given(worlds(copies=False), st.data())
def test_more_roots_never_need_less(world: tuple[ObjectGraph, ...], data: st.DataObject) -> None:
    names = [it.path.name for it in world]
    some = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    more = data.draw(st.lists(st.sampled_from(names), unique=True))
    small, large = sweep(some, *world), sweep([*some, *more], *world)
    assert set(small.live) <= set(large.live)
    assert small.missing.keys() <= large.missing.keys()
    assert all(size <= large.sizes[path] for path, size in small.sizes.items())


@given(worlds(copies=True))
def test_the_linked_objects_alone_are_enough(world: tuple[ObjectGraph, ...]) -> None:
    closure = sweep(["0.o"], *world)
    kept = [it for it in world if it.path in closure.live]
    assert sweep(["0.o"], *kept) == closure


@given(worlds(copies=True))
def test_nothing_a_live_section_needs_is_overlooked(world: tuple[ObjectGraph, ...]) -> None:
    closure = sweep(["0.o"], *world)
    defined = {name for it in world if it.path in closure.live for name in (*it.strong, *it.weak)}
    (root,) = (it for it in world if it.path.name == "0.o")
    needed = {edge for index in root.strong.values() for edge in root.sections[index].edges}
    assert needed <= defined | closure.missing.keys()
    assert closure.missing.keys() <= {"system"}
