from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builder.report.attribution.constants import charge_constants

A, B = frozenset({"a"}), frozenset({"b"})
CORE = frozenset[str]()
TEXTS = ".rodata.str1.1"


def test_a_text_is_of_those_that_refer_to_it() -> None:
    keepers = {b"one\0": A, b"three\0": CORE}
    found = list(charge_constants(TEXTS, b"one\0two\0three\0", keepers))
    assert found == [(4, A), (4, CORE), (6, CORE)]


def test_the_end_of_a_longer_text_is_of_both() -> None:
    keepers = {b"schedule\0": A, b"dule\0": B}
    assert list(charge_constants(TEXTS, b"schedule\0", keepers)) == [(4, A), (5, A | B)]


def test_only_ends_that_are_as_long_as_a_constant_are_looked_at() -> None:
    looked_up = []

    class Counted(dict[bytes, frozenset[str]]):
        def get(self, key: bytes, default: object = None) -> Any:
            looked_up.append(key)
            return super().get(key, default)

    keepers = Counted({b"dule\0": B, b"other\0": A, b"": A})
    assert list(charge_constants(TEXTS, b"x" * 1000 + b"dule\0", keepers)) == [(1000, CORE), (5, B)]
    assert len(looked_up) == 3


def test_ends_of_wide_texts_begin_at_whole_letters() -> None:
    keepers = {b"c\0d\0\0\0": A, b"\0c\0d\0\0\0": B}
    text = b"b\0c\0d\0\0\0"
    assert list(charge_constants(".rodata.str2.2", text, keepers)) == [(2, CORE), (6, A)]


def test_what_the_core_needs_of_a_text_is_core() -> None:
    keepers = {b"schedule\0": A, b"dule\0": CORE}
    assert list(charge_constants(TEXTS, b"schedule\0", keepers)) == [(4, A), (5, CORE)]


def test_numbers_have_the_size_that_the_section_names() -> None:
    content = bytes(range(16))
    found = list(charge_constants(".rodata.cst8", content, {content[8:]: B}))
    assert found == [(8, CORE), (8, B)]


def test_other_sections_of_the_linker_are_core() -> None:
    assert list(charge_constants(".text.thunk", b"1234", {b"1234": A})) == [(4, CORE)]


@given(st.binary(), st.dictionaries(st.binary(), st.sampled_from([CORE, A, B])))
def test_no_byte_is_lost(content: bytes, keepers: dict[bytes, frozenset[str]]) -> None:
    for section in (TEXTS, ".rodata.str4.4", ".rodata.cst4", ".rodata.cst0", "x"):
        assert sum(size for size, _ in charge_constants(section, content, keepers)) == len(content)
