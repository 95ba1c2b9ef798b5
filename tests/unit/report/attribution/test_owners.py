from pathlib import Path

import pytest

from builder.libtorch.closure.details import ObjectDetails
from builder.libtorch.closure.objects import parse_object
from builder.report.attribution.inputs import LinkedObject, is_own
from builder.report.attribution.owners import OwnerGraph, operator_name
from builder.report.linkmap import Folded, InputPiece
from tests.unit.libtorch.closure.forge import (
    ALLOC,
    EXEC,
    GROUPED,
    INIT_ARRAY,
    LINK_ORDER,
    PROGBITS,
    WEAK,
    Section,
    Symbol,
    make_object,
)

A, B = frozenset({"aten::a"}), frozenset({"aten::b"})
CORE = frozenset[str]()
TEXTS = 0x32  # allocated, merged, zero-terminated


def linked(file: str, *sections: Section, symbols: tuple[Symbol, ...] = ()) -> LinkedObject:
    data = make_object(sections, symbols)
    return LinkedObject(file, parse_object(Path(file), data), ObjectDetails(data), is_own(file))


def registration(file: str, text: bytes, function: str) -> LinkedObject:
    """An object of the build's own with a table that registers one operator."""
    names = Section("br_registered", flags=ALLOC, content=text + b"\0")
    table = Section(".data.rel.ro.table", 32, PROGBITS, 3, ((0, "[br_registered]"), (24, function)))
    return linked(file, names, table, symbols=(Symbol(function),))


def pieces(*objects: LinkedObject) -> list[InputPiece]:
    return [
        InputPiece(0x1000 * number + index, section.size, it.file, section.name)
        for number, it in enumerate(objects, 1)
        for index, section in it.graph.sections.items()
    ]


def owners(*objects: LinkedObject, exported: str = "api") -> dict[str, frozenset[str]]:
    """Return the owners of each section by its name."""
    found = pieces(*objects)
    graph = OwnerGraph(objects, found, A | B)
    graph.solve(it for it in found if it.section == f".text.{exported}")
    return {f"{it.file}:{it.section}": graph.of_piece(it) for it in found}


def function(name: str, *calls: str) -> Section:
    return Section(f".text.{name}", relocations=tuple((4 * n, it) for n, it in enumerate(calls)))


def asked() -> tuple[LinkedObject, LinkedObject]:
    return registration("a.o", b"aten::a(int x)", "f"), registration("b.o", b"aten::b", "g")


def test_sections_belong_to_the_operators_that_lead_to_them() -> None:
    store = linked(
        "../store.o",
        function("f", "shared"),
        function("g", "shared", "api"),
        function("shared"),
        function("api"),
        symbols=tuple(Symbol(it, f".text.{it}") for it in ("f", "g", "shared", "api")),
    )
    found = owners(*asked(), store)
    assert found["../store.o:.text.f"] == A
    assert found["../store.o:.text.g"] == B
    assert found["../store.o:.text.shared"] == A | B
    assert found["../store.o:.text.api"] == CORE


def test_constructors_come_with_what_their_object_alone_defines() -> None:
    constructor = Section(".init_array", 8, INIT_ARRAY, 3, ((0, "late"),))
    one = linked(
        "../f.o", function("f"), constructor, symbols=(Symbol("f", ".text.f"), Symbol("late"))
    )
    late = linked("../late.o", function("late"), function("g"), symbols=(
        Symbol("late", ".text.late"), Symbol("g", ".text.g"),
    ))  # fmt: skip
    found = owners(*asked(), one, late)
    assert found["../f.o:.init_array"] == A
    assert found["../late.o:.text.late"] == A
    assert found["../late.o:.text.g"] == B


def test_exception_tables_of_dead_functions_stay_with_their_object() -> None:
    kept, grouped = ".gcc_except_table.dead", ".gcc_except_table.inline"
    tied = ".gcc_except_table.g"
    store = linked(
        "../f.o", function("f"), function("g"), Section(kept, flags=ALLOC),
        Section(grouped, flags=GROUPED),
        Section(tied, flags=LINK_ORDER, ordered_with=".text.g"),
        symbols=(Symbol("f", ".text.f"), Symbol("g", ".text.g")),
    )  # fmt: skip
    found = owners(*asked(), store)
    assert found[f"../f.o:{kept}"] == A | B
    assert found[f"../f.o:{grouped}"] == CORE
    assert found[f"../f.o:{tied}"] == B


def test_what_was_folded_leads_to_what_is_there_for_it() -> None:
    """f of one object and g of another have equal helpers, and equal local functions."""
    constructor = Section(".init_array", 8, INIT_ARRAY, 3)
    one = linked(
        "../f.o", function("f", "first", "[.text.inner]"), function("first"), function("inner"),
        symbols=(Symbol("f", ".text.f"), Symbol("first", ".text.first")),
    )  # fmt: skip
    other = linked(
        "../g.o", function("g", "other", "[.text.hidden]"), function("hidden"),
        symbols=(Symbol("g", ".text.g"), Symbol("other")),
    )  # fmt: skip
    gone = linked(
        "../gone.o", function("other"), constructor, symbols=(Symbol("other", ".text.other"),)
    )
    objects = (*asked(), one, other, gone)
    folded = (
        Folded(("../gone.o", ".text.other"), ("../f.o", ".text.first")),
        Folded(("../g.o", ".text.hidden"), ("../f.o", ".text.inner")),
        Folded(("../elsewhere.o", ".text.x"), ("../f.o", ".text.f")),
    )
    away = {it.gone for it in folded}
    kept = [it for it in pieces(*objects) if (it.file, it.section) not in away]
    graph = OwnerGraph(objects, kept, A | B, folded)
    graph.solve(())
    found = {f"{it.file}:{it.section}": graph.of_piece(it) for it in kept}
    assert found["../f.o:.text.first"] == found["../f.o:.text.inner"] == A | B
    assert found["../f.o:.text.f"] == A
    assert found["../gone.o:.init_array"] == B, "what defines it is linked, wherever its code is"


def test_a_copy_of_an_inline_function_brings_nothing_of_the_object_it_is_kept_in() -> None:
    """Both objects have a copy, and the linker kept that of f.o: g.o does not need f.o for it."""
    constructor = Section(".init_array", 8, INIT_ARRAY, 3)
    inline = Section(".text.inline", 6)
    one = linked(
        "../f.o", function("f", "inline"), inline, constructor,
        symbols=(Symbol("f", ".text.f"), Symbol("inline", ".text.inline", WEAK)),
    )  # fmt: skip
    copy = linked(
        "../g.o", function("g", "inline"), inline,
        symbols=(Symbol("g", ".text.g"), Symbol("inline", ".text.inline", WEAK)),
    )  # fmt: skip
    objects = (*asked(), one, copy)
    kept = [it for it in pieces(*objects) if (it.file, it.section) != ("../g.o", ".text.inline")]
    graph = OwnerGraph(objects, kept, A | B)
    graph.solve(())
    found = {f"{it.file}:{it.section}": graph.of_piece(it) for it in kept}
    assert found["../f.o:.text.inline"] == A | B
    assert found["../f.o:.init_array"] == A


def test_a_registrar_is_there_for_the_operators_it_registers() -> None:
    names = Section("br_registered", flags=ALLOC, content=b"aten::a(int a) -> int\0")
    code = Section(
        ".text.startup", 16, PROGBITS, EXEC,
        ((0, "[br_registered]"), (4, "[.text.lambda]"), (8, "add")),
    )  # fmt: skip
    constructor = Section(".init_array", 8, INIT_ARRAY, 3, ((0, "[.text.startup]"),))
    registrar = linked(
        "registrar.o", names, code, function("lambda"), constructor, symbols=(Symbol("add"),)
    )
    store = linked("../add.o", function("add"), symbols=(Symbol("add", ".text.add"),))
    found = owners(registrar, store)
    assert found["registrar.o:.text.lambda"] == A
    assert found["registrar.o:.text.startup"] == A
    assert found["../add.o:.text.add"] == A


ADRP, ADD, CALL = 275, 277, 283
X86_ADDRESS, X86_CALL = 2, 4


def two_registered(*relocations: tuple[int, str, int, int], machine: int) -> LinkedObject:
    """A constructor that refers to two names, and to functions: its own, and another object's."""
    names = Section("br_registered", flags=ALLOC, content=b"aten::a\0aten::b\0")
    code = Section(".text.startup", 64, relocations=relocations)
    constructor = Section(".init_array", 8, INIT_ARRAY, 3, ((0, "[.text.startup]"),))
    data = make_object(
        (names, code, function("own"), constructor),
        (Symbol("f"), Symbol("add"), Symbol("__dso_handle")),
        machine=machine,
    )
    return LinkedObject("two.o", parse_object(Path("two.o"), data), ObjectDetails(data), own=True)


def names_and_functions(*order: str) -> LinkedObject:
    """The same as AArch64's compiler writes it: two instructions make one address."""
    kinds = dict[str, int]()
    relocations = []
    for number, it in enumerate(order):
        kinds[it] = CALL if it == "add" else ADD if it in kinds else ADRP
        symbol = "[br_registered]" if it in {"a", "b"} else "[.text.own]" if it == "own" else it
        relocations.append((4 * number, symbol, 8 if it == "b" else 0, kinds[it]))
    return two_registered(*relocations, machine=183)


@pytest.mark.parametrize("order", [
    ("a", "a", "own", "own", "b", "b", "f", "f", "add"),  # in turn
    ("a", "own", "a", "own", "b", "f", "b", "f", "add"),  # interleaved
    ("b", "b", "a", "add", "a", "own", "own", "f", "f"),  # a name early, a call between
    ("a", "b", "b", "a", "own", "f", "own", "add", "f"),
])  # fmt: skip
def test_each_of_two_names_in_code_gets_its_own_function(order: tuple[str, ...]) -> None:
    store = linked(
        "../store.o", function("f"), function("add"),
        symbols=(Symbol("f", ".text.f"), Symbol("add", ".text.add")),
    )  # fmt: skip
    found = owners(names_and_functions(*order), store)
    assert found["two.o:.text.own"] == A
    assert found["../store.o:.text.f"] == B
    assert found["../store.o:.text.add"] == A | B


def test_addresses_relative_to_the_instruction_are_read() -> None:
    registrar = two_registered(
        (4, "[br_registered]", -4, X86_ADDRESS), (8, "f", -4, X86_ADDRESS),
        (12, "add", -4, X86_CALL),
        (16, "[br_registered]", 4, X86_ADDRESS), (20, "__dso_handle", -4, X86_ADDRESS),
        (24, "[.text.own]", -4, X86_ADDRESS),
        machine=62,
    )  # fmt: skip
    store = linked("../store.o", function("f"), symbols=(Symbol("f", ".text.f"),))
    found = owners(registrar, store)
    assert found["../store.o:.text.f"] == A
    assert found["two.o:.text.own"] == B


def test_what_a_shared_object_registers_is_there_whoever_asks_for_it() -> None:
    promoted = registration("../promoted.o", b"aten::a", "f")
    store = linked("../f.o", function("f"), symbols=(Symbol("f", ".text.f"),))
    assert set(owners(promoted, store).values()) == {CORE}


def test_constants_and_imports_are_of_those_that_refer_to_them() -> None:
    texts = Section(".rodata.str1.1", flags=TEXTS, content=b"words\0", entry=1)
    store = linked(
        "../store.o", function("f", "[.rodata.str1.1]", "sin"), texts, function("g", "sin"),
        symbols=(Symbol("f", ".text.f"), Symbol("g", ".text.g"), Symbol("sin")),
    )  # fmt: skip
    objects = (*asked(), store)
    graph = OwnerGraph(objects, pieces(*objects), A | B)
    graph.solve(())
    assert graph.of_constants() == {b"words\0": A}
    assert graph.of_import("sin") == A | B
    assert graph.of_import("cos") == CORE


def test_names_are_read_from_schemas_and_quoted_texts() -> None:
    assert operator_name("aten::eq.int(int a, int b) -> bool") == "aten::eq.int"
    assert operator_name(' "prim::tolist"') == "prim::tolist"
