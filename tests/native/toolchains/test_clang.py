"""What the clang inside zig makes of our flags, and what the linker makes of that."""

from pathlib import Path
from typing import Final

import pytest
from elftools.elf.elffile import ELFFile

from builder.vocabulary.plan import SourceKind
from builder.vocabulary.targets import Abi
from tests.native.workbench import Workbench, open_workbench

LINK_ORDER: Final = 0x80
UNFOLDED: Final = """\
struct A { int it; };
struct B { int it; };
extern "C" void thrower(int);
extern "C" int first(int it) { try { thrower(it); } catch (const A&) { return 1; } return 0; }
extern "C" int other(int it) { try { thrower(it); } catch (const B&) { return 1; } return 0; }
"""
"""Two functions with the same code, which catch different types."""

CALLER: Final = """\
struct A { int it; };
struct B { int it; };
extern "C" int first(int);
extern "C" int other(int);
extern "C" void thrower(int it) { if (it) { throw A{it}; } throw B{it}; }
extern "C" __attribute__((noinline)) int twice(int it) { return it * 2 + 1; }
extern "C" __attribute__((noinline)) int double_of(int it) { return it * 2 + 1; }
extern "C" __attribute__((visibility("default"))) int api(int it) {
  return first(it) + other(it) + twice(it) * double_of(it + 1);
}
extern "C" void br_relocate() {}
"""


@pytest.fixture(scope="module", params=[Abi.X86_64, Abi.ARMEABI_V7A])
def bench(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Workbench:
    folder = tmp_path_factory.mktemp("clang")
    (folder / "unfolded.cpp").write_text(UNFOLDED)
    (folder / "caller.cpp").write_text(CALLER)
    return open_workbench(request.param, folder, pytestconfig)


def compiled(bench: Workbench) -> tuple[Path, Path]:
    """Compile both sources so that nothing is inlined."""
    names = ("unfolded.cpp", "caller.cpp")
    one, other = (bench.compile(bench.folder / it, SourceKind.OWN) for it in names)
    return one, other


def test_objects_keep_the_table_of_addresses_that_matter(bench: Workbench) -> None:
    for path in compiled(bench):
        with path.open("rb") as stream:
            sections = {it.name: it for it in ELFFile(stream).iter_sections()}
        assert sections[".llvm_addrsig"]["sh_link"], "its numbers are those of no symbol table"


def test_tables_go_with_their_functions_and_silent_ones_have_none(bench: Workbench) -> None:
    with compiled(bench)[0].open("rb") as stream:
        sections = list(ELFFile(stream).iter_sections())
    tables = [it for it in sections if it.name.startswith((".gcc_except_table", ".ARM.exidx"))]
    assert len(tables) == 2
    assert all(it["sh_flags"] & LINK_ORDER for it in tables)
    with compiled(bench)[1].open("rb") as stream:
        elf = ELFFile(stream)
        if elf.get_section_by_name(".eh_frame") is not None:  # ARM has tables of its own
            described = list(elf.get_dwarf_info().EH_CFI_entries())
            silent = {"twice", "double_of", "br_relocate"}
            assert len(described) == 1 + 2, f"{silent} cannot throw"


def test_equal_functions_are_folded_unless_they_catch_other_types(bench: Workbench) -> None:
    _, told = bench.link("api", *compiled(bench))
    folded = ".text.double_of" in told
    assert folded == (bench.target.abi is not Abi.ARMEABI_V7A)
    assert ".text.first" not in told
    assert ".text.other" not in told


def test_an_object_that_lost_the_table_fails_the_link(bench: Workbench) -> None:
    one, caller = compiled(bench)
    again = bench.folder / "again.o"
    bench.run(bench.toolchain.linker, *bench.line.flags, "-r", one, "-o", again)
    if bench.target.abi is Abi.ARMEABI_V7A:
        bench.link("api", again, caller)  # nothing is folded there
    else:
        with pytest.raises(AssertionError, match="SHT_LLVM_ADDRSIG"):
            bench.link("api", again, caller)
