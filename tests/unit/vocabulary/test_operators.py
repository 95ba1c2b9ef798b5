from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.vocabulary.operators import OperatorName, SelectedOperator, Selection

identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
overloads = st.from_regex(r"([A-Za-z0-9_]{1,8})?", fullmatch=True)
operator_names = st.builds(OperatorName, identifiers, identifiers, overloads)
few_names = st.sampled_from([OperatorName("aten", base) for base in "abc"])
selected = st.builds(
    SelectedOperator,
    few_names,
    st.lists(st.sampled_from(["m.pt", "n.pt", "o.pt"]), max_size=3).map(tuple),
)
selections = st.builds(
    Selection,
    operators=st.lists(selected, max_size=5).map(tuple),
    classes=st.frozensets(st.sampled_from("XYZ")),
    dtypes=st.frozensets(st.sampled_from(["Float", "Long"])),
)


@given(operator_names)
def test_operator_names_survive_text(name: OperatorName) -> None:
    assert OperatorName.parse(str(name)) == name


@given(st.text(max_size=20) | st.from_regex(r"\w+:+\w+\.?\w*\s?", fullmatch=True))
def test_what_parses_is_what_is_printed(text: str) -> None:
    with suppress(ValueError):
        assert str(OperatorName.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "add", "aten:add", "aten::", "::add", "aten::add.", "aten::add.Tensor.x", "aten::a b",
     "aten::add\n", "1aten::add", "aten::ädd"],
)  # fmt: skip
def test_what_is_no_operator_name(text: str) -> None:
    with pytest.raises(ValueError, match="not an operator name"):
        OperatorName.parse(text)


def test_operator_names_sort_by_namespace_base_overload() -> None:
    texts = ["prim::a", "aten::b", "aten::a.out", "aten::a"]
    assert [str(name) for name in sorted(map(OperatorName.parse, texts))] == sorted(texts)


@given(selections, selections, selections)
def test_the_union_laws(a: Selection, b: Selection, c: Selection) -> None:
    assert a | b == b | a
    assert (a | b) | c == a | (b | c)
    assert a | a == a
    assert a | Selection() == a


@given(selections, selections)
def test_a_union_loses_nothing(a: Selection, b: Selection) -> None:
    both = a | b
    assert both.names == a.names | b.names
    assert (both.classes, both.dtypes) == (a.classes | b.classes, a.dtypes | b.dtypes)
    for part in (a, b):
        for operator in part.operators:
            merged = next(found for found in both.operators if found.name == operator.name)
            assert set(operator.models) <= set(merged.models)


@given(st.permutations([SelectedOperator(OperatorName("aten", base), ("m",)) for base in "abc"]))
def test_the_order_of_operators_does_not_matter(operators: list[SelectedOperator]) -> None:
    assert hash(Selection(tuple(operators))) == hash(Selection(tuple(reversed(operators))))
    assert [operator.name.base for operator in Selection(tuple(operators)).operators] == list("abc")
