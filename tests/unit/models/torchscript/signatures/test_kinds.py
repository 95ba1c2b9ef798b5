"""Types: which is a part of which, and how schemas and lite models write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.torchscript.signatures.kinds import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NONE,
    NUMBER,
    STR,
    TENSOR,
    Kind,
    Type,
    UnsureError,
    bytecode_text,
    is_subtype,
    list_of,
    optional_of,
    schema_type,
    split_types,
    unified,
)

PLAIN = st.sampled_from([TENSOR, INT, FLOAT, BOOL, STR, NONE, NUMBER, ANY])
TYPES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        inner.map(list_of),
        inner.map(lambda it: it if it == NONE else optional_of(it)),
        st.lists(inner, max_size=3).map(lambda parts: Type(Kind.TUPLE, tuple(parts))),
        st.tuples(inner, inner).map(lambda parts: Type(Kind.DICT, parts)),
    ),
    max_leaves=6,
)


@given(TYPES)
def test_each_type_is_a_part_of_itself_and_of_any(one: Type) -> None:
    assert is_subtype(one, one)
    assert is_subtype(one, ANY)
    assert one == NONE or is_subtype(one, optional_of(one))


@given(TYPES, TYPES, TYPES)
def test_parts_of_parts_are_parts(one: Type, other: Type, third: Type) -> None:
    if is_subtype(one, other) and is_subtype(other, third):
        assert is_subtype(one, third)


@given(TYPES, TYPES)
def test_what_two_types_have_together_holds_both(one: Type, other: Type) -> None:
    found = unified(one, other)
    assert found == unified(other, one) or is_subtype(one, other) == is_subtype(other, one)
    if found is not None:
        assert is_subtype(one, found)
        assert is_subtype(other, found)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (INT, INT, INT),
        (NONE, TENSOR, optional_of(TENSOR)),
        (optional_of(INT), INT, optional_of(INT)),
        (INT, FLOAT, None),
        (list_of(INT), list_of(FLOAT), None),
        (Type(Kind.TUPLE, (INT, NONE)), Type(Kind.TUPLE, (INT, STR)),
         Type(Kind.TUPLE, (INT, optional_of(STR)))),
    ],
)  # fmt: skip
def test_types_together(one: Type, other: Type, together: Type | None) -> None:
    assert unified(one, other) == together


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Tensor", "Tensor"),
        ("Tensor(a!)", "Tensor"),
        ("Tensor(a! -> *)[]", "List[Tensor]"),
        ("SymInt[2]?", "Optional[List[int]]"),
        ("Dict(str, t)(a!)", "Dict[str, t]"),
        ("(Tensor, t)[]", "List[Tuple[Tensor, t]]"),
        ("t(*)?", "Optional[t]"),
        ("Scalar", "number"),
        ("ScalarType?", "Optional[int]"),
        ("__torch__.torch.classes.rnn.CellParamsBase[]",
         "List[__torch__.torch.classes.rnn.CellParamsBase]"),
    ],
)  # fmt: skip
def test_types_of_schemas(text: str, meaning: str) -> None:
    assert str(schema_type(text)) == meaning


def test_an_unknown_type_of_a_schema_is_not_guessed() -> None:
    with pytest.raises(UnsureError):
        schema_type("Future(t)")


def test_types_are_split_at_commas_outside_of_brackets() -> None:
    assert split_types("Tensor, (Tensor, int)[], Dict(str, t)") == [
        "Tensor", "(Tensor, int)[]", "Dict(str, t)",
    ]  # fmt: skip


def test_a_lite_model_has_texts_of_its_own() -> None:
    pair = Type(Kind.TUPLE, (TENSOR, STR), "__torch__.Pair", ("left", "right"))
    written = "__torch__.Pair[NamedTuple, [[left, Tensor],[right, str]]]"
    assert bytecode_text(pair) == written
    assert bytecode_text(Type(Kind.DICT, (STR, pair))) == f"Dict[str,{written}]"
    assert bytecode_text(list_of(INT)) == "List[int]"
    with pytest.raises(UnsureError, match=r"an object of __torch__\.Net"):
        bytecode_text(Type(Kind.CLASS, name="__torch__.Net"))


def test_what_holds_a_tensor_can_be_changed() -> None:
    assert Type(Kind.TUPLE, (INT, TENSOR)).mutable
    assert not Type(Kind.TUPLE, (INT, optional_of(STR))).mutable
