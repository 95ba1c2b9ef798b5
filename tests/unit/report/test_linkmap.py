import pytest

from builder.report.linkmap import (
    Folded,
    InputPiece,
    OutputSection,
    defined_symbols,
    parse_folded,
    parse_link_map,
)
from builder.vocabulary.errors import VerificationError
from tests.places import RECORDED

ELF = RECORDED / "elf"
HEADING = "             VMA              LMA     Size Align Out     In      Symbol\n"


def test_sections_hold_their_pieces_and_no_symbols() -> None:
    sections = parse_link_map((ELF / "arm64-v8a" / "tiny.map").read_text())
    (text,) = (section for section in sections if section.name == ".text")
    assert (text.address, text.size) == (0x44E8, 0xBC)
    assert [(piece.section, piece.size) for piece in text.pieces] == [
        (".text.kernel_name", 12),
        (".text.kernel_call", 80),
        (".text.add", 8),
        (".text.subtract", 8),
        (".text.start", 36),
        (".text.br_name", 28),
        (".text.br_call", 16),
    ]
    assert text.pieces[0].file.endswith("aten/src/ATen/native/add.c.o")


@pytest.mark.parametrize("abi", ["armeabi-v7a", "x86"])
def test_the_narrow_columns_of_32_bit_links_are_read(abi: str) -> None:
    sections = parse_link_map((ELF / abi / "tiny.map").read_text())
    (bss,) = (section for section in sections if section.name == ".bss")
    assert bss.size == 4096
    assert [piece.size for piece in bss.pieces] == [4096]


def test_folded_sections_have_one_that_is_there_for_them() -> None:
    text = (
        "selected section a b/x.a(y z.o):(.text._Z1fv)\n"
        "  removing identical section CMakeFiles/g.o:(.text._Z1gv)\n"
        "  removing identical section CMakeFiles/h.o:(.text._Z1hv)\n"
        "selected section a.o:(.rodata.one)\n"
        "  removing identical section b.o:(.rodata.two)\n"
    )
    assert parse_folded("") == ()
    assert parse_folded(text) == (
        Folded(("CMakeFiles/g.o", ".text._Z1gv"), ("a b/x.a(y z.o)", ".text._Z1fv")),
        Folded(("CMakeFiles/h.o", ".text._Z1hv"), ("a b/x.a(y z.o)", ".text._Z1fv")),
        Folded(("b.o", ".rodata.two"), ("a.o", ".rodata.one")),
    )


@pytest.mark.parametrize(
    "text",
    ["selected section", "  removing identical section a.o:(.text.f)\n", "ld.lld: warning: x\n"],
)
def test_a_damaged_list_of_folded_sections_is_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="list of folded sections cannot be read"):
        parse_folded(text)


def test_archives_spaces_and_assignments() -> None:
    text = (
        HEADING
        + "             100              100       20     4 .text\n"
        + "             100              100        8     4         a b/x.a(y z.o):(.text._Z1fv)\n"
        + "             108              108        0     1         . = ALIGN ( 16 )\n"
        + "             110              110       10     4         <internal>:(.text.thunk)\n"
    )
    assert parse_link_map(text) == (
        OutputSection(
            ".text",
            0x100,
            0x20,
            (
                InputPiece(0x100, 8, "a b/x.a(y z.o)", ".text._Z1fv"),
                InputPiece(0x110, 16, "<internal>", ".text.thunk"),
            ),
        ),
    )


@pytest.mark.parametrize("text", ["", "Archive member included\n", "\0\1\2"])
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="not one that lld writes"):
        parse_link_map(text)


def test_a_map_cut_short_is_refused() -> None:
    with pytest.raises(VerificationError, match="line 2 of the link map cannot be read"):
        parse_link_map(HEADING + "             100              1")


def test_symbols_are_told_by_name() -> None:
    symbols = defined_symbols((ELF / "arm64-v8a" / "tiny.map").read_text())
    assert {"kernel_name", "kernel_call", "br_call"} <= symbols
    assert not [it for it in symbols if it.endswith(")") and ".o:(" in it]
