"""Reading a linked ELF library: the facts that policy, size report and manifest are about."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.constants import P_FLAGS
from elftools.elf.dynamic import DynamicSegment, DynamicTag
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerSymSection
from elftools.elf.sections import NoteSection, SymbolTableSection
from elftools.elf.sections import Section as ElfSection
from elftools.elf.segments import Segment as ElfSegment

from builder.vocabulary.errors import VerificationError

_DF_TEXTREL: Final = 0x4
_DF_BIND_NOW: Final = 0x8
_DF_1_NOW: Final = 0x1
_VERSION_HIDDEN: Final = 0x8000

_UNREADABLE: Final = (
    ELFError, ConstructError, struct.error, ValueError, LookupError, AttributeError, TypeError,
    AssertionError, OverflowError, MemoryError,
)  # fmt: skip
"""What pyelftools raises on bytes that are no ELF file, found by feeding it damaged ones."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header. Sizes and offsets are bytes; `kind` is pyelftools' name of the type."""

    kind: str
    offset: int
    address: int
    align: int
    readable: bool
    writable: bool
    executable: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A section header. `size` is bytes of memory, `stored` bytes of the file (0 for `.bss`)."""

    name: str
    offset: int
    address: int
    size: int
    stored: int


@dataclass(frozen=True, slots=True, order=True)
class Export:
    """A symbol the library offers. `version` is empty when the symbol has none."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFile:
    """What a library says about itself. `kind`, `machine` are pyelftools' names of the values.

    `run_paths` holds DT_RPATH and DT_RUNPATH; `soname` and `build_id` (hex) are empty when absent.
    `imports` are the symbols that other libraries must define for it to be loaded: no weak ones.
    `section_table` is the offset and size in bytes of the section headers. `dynamic` are the names
    of the tags in the dynamic section.
    """

    size: int
    bits: int
    kind: str
    machine: str
    soname: str
    needed: tuple[str, ...]
    run_paths: tuple[str, ...]
    exports: frozenset[Export]
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    section_table: tuple[int, int]
    text_relocations: bool
    bind_now: bool
    build_id: str
    imports: frozenset[str] = frozenset()
    dynamic: frozenset[str] = frozenset()

    @property
    def export_names(self) -> frozenset[str]:
        """The exported symbols without their versions."""
        return frozenset(export.name for export in self.exports)

    @property
    def relro(self) -> bool:
        """Whether relocated data becomes read-only after start-up."""
        return any(segment.kind == "PT_GNU_RELRO" for segment in self.segments)

    @property
    def executable_stack(self) -> bool:
        """Whether the library asks for it: saying nothing counts too."""
        stacks = [segment for segment in self.segments if segment.kind == "PT_GNU_STACK"]
        return not stacks or any(segment.executable for segment in stacks)


def read_elf(path: Path) -> ElfFile:
    """Read a library; raise `VerificationError` when it is not a readable, linked ELF file."""
    try:
        with path.open("rb") as stream:
            return _read(stream, path.stat().st_size)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise VerificationError(message, hint="name a library (.so) that was built") from error
    except _UNREADABLE as error:
        message = f"{path} is not a readable ELF library: {str(error) or type(error).__name__}"
        raise VerificationError(message, hint="build it again; it may be cut short") from error


def _read(stream: IO[bytes], size: int) -> ElfFile:
    elf = ELFFile(stream)
    dynamic = next((it for it in elf.iter_segments() if isinstance(it, DynamicSegment)), None)
    tags = list(dynamic.iter_tags()) if dynamic is not None else []
    values = {str(tag.entry.d_tag): int(tag.entry.d_val) for tag in tags}
    header = elf.header
    return ElfFile(
        size=size,
        bits=int(elf.elfclass),
        kind=str(header["e_type"]),
        machine=str(header["e_machine"]),
        soname=next((_text(tag, "soname") for tag in tags if tag.entry.d_tag == "DT_SONAME"), ""),
        needed=tuple(_text(tag, "needed") for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
        run_paths=tuple(_run_paths(tags)),
        exports=_exports(elf),
        segments=tuple(_segment(segment) for segment in elf.iter_segments()),
        sections=tuple(_section(section) for section in elf.iter_sections()),
        section_table=(int(header["e_shoff"]), int(header["e_shentsize"] * elf.num_sections())),
        text_relocations="DT_TEXTREL" in values or bool(values.get("DT_FLAGS", 0) & _DF_TEXTREL),
        bind_now="DT_BIND_NOW" in values
        or bool(values.get("DT_FLAGS", 0) & _DF_BIND_NOW)
        or bool(values.get("DT_FLAGS_1", 0) & _DF_1_NOW),
        build_id=_build_id(elf),
        imports=_imports(elf),
        dynamic=frozenset(values),
    )


def _text(tag: object, attribute: str) -> str:
    """Read what pyelftools attaches to a dynamic entry that is a string."""
    return str(getattr(tag, attribute))


def _run_paths(tags: Iterable[DynamicTag]) -> Iterable[str]:
    for tag in tags:
        if tag.entry.d_tag == "DT_RPATH":
            yield _text(tag, "rpath")
        elif tag.entry.d_tag == "DT_RUNPATH":
            yield _text(tag, "runpath")


def _segment(segment: ElfSegment) -> Segment:
    flags = int(segment["p_flags"])
    return Segment(
        kind=str(segment["p_type"]),
        offset=int(segment["p_offset"]),
        address=int(segment["p_vaddr"]),
        align=int(segment["p_align"]),
        readable=bool(flags & P_FLAGS.PF_R),
        writable=bool(flags & P_FLAGS.PF_W),
        executable=bool(flags & P_FLAGS.PF_X),
    )


def _section(section: ElfSection) -> Section:
    absent = section["sh_type"] in {"SHT_NOBITS", "SHT_NULL"}
    size = int(section["sh_size"])
    return Section(
        name=str(section.name),
        offset=int(section["sh_offset"]),
        address=int(section["sh_addr"]),
        size=size,
        stored=0 if absent else size,
    )


def _exports(elf: ELFFile) -> frozenset[Export]:
    """Return the defined global and weak dynamic symbols.

    A linker may define each version's own name as an absolute symbol: no export anyone can call.
    """
    symbols = elf.get_section_by_name(".dynsym")
    if not isinstance(symbols, SymbolTableSection):
        return frozenset()
    indices = elf.get_section_by_name(".gnu.version")
    versioned = indices if isinstance(indices, GNUVerSymSection) else None
    names = _version_names(elf)
    found = set()
    for position, symbol in enumerate(symbols.iter_symbols()):
        defined = symbol["st_shndx"] != "SHN_UNDEF"
        if not defined or symbol["st_info"]["bind"] == "STB_LOCAL":
            continue
        version = _version(versioned.get_symbol(position)["ndx"], names) if versioned else ""
        if not (symbol["st_shndx"] == "SHN_ABS" and symbol.name in names.values()):
            found.add(Export(str(symbol.name), version))
    return frozenset(found)


def _imports(elf: ELFFile) -> frozenset[str]:
    symbols = elf.get_section_by_name(".dynsym")
    if not isinstance(symbols, SymbolTableSection):
        return frozenset()
    return frozenset(
        str(it.name)
        for it in symbols.iter_symbols()
        if it["st_shndx"] == "SHN_UNDEF" and it["st_info"]["bind"] == "STB_GLOBAL"
    )


def _version_names(elf: ELFFile) -> dict[int, str]:
    definitions = elf.get_section_by_name(".gnu.version_d")
    if not isinstance(definitions, GNUVerDefSection):
        return {}
    versions = ((entry, next(iter(names))) for entry, names in definitions.iter_versions())
    # The base version names the file itself: a symbol that has only that one is not versioned.
    return {
        int(entry["vd_ndx"]): str(name.name)
        for entry, name in versions
        if not entry["vd_flags"] & 1
    }


def _version(index: int | str, names: dict[int, str]) -> str:
    return names.get(index & ~_VERSION_HIDDEN, "") if isinstance(index, int) else ""


def _build_id(elf: ELFFile) -> str:
    for section in elf.iter_sections():
        if isinstance(section, NoteSection):
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return str(note["n_desc"])
    return ""
