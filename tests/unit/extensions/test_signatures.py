"""Schemas of the user's own: which are right, and which C++ types they stand for."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.extensions.signatures import SchemaError, signature_of
from builder.libtorch.catalogue import Catalogue
from builder.libtorch.codegen import pinned_catalogue


def types(declaration: str) -> tuple[str, ...]:
    return signature_of(f"a::b({declaration} x) -> ()").arguments[0].types


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("Tensor", ("at::Tensor",)),
        ("Tensor(a!)", ("at::Tensor",)),
        ("Tensor(a -> *)", ("at::Tensor",)),
        ("Tensor?", ("std::optional<at::Tensor>",)),
        ("float", ("double",)),
        ("SymInt", ("c10::SymInt", "int64_t")),
        ("bool[3]", (
            "c10::List<bool>", "std::vector<bool>", "c10::ArrayRef<bool>", "std::array<bool, 3>",
        )),
        ("Tensor?[]", (
            "c10::List<std::optional<at::Tensor>>", "std::vector<std::optional<at::Tensor>>",
            "c10::ArrayRef<std::optional<at::Tensor>>",
        )),
        ("int[]?", (
            "std::optional<c10::List<int64_t>>", "std::optional<std::vector<int64_t>>",
            "std::optional<c10::ArrayRef<int64_t>>", "c10::OptionalArrayRef<int64_t>",
        )),
        ("Dict(str, Tensor[])", ()),
        ("(int, Tensor)[]", ()),
        ("t1[]", ()),
    ],
)  # fmt: skip
def test_types_of_a_schema_are_types_of_cpp(declaration: str, expected: tuple[str, ...]) -> None:
    assert types(declaration) == expected


def test_results_are_told_one_by_one() -> None:
    found = signature_of("a::b() -> (Tensor kept, int)").results
    assert [(it.name, it.written, it.types) for it in found] == [
        ("kept", "Tensor", ("at::Tensor",)),
        ("", "int", ("int64_t",)),
    ]
    assert signature_of("a::b() -> ()").results == ()
    assert len(signature_of("a::b() -> Tensor(a!)").results) == 1


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("a::b(Tensor x) Tensor", "`->` and the results are missing"),
        ("a::b(Tensor x", "a parenthesis is not closed"),
        ("a::b(Tensor x) ->", "nothing stands after `->`"),
        ("a::b(Tensr x) -> ()", "there is no type 'Tensr'"),
        ("a::b(Tensor) -> ()", "'Tensor' is no type and name of an argument"),
        ("a::b(Tensor x, int x) -> ()", "two arguments are called x"),
        ("a::b(int x=) -> ()", "the default of x is missing"),
        ("a::b(int x=abc) -> ()", "a default of it cannot be read"),
        ("a::b(...) -> ()", "any number of arguments"),
        ("a::b(__torch__.torch.classes.a.B x) -> ()", "is a custom class"),
        ("a::b(Dict x) -> ()", "Dict needs the types"),
        ("a::b(int[ x) -> ()", "a parenthesis is not closed"),
        ("a::b(" + "(" * 40 + "int" + ")" * 40 + " x) -> ()", "nested too deep"),
        ("a::b(int x" + " " * 20_000 + ") -> ()", "more than 20000 characters"),
    ],
)
def test_a_wrong_schema_is_refused_with_the_reason(schema: str, message: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(message)):
        signature_of(schema)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return pinned_catalogue("2.6.0")


def test_every_schema_of_torch_is_right_but_for_what_cannot_be_had(catalogue: Catalogue) -> None:
    refused = ("custom class", "any number", "there is no type", "is no type")
    schemas = [it.schema for it in catalogue.entries.values() if it.schema.startswith("aten::")]
    wrong: list[str] = []
    for schema in schemas:
        try:
            signature_of(schema)
        except SchemaError as error:
            wrong += [] if any(it in str(error) for it in refused) else [f"{schema}: {error}"]
    assert not wrong
    assert len(schemas) > 2000


@given(st.text(st.sampled_from('abT(),->[]?!*=. "3'), max_size=40))
def test_any_text_is_a_schema_or_refused(text: str) -> None:
    with suppress(SchemaError):
        signature_of(f"a::b({text}")
