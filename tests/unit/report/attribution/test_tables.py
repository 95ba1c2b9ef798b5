import struct
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.foundation.elf import ElfFile, Section, read_elf
from builder.report.attribution.tables import LinkerTables, Slice
from builder.vocabulary.errors import VerificationError
from tests.places import RECORDED

ELF = RECORDED / "elf"
ABIS = ("arm64-v8a", "armeabi-v7a", "x86")
CODE = 0x44E8
"""Where the code of the library for arm64 begins."""


def tables(abi: str) -> tuple[ElfFile, LinkerTables]:
    path = ELF / abi / "tiny.so"
    elf = read_elf(path)
    return elf, LinkerTables(elf, path.read_bytes())


def with_section(name: str, content: bytes) -> tuple[Section, LinkerTables]:
    """Return a library of 64 bits that has one section, of this content."""
    elf, _ = tables("arm64-v8a")
    section = Section(name, 0, 0x1000, len(content), len(content))
    return section, LinkerTables(replace(elf, sections=(section,)), content)


def signed(*numbers: int) -> bytes:
    data = bytearray()
    for number in numbers:
        value = number
        while True:
            byte = value & 0x7F
            value >>= 7
            last = value == (-1 if byte & 0x40 else 0)
            data.append(byte | (0 if last else 0x80))
            if last:
                break
    return bytes(data)


def causes(slices: tuple[Slice, ...] | None) -> list[object]:
    assert slices is not None
    return [it.cause for it in slices]


@pytest.mark.parametrize("abi", ABIS)
def test_unwind_tables_are_there_for_code(abi: str) -> None:
    elf, found = tables(abi)
    (text,) = (it for it in elf.sections if it.name == ".text")
    names = {".eh_frame", ".eh_frame_hdr", ".ARM.exidx"}
    read = [found.slices(it) for it in elf.sections if it.name in names]
    assert read
    for slices in read:
        assert slices
        addresses = causes(slices)
        assert all(isinstance(it, int) for it in addresses)
        inside = [it for it in addresses if isinstance(it, int) and text.address <= it]
        assert len(inside) == len(addresses)


@pytest.mark.parametrize("abi", ABIS)
def test_relocations_are_there_for_what_they_change(abi: str) -> None:
    elf, found = tables(abi)
    (section,) = (it for it in elf.sections if it.name in {".rela.dyn", ".rel.dyn"})
    slices = found.slices(section)
    assert slices is not None
    assert sum(it.size for it in slices) == section.stored
    data = [it for it in elf.sections if it.name in {".data.rel.ro", ".init_array"}]
    for cause in causes(slices):
        assert isinstance(cause, int)
        assert any(it.address <= cause < it.address + it.size for it in data)


def test_symbols_and_their_names_are_there_for_their_functions() -> None:
    elf, found = tables("arm64-v8a")
    by_name = {it.name: it for it in elf.sections}
    symbols = found.slices(by_name[".dynsym"])
    exported = [it for it in causes(symbols) if isinstance(it, int)]
    assert set(exported) == set(found.exported)
    assert {it for it in causes(found.slices(by_name[".dynstr"])) if isinstance(it, int)} == set(
        exported
    )


def test_other_sections_are_no_tables() -> None:
    elf, found = tables("arm64-v8a")
    assert found.slices(next(it for it in elf.sections if it.name == ".text")) is None


def test_relative_relocations_are_addresses_and_bits() -> None:
    content = struct.pack("<QQ", 0x2000, 0b1011)
    section, found = with_section(".relr.dyn", content)
    slices = found.slices(section)
    assert causes(slices) == [0x2000, 0x2008, 0x2018]
    assert slices is not None
    assert sum(it.size for it in slices) == len(content)


def test_packed_relocations_of_android_are_unpacked() -> None:
    content = b"APS2" + signed(3, 0x2000, 2, 1 | 2, 8, 0x403, 1, 8, 16, 0x403, -4)
    section, found = with_section(".rela.dyn", content)
    assert causes(found.slices(section)) == [0x2008, 0x2010, 0x2020]


def test_packed_relocations_with_addends_are_unpacked() -> None:
    own = (2, 1 | 2 | 8, 8, 0x403, 5, -6)  # an addend for each
    one = (2, 1 | 2 | 4 | 8, 16, 0x403, 7)  # an addend for all
    section, found = with_section(".rela.dyn", b"APS2" + signed(4, 0x2000, *own, *one))
    assert causes(found.slices(section)) == [0x2008, 0x2010, 0x2020, 0x2030]


@given(st.integers(0, 40), st.binary(max_size=60))
def test_damaged_tables_are_read_or_refused(cut: int, noise: bytes) -> None:
    content = (b"APS2" + signed(3, 0x2000, 2, 1 | 2, 8, 0x403, 1, 8, 16, 0x403, -4))[:cut] + noise
    for name in (".rela.dyn", ".relr.dyn", ".eh_frame", ".eh_frame_hdr", ".ARM.exidx", ".got"):
        section, found = with_section(name, content)
        with suppress(VerificationError):
            found.slices(section)
