"""What real compilers write is read as pyelftools reads it, and swept as lld links."""

import subprocess
import sys
from typing import Final

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from builder.libtorch.closure.objects import ObjectGraph, read_object
from builder.libtorch.closure.sweep import close
from builder.toolchains.zig import target_flags
from builder.vocabulary.targets import Abi, Platform, make_target

pytestmark = pytest.mark.native

COMMON: Final = """
struct Guard { ~Guard(); };
inline int shared(int value) { static int calls = 0; return calls += value; }
int used(int value);
int thrower(int value);
"""
ROOT: Final = """
extern "C" int entry(int value) {
  Guard guard;
  try { return shared(used(value)); } catch (int caught) { return caught; }
}
"""
USED: Final = """
extern "C" int printf(const char*, ...);
extern int table[4];
int used(int value) { return shared(value) + table[value & 3]; }
int unused(int value) { return thrower(value) + printf("never"); }
"""
TABLE: Final = """
int table[4] = {1, 2, 3, 4};
extern int log_size;
struct Registrar { Registrar() { log_size += used(1); } } registrar;
Guard::~Guard() { log_size = 0; }
"""
LOG: Final = "int log_size; int thrower(int value) { throw value; }"


@pytest.fixture(scope="module", params=[Abi.ARM64_V8A, Abi.ARMEABI_V7A, Abi.X86_64, Abi.X86])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ObjectGraph]:
    """Compile four files for an ABI; return their graphs by name."""
    folder = tmp_path_factory.mktemp("compiled")
    target = make_target(Platform.LINUX, request.param)
    graphs: dict[str, ObjectGraph] = {}
    for name, text in {"root": ROOT, "used": USED, "table": TABLE, "log": LOG}.items():
        source = folder / f"{name}.cpp"
        source.write_text(COMMON + text)
        subprocess.run(
            [
                sys.executable, "-m", "ziglang", "c++", *target_flags(target), "-Os", "-fPIC",
                "-ffunction-sections", "-fdata-sections", "-c", source.name, "-o", f"{name}.o",
            ],
            check=True, cwd=folder,
        )  # fmt: skip
        graphs[name] = read_object(folder / f"{name}.o")
    return graphs


def test_sections_and_symbols_are_those_pyelftools_sees(world: dict[str, ObjectGraph]) -> None:
    for graph in world.values():
        with graph.path.open("rb") as stream:
            elf = ELFFile(stream)
            allocated = {
                index: (section.name, section["sh_size"])
                for index, section in enumerate(elf.iter_sections())
                if section["sh_flags"] & 2 and section.name != ".eh_frame"
            }
            symbols = elf.get_section_by_name(".symtab")
            assert isinstance(symbols, SymbolTableSection)
            bound: dict[str, set[str]] = {"STB_GLOBAL": set(), "STB_WEAK": set()}
            for symbol in symbols.iter_symbols():
                if symbol["st_shndx"] != "SHN_UNDEF":
                    bound.setdefault(symbol["st_info"]["bind"], set()).add(symbol.name)
        assert {index: (it.name, it.size) for index, it in graph.sections.items()} == allocated
        assert graph.strong.keys() == bound["STB_GLOBAL"]
        assert graph.weak.keys() == bound["STB_WEAK"]


def test_every_object_carries_its_copy_of_an_inline_function(
    world: dict[str, ObjectGraph],
) -> None:
    assert "_ZZ6sharediE5calls" in world["root"].weak
    assert "_ZZ6sharediE5calls" in world["used"].weak


def test_the_closure_is_what_the_code_needs(world: dict[str, ObjectGraph]) -> None:
    graphs = {graph.path: graph for graph in world.values()}
    closure = close([world["root"].path], graphs, graphs.__getitem__)
    assert [path.stem for path in closure.live] == ["root", "log", "table", "used"]
    assert "printf" not in closure.missing, "only the unused function prints"
    assert "__cxa_throw" not in closure.missing, "only an unused function throws"
    assert {"__cxa_begin_catch", "__cxa_end_catch"} <= closure.missing.keys()
    assert "_ZTIi" in closure.missing, "the exception table of the entry names what it catches"


def test_a_thrower_that_is_needed_brings_what_throwing_needs(
    world: dict[str, ObjectGraph],
) -> None:
    graphs = {graph.path: graph for graph in world.values()}
    closure = close([world["used"].path], graphs, graphs.__getitem__)
    assert {"printf", "__cxa_throw"} <= closure.missing.keys()


def test_constructors_are_roots(world: dict[str, ObjectGraph]) -> None:
    roots = {
        name: [it.name for it in graph.sections.values() if it.root]
        for name, graph in world.items()
    }
    assert roots == {"root": [], "used": [], "table": [".init_array"], "log": []}
