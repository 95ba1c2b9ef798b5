import json
import lzma
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import RELEASE
from builder.foundation.resources import DATA, NATIVE
from builder.libtorch.closure.objects import ObjectGraph
from builder.libtorch.closure.sweep import close
from builder.libtorch.mangling import portable
from builder.libtorch.symbols import (
    CONSTRUCTORS,
    EMPTY,
    Definition,
    SymbolIndex,
    condense,
    finder,
    read_index,
)
from tests.unit.libtorch.closure.graphs import obj, worlds


def index_of(
    *objects: ObjectGraph, known: Iterable[str] = (), whole: Iterable[str] = ()
) -> SymbolIndex:
    return condense({it.path.name: it for it in objects}, known=known, whole=whole)


WORLD = (
    obj("main.o", [("main", "f"), ("own",)]),
    obj("f.o", [("f", "hidden"), ("hidden", "g", "printf"), ("x", "g")], constructors=["h"]),
    obj("g.o", [("g",)]),
    obj("h.o", [("h", "f"), ("inline",)], weak=["inline"]),
)


def test_only_symbols_that_others_ask_for_are_kept() -> None:
    assert index_of(*WORLD).files == {
        "main.o": {},
        "f.o": {CONSTRUCTORS: Definition(1, ("h",)), "f": Definition(20, ("g",))},
        "g.o": {"g": Definition(10, ())},
        "h.o": {"h": Definition(10, ("f",))},
    }


def test_the_calls_of_operators_are_kept_whoever_asks() -> None:
    call = "_ZN2at4_ops3mul4callERKNS_6TensorES4_"
    assert call in index_of(obj("ops.o", [(call,)])).files["ops.o"]


def test_sources_that_are_linked_whole_keep_all_they_define() -> None:
    rows = index_of(*WORLD, whole=["main.o", "elsewhere.o"]).files["main.o"]
    assert rows == {"main": Definition(10, ("f",)), "own": Definition(10, ())}


def test_sources_that_are_not_there_are_not_predicted() -> None:
    """The index has those of other ABIs, too, under the same symbols."""
    index = index_of(*WORLD, obj("g.arm.o", [("g",)]), obj("g.x86.o", [("g",)]))
    here = index.of({"main.o", "f.o", "g.x86.o"})
    assert here.predict(["main.o"], ["f"]).sources == ("f.o", "g.x86.o", "main.o")
    assert here.predict(["main.o"], ["f"]).unknown == {"h"}


def test_what_is_known_elsewhere_is_kept() -> None:
    rows = index_of(*WORLD, known=["x", "printf"]).files["f.o"]
    assert rows["x"] == Definition(10, ("g",))
    assert rows["f"].needs == ("g", "printf")


def test_a_prediction_follows_symbols_sources_and_constructors() -> None:
    index = index_of(*WORLD, whole=["main.o"])
    found = index.predict(["main.o"], ["g", "at::gone"])
    assert found.sources == ("f.o", "g.o", "h.o", "main.o")
    assert found.unknown == {"at::gone"}
    assert found.size == 20 + 20 + 1 + 10 + 10


def test_a_whole_source_without_symbols_is_predicted_too() -> None:
    assert index_of(*WORLD).predict(["main.o", "unknown.o"], []).sources == ("main.o",)


def test_what_is_cut_is_not_followed() -> None:
    found = index_of(*WORLD).predict([], ["f"], lambda symbol: symbol == "h")
    assert found.sources == ("f.o", "g.o")


def test_of_several_definers_the_first_is_taken() -> None:
    index = SymbolIndex({"b": {"s": Definition(1, ())}, "a": {"s": Definition(2, ())}})
    assert index.definers() == {"s": "a"}


def replacement(symbol: str) -> str | None:
    return "ours.o" if symbol == "gemm" else None


REPLACED = (
    obj("theirs.o", [("batched", "gemm"), ("gemm", "stub")]),
    obj("ours.o", [("gemm", "fast")]),
    obj("fast.o", [("fast",)]),
    obj("stub.o", [("stub",)]),
    obj("main.o", [("main", "batched")]),
)


def test_what_is_replaced_is_asked_for_even_where_it_is_defined() -> None:
    index = condense({it.path.name: it for it in REPLACED}, replacement=replacement)
    assert index.files["theirs.o"]["batched"].needs == ("gemm",)
    assert index.files["ours.o"]["gemm"].needs == ("fast",)
    replaced = index.predict([], ["batched"], replacement=replacement)
    assert replaced.sources == ("fast.o", "ours.o", "theirs.o")
    theirs = index.of({"theirs.o", "stub.o", "main.o"}).predict([], ["batched"])
    assert theirs.sources == ("stub.o", "theirs.o"), "the same index serves builds without ours"


def test_what_no_source_defines_has_none() -> None:
    assert finder({"s": "a"})("s") == ("a",)
    assert finder({"s": "a"})("t") == ()


def test_symbols_are_found_by_their_beginning() -> None:
    index = SymbolIndex({
        "a": {"_Z1fv": Definition(1, ()), "_Z1fi": Definition(1, ())},
        "b": {"_Z1fv": Definition(1, ()), "_Z1g": Definition(1, ())},
    })  # fmt: skip
    assert index.starting_with("_Z1f") == ("_Z1fi", "_Z1fv")


def strings(libcxx: str) -> tuple[str, str, tuple[ObjectGraph, ...]]:
    """Return two functions that call each other and a world of them, where libc++ is so mangled."""
    read = f"_ZN3net4readERKN{libcxx}12basic_stringIcEE"
    write = f"_ZN3net5writeERKN{libcxx}6vectorIiEE"
    reader = obj("read.o", [(read, write, f"_ZN{libcxx}5mutex4lockEv")], constructors=[write])
    return read, write, (reader, obj("write.o", [(write, read)]))


def test_an_index_serves_toolchains_of_another_libcxx() -> None:
    llvm, ndk = (index_of(*strings(it)[2]) for it in ("St3__1", "St6__ndk1"))
    assert llvm == ndk
    for read, write, (_, writer) in map(strings, ("St3__1", "St6__ndk1")):
        found = llvm.predict([], [write])
        assert (found.sources, found.unknown) == (("read.o", "write.o"), frozenset())
        assert finder(llvm.definers())(write) == ("write.o",)
        assert llvm.starting_with(write) == tuple(llvm.files["write.o"])
        learned = index_of(writer, known=[read, write])
        assert learned.files["write.o"] == llvm.files["write.o"]


def test_the_indexes_that_ship_are_of_no_toolchain() -> None:
    paths = sorted((DATA / RELEASE).glob("symbols*.json.xz"))
    assert len(paths) == 2
    for path in paths:
        symbols = read_index(path).definers()
        assert len(symbols) > 10_000
        assert all(portable(it) == it for it in symbols)


def test_of_two_indexes_the_second_says_more_of_its_sources() -> None:
    one = SymbolIndex({"a": {"s": Definition(1, ())}, "b": {}})
    two = SymbolIndex({"a": {"t": Definition(2, ())}, "c": {}})
    assert one.merged(two).files == {"a": {"t": Definition(2, ())}, "b": {}, "c": {}}


def test_what_two_abis_need_is_joined() -> None:
    arm = SymbolIndex({"a": {"s": Definition(1, ("neon", "x")), "t": Definition(1, ())}, "b": {}})
    x86 = SymbolIndex({"a": {"s": Definition(2, ("avx", "x"))}, "c": {}})
    joined = {"s": Definition(2, ("avx", "neon", "x")), "t": Definition(1, ())}
    assert arm.joined(x86).files == {"a": joined, "b": {}, "c": {}}


@settings(max_examples=settings().max_examples // 10)  # the strongest compression takes its time
@given(worlds(copies=True))
def test_an_index_survives_being_written(world: tuple[ObjectGraph, ...]) -> None:
    index = index_of(*world)
    assert SymbolIndex.from_bytes(index.to_bytes()) == index
    reverse = SymbolIndex({source: index.files[source] for source in reversed([*index.files])})
    assert reverse.to_bytes() == index.to_bytes()


@given(worlds(copies=False), st.data())
def test_a_prediction_covers_what_the_sweep_finds(
    world: tuple[ObjectGraph, ...], data: st.DataObject
) -> None:
    roots = data.draw(
        st.lists(st.sampled_from([it.path.name for it in world]), min_size=1, unique=True)
    )
    graphs = {it.path: it for it in world}
    closure = close(map(Path, roots), graphs, graphs.__getitem__)
    predicted = index_of(*world, whole=roots).predict(roots, [])
    assert set(predicted.sources) == {path.name for path in closure.live}
    assert predicted.size >= sum(closure.sizes.values())
    assert not predicted.unknown


@given(worlds(copies=False), st.data())
def test_what_a_part_teaches_loses_nothing_of_the_whole(
    world: tuple[ObjectGraph, ...], data: st.DataObject
) -> None:
    full = index_of(*world, whole=["0.o"])
    part = data.draw(st.lists(st.sampled_from(world), unique_by=lambda it: it.path))
    learned = index_of(*part, known=full.definers(), whole=["0.o"])
    assert full.merged(learned) == full


def test_an_absent_or_damaged_index_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "symbols.json.xz"
    assert read_index(path) == EMPTY
    whole = index_of(*WORLD).to_bytes()
    path.write_bytes(whole)
    assert read_index(path) == index_of(*WORLD)
    for damaged in (b"", b"text", whole[:40]):
        path.write_bytes(damaged)
        assert read_index(path) == EMPTY


def test_the_shipped_indexes_know_our_own_sources_by_their_names() -> None:
    """A source under an old name is not predicted, and a build finds what it needs later."""
    shipped = sorted(DATA.glob("*/symbols*.json.xz"))
    assert shipped
    for path in shipped:
        own = [it.removeprefix("native:") for it in read_index(path).files if "native:" in it]
        assert own
        assert [it for it in own if not (NATIVE / it).is_file()] == []


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_is_refused_and_as_good_as_absent(version: int, tmp_path: Path) -> None:
    data = lzma.compress(json.dumps({"version": version, "symbols": [], "files": {}}).encode())
    with pytest.raises(ValueError, match=f"unknown version of the symbol index: {version}"):
        SymbolIndex.from_bytes(data)
    path = tmp_path / "symbols.json.xz"
    path.write_bytes(data)
    assert read_index(path) == EMPTY
