"""The library relocates itself: linked as builds link it, loaded by real loaders."""

import signal
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from builder.foundation.elf import read_elf
from builder.vocabulary.targets import Abi, target_facts
from tests.native.workbench import open_workbench
from tests.places import ROOT

HERE: Final = Path(__file__).parent
RELOCATION: Final = ROOT / "native" / "src" / "start" / "relocation.cpp"
SUM: Final = 100 * 1 + 100 * 2 + 5


@dataclass(frozen=True)
class Subject:
    """A library that relocates itself, the program that loads it, and what runs programs."""

    library: Path
    loader: tuple[object, ...]


Link = Callable[[Abi], Subject]


@pytest.fixture
def link(tmp_path: Path, pytestconfig: pytest.Config, require: Callable[[str], Path]) -> Link:
    def make(abi: Abi) -> Subject:
        bench = open_workbench(abi, tmp_path, pytestconfig)
        objects = bench.compile(HERE / "relocated.c"), bench.compile(RELOCATION)
        exported = "added; constructed; sealed; relocate_again; spare"
        library, _ = bench.link(exported, *objects)
        program = tmp_path / "load_relocated"
        bench.run(bench.toolchain.cc, HERE / "load_relocated.c", "-ldl", "-o", program)
        facts = target_facts(bench.target)
        emulated = abi is not Abi.X86_64
        prefix = (require(facts.emulator), "-L", facts.sysroot) if emulated else ()
        return Subject(library, (*prefix, program))

    return make


def load(subject: Subject) -> subprocess.CompletedProcess[str]:
    words = [*map(str, subject.loader), str(subject.library)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("abi", [Abi.X86_64, Abi.ARMEABI_V7A])
def test_words_are_relocated_once_before_constructors_and_sealed(abi: Abi, link: Link) -> None:
    subject = link(abi)
    elf = read_elf(subject.library)
    assert {"DT_ANDROID_RELR", "DT_INIT"} <= elf.dynamic
    assert not {"DT_RELR", "DT_TEXTREL"} & elf.dynamic
    first, again = load(subject).stdout.splitlines()
    assert first == f"{SUM} {SUM} 0", "constructors see it, and nobody writes there"
    assert again == f"{SUM} 0", "what is relocated stays as it is"


def edit_dynamic(library: Path, edit: Callable[[bytes], bytes], *, moved: bool) -> None:
    """Rewrite the dynamic section of a 64-bit library; where it is moved, nothing is left of it."""
    data = bytearray(library.read_bytes())
    with library.open("rb") as stream:
        elf = ELFFile(stream)
        number, header = next(
            (number, it) for number, it in enumerate(elf.iter_segments())
            if it["p_type"] == "PT_DYNAMIC"
        )  # fmt: skip
        content = edit(header.data())
        begin, size = header["p_offset"], header["p_filesz"]
        data[begin : begin + size] = b"Z" * size if moved else content
        if moved:
            symbols = elf.get_section_by_name(".dynsym")
            assert isinstance(symbols, SymbolTableSection)
            found = symbols.get_symbol_by_name("spare")
            assert found
            address = found[0]["st_value"]
            place = next(elf.address_offsets(address))
            data[place : place + size] = content
            at = elf["e_phoff"] + number * elf["e_phentsize"]
            struct.pack_into("<3Q", data, at + 8, place, address, address)
    library.write_bytes(data)


def test_a_tool_may_move_the_dynamic_section(link: Link) -> None:
    """As patchelf does when it adds a search path or a library."""
    subject = link(Abi.X86_64)
    edit_dynamic(subject.library, bytes, moved=True)
    done = load(subject)
    assert done.stdout.splitlines() == [f"{SUM} {SUM} 0", f"{SUM} 0"], done.stderr


def test_a_library_that_lost_its_table_says_so(link: Link) -> None:
    subject = link(Abi.X86_64)
    table = struct.pack("<Q", 0x6FFFE000)
    edit_dynamic(
        subject.library, lambda it: it.replace(table, struct.pack("<Q", 0x6FFFE0FF)), moved=False
    )
    done = load(subject)
    assert done.returncode == -signal.SIGABRT
    assert "has lost its table of relocations" in done.stderr
