"""The table of dtypes is sound, people may write either spelling, and our C has the same names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.vocabulary.dtypes import (
    BY_NAME,
    DEFAULT_DTYPES,
    DTYPES,
    KNOWN_DTYPES,
    QUANTIZED_DTYPES,
    STORED,
    STORED_NUMBERS,
    VALUE_DTYPES,
    Dtype,
    Use,
    names_for,
    parse_dtypes,
    parse_kernel_dtypes,
)
from builder.vocabulary.errors import UsageError
from tests.places import ROOT


def test_no_two_dtypes_share_a_number_or_a_spelling() -> None:
    assert [it.number for it in DTYPES] == [*range(44)], "as many as PyTorch 2.6 has"
    spellings = [{it.name.casefold(), it.torch.casefold()} for it in DTYPES]
    assert sum(map(len, spellings)) == len(set().union(*spellings))
    types = [cpp for it in DTYPES for cpp in it.cpp]
    assert len(types) == len(set(types))


def test_each_use_has_the_dtypes_it_is_known_for() -> None:
    assert {"Bool", "Byte", "Double", "Float", "Int", "Long"} == DEFAULT_DTYPES
    more = {"BFloat16", "Char", "ComplexDouble", "ComplexFloat", "ComplexHalf", "Half", "Short"}
    assert DEFAULT_DTYPES | more == KNOWN_DTYPES
    assert {"Char", "QInt32", "QInt8", "QUInt8"} == QUANTIZED_DTYPES
    assert KNOWN_DTYPES - {"ComplexHalf"} == VALUE_DTYPES, "numpy cannot look into it"
    quantized = names_for(Use.QUANTIZED)
    assert quantized == {name for name in BY_NAME if name.startswith("Q")}
    assert KNOWN_DTYPES | quantized < STORED.keys() < BY_NAME.keys()
    assert STORED_NUMBERS[6] == "Float"


@given(st.sampled_from(DTYPES), st.data())
def test_people_may_write_either_spelling(dtype: Dtype, data: st.DataObject) -> None:
    spelling = data.draw(st.sampled_from((dtype.name, dtype.torch)))
    written = data.draw(st.sampled_from((spelling, spelling.upper(), spelling.lower())))
    assert parse_dtypes([f" {written} "], BY_NAME.keys()) == [dtype.name]


@pytest.mark.parametrize(
    ("text", "dtypes"),
    [
        ("", None),
        ("all", KNOWN_DTYPES),
        ("float32, Half,int64", {"Float", "Half", "Long"}),
        ("Float,float32,float", {"Float"}),
        ("qint8", {"QInt8"}),
    ],
)
def test_a_setting_names_dtypes_of_kernels(text: str, dtypes: frozenset[str] | None) -> None:
    assert parse_kernel_dtypes(text) == dtypes


def test_unknown_dtypes_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse_kernel_dtypes("Float,Flaot,dubble,flaot32,xyz,Bits8")
    first, *near, last = caught.value.message.split(", ")
    assert first == "unknown dtype Bits8 (did you mean int8 or uint8 or qint8?)"
    assert last == "xyz"
    for word, known in zip(near, ("Float", "Double", "float32"), strict=True):
        assert f"(did you mean {known}" in word
    assert "Float (float32)" in caught.value.hint
    assert caught.value.hint.endswith(", or `all`")


def test_what_is_known_depends_on_what_is_asked() -> None:
    with pytest.raises(UsageError, match="unknown dtype qint8"):
        parse_dtypes(["qint8"], VALUE_DTYPES)


def table(file: str, beginning: str) -> str:
    """Return the lines of a C table, wherever in `native` its file stands."""
    (path,) = (ROOT / "native").rglob(file)
    found = re.search(beginning + r" = \{(.*?)\};", path.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("file", "beginning"), [("tensor.cpp", r"names\[\]"), ("value_file.c", r"dtypes\[\]")]
)
def test_our_own_c_has_the_names_in_the_order_of_their_numbers(file: str, beginning: str) -> None:
    names = re.findall(r'"(\w+)"', table(file, beginning))
    assert names == [it.torch for it in DTYPES[:16]]


def test_the_value_files_of_our_c_hold_the_same_dtypes() -> None:
    sizes = re.findall(r'\{"(\w+)", (\d+)\}', table("value_file.c", r"dtypes\[\]"))
    held = {it.torch: it.size for it in DTYPES if Use.VALUES in it.uses}
    assert {name: int(size) for name, size in sizes if size != "0"} == held


def test_the_interface_has_the_numbers_under_the_names_of_torch() -> None:
    text = (ROOT / "native/include/build_runtime.h").read_text(encoding="utf-8")
    found = re.search(r"enum br_dtype \{(.*?)\}", text, re.DOTALL)
    assert found is not None
    numbers = {name.lower(): int(it) for name, it in re.findall(r"BR_(\w+) = (\d+)", found[1])}
    assert numbers == {it.torch: it.number for it in DTYPES[:16]}
