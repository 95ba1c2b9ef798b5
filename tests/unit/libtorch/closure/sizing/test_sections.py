from builder.libtorch.closure.replacements import KEEPS_ALL
from builder.libtorch.closure.sizing.sections import (
    Claim,
    Node,
    Registrar,
    connect,
    operator_of,
    symbol_name,
)
from builder.libtorch.closure.sizing.weights import Weight
from tests.unit.libtorch.closure.graphs import obj
from tests.unit.libtorch.closure.sizing.worlds import weighed

CALL = "_ZN2at4_ops3mul4callERKNS_6TensorES4_"


def symbol(name: str) -> Node:
    return ("symbol", name)


def section(source: str, index: int) -> Node:
    return ("section", (source, index))


def test_a_symbol_leads_to_its_section_and_makes_its_object_live() -> None:
    found = connect({"f": weighed(obj("f", [("f", "g")], constructors=["h"]))}, (), KEEPS_ALL)
    assert found.leads[symbol("f")] == {section("f", 1), ("object", "f")}
    assert found.leads[section("f", 1)] == {symbol("g")}
    assert found.leads["object", "f"] == {section("f", 99)}
    assert found.leads[section("f", 99)] == {symbol("h")}


def test_one_copy_of_an_inline_function_stands_for_all() -> None:
    copies = {it: weighed(obj(it, [(it, "inline"), ("inline",)], weak=["inline"])) for it in "ab"}
    found = connect(copies, (), KEEPS_ALL)
    assert found.leads[section("a", 1)] == found.leads[section("b", 1)] == {section("a", 2)}
    assert found.leads[symbol("inline")] == {section("a", 2)}


def test_the_only_copy_makes_its_object_live_where_others_refer_to_it() -> None:
    only = {"a": weighed(obj("a", [("instance",)], weak=["instance"]))}
    found = connect(only, (), KEEPS_ALL)
    assert found.leads[symbol("instance")] == {section("a", 1), ("object", "a")}


def test_what_replaces_a_function_is_instead_of_it() -> None:
    objects = {it: weighed(obj(it, [("f",), (f"use_{it}", "f")])) for it in ("ours", "theirs")}
    found = connect(objects, (), lambda name: "ours" if name == "f" else None)
    assert found.leads[symbol("f")] == {section("theirs", 1), ("object", "theirs")}
    assert found.leads["instead", "f"] == {section("ours", 1), ("object", "ours")}
    assert found.leads[section("theirs", 2)] == {symbol("f"), ("instead", "f")}
    assert found.leads[section("ours", 2)] == {section("ours", 1)}


def test_equal_constants_are_one() -> None:
    kept = {1: frozenset({b"text\0"})}
    found = connect({it: weighed(obj(it, [(it,)]), kept) for it in "ab"}, (), KEEPS_ALL)
    constant: Node = ("constant", b"text\0")
    assert found.weights[constant] == Weight(5)
    assert found.leads[section("a", 1)] == found.leads[section("b", 1)] == {constant}


def test_a_registrar_has_a_part_for_each_operator() -> None:
    item = weighed(obj("r", [("register", "f", "g", "common")], constructors=["register"]))
    first = Registrar("r", item, (Claim("a", 1, ("f",)), Claim("b", 1, ("g",), frozenset({b"k"}))))
    again = Registrar("r", item, (Claim("b", 1, ("other",)), Claim("c", 1, ("f",))))
    found = connect({}, (first, again), KEEPS_ALL)
    assert found.leads["operator", "a"] == {symbol("f"), ("object", "r")}
    assert found.leads["operator", "b"] == {symbol("g"), ("constant", b"k"), ("object", "r")}
    assert found.leads["operator", "c"] == {symbol("f"), ("object", "r")}
    assert found.weights["operator", "a"] == Weight(5, 0, 0)
    assert found.leads["object", "r"] == {section("r#0", 99)}
    assert found.leads[section("r#0", 1)] == {symbol("common")}
    assert found.weights[section("r#0", 1)] == Weight()


def test_the_call_of_an_operator_has_one_name_on_all_abis() -> None:
    assert symbol_name(CALL) == "at::_ops::mul"
    assert operator_of("at::_ops::mul") == "mul"
    assert symbol_name("_ZNSt3__13fooEv") == "_ZNSt~3fooEv"
    assert operator_of("foo") is None
