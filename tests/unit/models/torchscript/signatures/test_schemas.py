"""Schemas: every one of the release is understood, down to its defaults."""

import pytest

from builder import RELEASE
from builder.libtorch.codegen import pinned_catalogue
from builder.models.torchscript.signatures.kinds import UnsureError
from builder.models.torchscript.signatures.schemas import MISSING, parse_schema
from tests.unit.models.scripted import schemas


def test_arguments_defaults_and_results() -> None:
    schema = parse_schema(
        "aten::sort.values_stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False,"
        " Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)"
    )
    assert [it.name for it in schema.arguments if it.keyword] == [
        "stable", "dim", "descending", "values", "indices",
    ]  # fmt: skip
    assert [it.default for it in schema.arguments] == [
        MISSING, MISSING, -1, False, MISSING, MISSING,
    ]  # fmt: skip
    assert [it.name for it in schema.arguments if it.out] == ["values", "indices"]
    assert [(it.name, it.aliases) for it in schema.results] == [
        ("values", frozenset("a")), ("indices", frozenset("b")),
    ]  # fmt: skip
    assert schema.mutable


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("int[2] stride=1", (1, 1)),
        ("float[]? scales=None", None),
        ("float eps=1e-05", 1e-05),
        ("float p=2", 2.0),
        ('str mode="mean"', "mean"),
        ("Scalar alpha=1", 1),
        ("int reduction=Mean", 1),
        ("bool keepdim = False", False),
    ],
)  # fmt: skip
def test_defaults(text: str, default: object) -> None:
    (argument,) = parse_schema(f"aten::f({text}) -> Tensor").arguments
    assert argument.default == default
    assert type(argument.default) is type(default)


def test_results_that_may_be_several_arguments() -> None:
    (result,) = parse_schema("aten::to(Tensor(a) self) -> Tensor(b|a)").results
    assert result.aliases == frozenset("ab")


def test_any_number_of_results_is_not_guessed() -> None:
    with pytest.raises(UnsureError, match="any number of results"):
        parse_schema("prim::TupleUnpack(Any tup) -> ...")


def test_the_release_has_hardly_a_schema_that_is_not_understood() -> None:
    """A sample of all: each is parsed in ten microseconds, and there are four thousand."""
    unknown = []
    for entry in list(pinned_catalogue(RELEASE).entries.values())[::10]:
        try:
            if entry.schema:
                parse_schema(entry.schema)
        except UnsureError:
            unknown.append(str(entry.name))
    assert not unknown


def test_overloads_come_in_the_order_of_torch() -> None:
    names = [str(it.name) for it in schemas().named("aten::conv2d")]
    assert names == ["aten::conv2d", "aten::conv2d.padding"]
    assert schemas().named("aten::no_such_operator") == ()
