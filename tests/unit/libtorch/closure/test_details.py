from builder.libtorch.closure.details import ObjectDetails
from tests.unit.libtorch.closure.forge import ALLOC, Section, Symbol, make_object

MERGED = 0x12
TEXTS = 0x32


def details(*sections: Section, bits: int = 64, rela: bool = True) -> ObjectDetails:
    symbols = (Symbol("f", ".text.f"), Symbol("sin"))
    return ObjectDetails(make_object(sections, symbols, bits=bits, rela=rela))


def test_references_are_told_with_their_place() -> None:
    code = Section(".text.f", 16, relocations=((8, "sin"), (0, "[.data]")))
    found = dict(details(code, Section(".data", flags=ALLOC)).references({1}))
    assert [(it.offset, it.edge, it.place) for it in found[1]] == [(0, 2, 0), (8, "sin", 0)]


def test_sections_that_were_not_asked_for_are_left_out() -> None:
    code = Section(".text.f", 16, relocations=((8, "sin"),))
    assert not dict(details(code).references({2}))


def test_texts_and_numbers_that_are_merged_are_read() -> None:
    code = Section(".text.f", 16, relocations=((0, "[.rodata.str1.1]"), (4, "[.rodata.cst4]")))
    texts = Section(".rodata.str1.1", 8, flags=TEXTS, content=b"one\0two\0", entry=1)
    numbers = Section(".rodata.cst4", 8, flags=MERGED, content=b"12345678", entry=4)
    for bits, rela in ((64, True), (32, False)):
        found = dict(details(code, texts, numbers, bits=bits, rela=rela).references({1}))
        assert [it.constant for it in found[1]] == ([b"one\0", b"1234"] if rela else [b"", b""])


def test_texts_are_read_at_a_place() -> None:
    read = details(Section(".text.f"), Section("names", 8, flags=ALLOC, content=b"one\0two\0"))
    assert read.text(2, 4) == "two"
    assert [it for it in range(9) if read.starts_text(2, it)] == [0, 4]
    assert read.is_code(1)
    assert not read.is_code(2)
