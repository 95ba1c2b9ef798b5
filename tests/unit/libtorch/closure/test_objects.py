import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection
from hypothesis import given
from hypothesis import strategies as st

from builder.libtorch.closure.objects import Edge, ObjectGraph, read_object
from builder.vocabulary.errors import CompileError
from tests.unit.libtorch.closure.forge import (
    ABSOLUTE,
    ALLOC,
    ARM_EXIDX,
    COMMON,
    GROUPED,
    INIT_ARRAY,
    LINK_ORDER,
    LOCAL,
    NOBITS,
    RETAIN,
    WEAK,
    Section,
    Symbol,
    make_object,
)

LAYOUTS = [(64, True), (64, False), (32, True), (32, False)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.o"


def read(
    path: Path, sections: Sequence[Section], symbols: Sequence[Symbol] = (), **layout: bool | int
) -> ObjectGraph:
    path.write_bytes(make_object(sections, symbols, **layout))  # type: ignore[arg-type]
    return read_object(path)


def edges(graph: ObjectGraph, name: str) -> tuple[Edge, ...]:
    """Return the references of a section; those to sections of the object as `[name]`."""
    (section,) = (it for it in graph.sections.values() if it.name == name)
    return tuple(
        f"[{graph.sections[edge].name}]" if isinstance(edge, int) else edge
        for edge in section.edges
    )


@pytest.mark.parametrize(("bits", "rela"), LAYOUTS)
def test_sections_symbols_and_references_are_read(path: Path, bits: int, rela: bool) -> None:  # noqa: FBT001
    graph = read(
        path,
        [
            Section(
                ".text.f", 20,
                relocations=((0, "g"), (4, "[.rodata]"), (8, "helper"), (12, "g")),
            ),
            Section(".rodata", 7, flags=ALLOC),
            Section(".text.helper", 5),
            Section(".bss.b", 4096, kind=NOBITS),
            Section(".comment", 9, flags=0, relocations=((0, "f"),)),
        ],
        [Symbol("f", ".text.f"), Symbol("g"), Symbol("helper", ".text.helper", LOCAL)],
        bits=bits, rela=rela,
    )  # fmt: skip
    assert graph.path == path
    assert {it.name: it.size for it in graph.sections.values()} == {
        ".text.f": 20, ".rodata": 7, ".text.helper": 5, ".bss.b": 4096,
    }  # fmt: skip
    assert edges(graph, ".text.f") == ("g", "[.rodata]", "[.text.helper]")
    assert graph.strong == {"f": 1}
    assert not graph.weak
    assert not graph.optional
    assert not any(it.root for it in graph.sections.values())


def test_the_forged_objects_are_what_other_readers_read() -> None:
    for bits, rela in LAYOUTS:
        data = make_object(
            [Section(".text.f", relocations=((0, "g"),))],
            [Symbol("f", ".text.f"), Symbol("g")], bits=bits, rela=rela,
        )  # fmt: skip
        elf = ELFFile(io.BytesIO(data))
        symbols = elf.get_section_by_name(".symtab")
        relocations = elf.get_section_by_name(f".rel{'a' * rela}.text.f")
        assert isinstance(symbols, SymbolTableSection)
        assert isinstance(relocations, RelocationSection)
        assert [(it.name, it["st_shndx"]) for it in symbols.iter_symbols()][2:] == [
            ("f", 1), ("g", "SHN_UNDEF"),
        ]  # fmt: skip
        assert [it["r_info_sym"] for it in relocations.iter_relocations()] == [3]


def test_copies_of_inline_functions_are_weak(path: Path) -> None:
    graph = read(
        path,
        [
            Section(".text._Z1fv", flags=GROUPED, relocations=((0, "_Z1gv"), (1, "maybe"))),
            Section(".text._Z1gv", flags=GROUPED),
        ],
        [
            Symbol("_Z1fv", ".text._Z1fv", WEAK),
            Symbol("_Z1gv", ".text._Z1gv", WEAK),
            Symbol("maybe", binding=WEAK),
        ],
    )
    assert graph.weak == {"_Z1fv": 1, "_Z1gv": 2}
    assert graph.optional == {"maybe"}
    assert edges(graph, ".text._Z1fv") == ("_Z1gv", "maybe"), "by name: another copy may be kept"


@pytest.mark.parametrize(
    ("section", "root"),
    [
        (Section(".init_array", kind=INIT_ARRAY, flags=3), True),
        (Section(".init_array.00100", kind=INIT_ARRAY, flags=3), True),
        (Section(".ctors", flags=3), True),
        (Section(".text.kept", flags=RETAIN), True),
        (Section(".text.startup"), False),
        (Section(".data", flags=3), False),
    ],
)
def test_constructors_and_what_is_retained_are_roots(
    path: Path,
    section: Section,
    root: bool,  # noqa: FBT001
) -> None:
    (found,) = read(path, [section]).sections.values()
    assert found.root is root


def test_symbols_without_a_section_stand_for_none(path: Path) -> None:
    graph = read(
        path,
        [Section(".text.f", relocations=((0, "constant"), (4, "shared")))],
        [Symbol("constant", ABSOLUTE), Symbol("shared", COMMON), Symbol("weak", ABSOLUTE, WEAK)],
    )
    assert graph.strong == {"constant": -1, "shared": -1}
    assert graph.weak == {"weak": -1}


@pytest.mark.parametrize(("bits", "rela"), LAYOUTS)
def test_exception_tables_live_as_long_as_their_code(path: Path, bits: int, rela: bool) -> None:  # noqa: FBT001
    graph = read(
        path,
        [
            Section(".text.f"),
            Section(".text.g"),
            Section(".text.h"),
            Section(".gcc_except_table.f", flags=ALLOC, relocations=((0, "_ZTIi"),)),
            Section(".gcc_except_table.h", flags=ALLOC),
            Section(
                ".eh_frame", flags=ALLOC,
                relocations=(  # frames may stand in any order of relocations
                    (200, "[.text.h]"), (208, "[.gcc_except_table.h]"),
                    (20, "__gxx_personality_v0"),
                    (40, "[.text.f]"), (48, "[.gcc_except_table.f]"), (100, "[.text.g]"),
                ),
            ),
        ],
        [Symbol("_ZTIi"), Symbol("__gxx_personality_v0")],
        bits=bits, rela=rela,
    )  # fmt: skip
    assert edges(graph, ".text.f") == ("[.gcc_except_table.f]",)
    assert edges(graph, ".text.g") == ()
    assert edges(graph, ".text.h") == ("[.gcc_except_table.h]",)
    assert edges(graph, ".gcc_except_table.f") == ("_ZTIi",)
    assert ".eh_frame" not in {it.name for it in graph.sections.values()}


def test_arm_unwind_tables_follow_the_code_they_are_linked_to(path: Path) -> None:
    graph = read(
        path,
        [
            Section(".text.f"),
            Section(
                ".ARM.exidx.text.f", 8, kind=ARM_EXIDX, flags=LINK_ORDER, ordered_with=".text.f",
                relocations=((0, "[.text.f]"), (4, "[.ARM.extab.text.f]")),
            ),
            Section(".ARM.extab.text.f", flags=ALLOC, relocations=((0, "__aeabi_unwind_cpp_pr0"),)),
        ],
        [Symbol("f", ".text.f"), Symbol("__aeabi_unwind_cpp_pr0")],
        bits=32, rela=False,
    )  # fmt: skip
    assert edges(graph, ".text.f") == ("[.ARM.exidx.text.f]",)
    assert edges(graph, ".ARM.exidx.text.f") == ("[.text.f]", "[.ARM.extab.text.f]")
    assert edges(graph, ".ARM.extab.text.f") == ("__aeabi_unwind_cpp_pr0",)


def test_section_numbers_of_large_objects_stand_in_their_own_table(path: Path) -> None:
    graph = read(
        path,
        [Section(".text.f"), Section(".text.g", relocations=((0, "f"), (4, "[.text.f]")))],
        [Symbol("f", ".text.f"), Symbol("shared", COMMON)],
        extended=True,
    )
    assert graph.strong == {"f": 1, "shared": -1}
    assert edges(graph, ".text.g") == ("f", "[.text.f]")


def test_an_object_without_symbols_has_none(path: Path) -> None:
    graph = read(path, [Section(".data", flags=3)])
    assert (graph.strong, graph.weak, graph.optional) == ({}, {}, frozenset())


WHOLE = make_object(
    [Section(".text.f", relocations=((0, "g"), (4, "[.data]"))), Section(".data", flags=3)],
    [Symbol("f", ".text.f"), Symbol("g")],
)


@pytest.mark.parametrize(
    "data", [b"", b"int f();", b"\x7fELF", b"\x7fELF\x02\x02" + bytes(60), b"!<arch>\n"]
)
def test_what_is_no_object_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(CompileError, match="not a complete object file") as caught:
        read_object(path)
    assert caught.value.hint == "remove it and run the same command again"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects") / "x.o"


@given(size=st.integers(0, len(WHOLE) - 1))
def test_a_cut_off_object_is_refused(place: Path, size: int) -> None:
    place.write_bytes(WHOLE[:size])
    with pytest.raises(CompileError):
        read_object(place)


@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_is_read_or_refused_but_never_a_crash(
    place: Path, at: int, flip: int
) -> None:
    data = bytearray(WHOLE)
    data[at] ^= flip
    place.write_bytes(data)
    with contextlib.suppress(CompileError):
        read_object(place)
