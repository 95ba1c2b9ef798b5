from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.libtorch.catalogue import OperatorEntry, make_catalogue
from builder.models.selection import (
    make_profile,
    select,
    upgrader_operators,
    with_classes,
)
from builder.vocabulary.dtypes import DEFAULT_DTYPES, QUANTIZED_DTYPES
from builder.vocabulary.models import Method, Model, ModelFormat
from builder.vocabulary.operators import OperatorName, OperatorUse, Selection
from builder.vocabulary.plan import Profile


def model(
    name: str, *uses: tuple[str, int | None], classes: Iterable[str] = (),
    dtypes: Iterable[str] = ("Float",), operator_version: int = 10,
) -> Model:  # fmt: skip
    operators = tuple(OperatorUse(OperatorName.parse(it), count) for it, count in uses)
    return Model(
        name=name, source=Path(f"{name}.pt"), path=Path(f"{name}.ptl"), sha256="0",
        format=ModelFormat.TORCHSCRIPT, bytecode_version=8, operator_version=operator_version,
        methods=(Method(f"__torch__.{name}.forward", operators, frozenset({"OP", "RET"})),),
        classes=frozenset(classes), dtypes=frozenset(dtypes), bundled_inputs=False,
    )  # fmt: skip


ADD, RELU = OperatorName("aten", "add", "Tensor"), OperatorName("aten", "relu")


def test_a_selection_is_the_union_with_the_models_of_each_operator() -> None:
    selection = select([
        model("b", ("aten::add.Tensor", 2), ("aten::relu", 1), dtypes=["Half"]),
        model("a", ("aten::add.Tensor", 3), classes=["quantized.Conv"]),
    ])  # fmt: skip
    assert {it.name: it.models for it in selection.operators} == {ADD: ("a", "b"), RELU: ("b",)}
    assert selection.classes == {"quantized.Conv"}
    assert selection.dtypes == {"Float", "Half"}
    assert selection.opcodes == {"OP", "RET"}


def test_no_models_select_nothing() -> None:
    assert select([]) == Selection()


@pytest.mark.parametrize(
    ("operator", "version", "more"),
    [
        ("aten::div.Tensor", 3, ["aten::div.Tensor_mode", "aten::is_floating_point"]),
        ("aten::div.Tensor_mode", 3, ["aten::is_floating_point"]),
        ("aten::div.Tensor", 4, []),
        ("aten::div.int", 3, []),
        ("aten::div", 3, []),
        ("aten::linspace", 7, ["aten::full.names"]),
        ("aten::gelu", 9, []),
        ("aten::relu", 1, []),
    ],
)
def test_models_from_before_a_change_need_what_stands_in(
    operator: str, version: int, more: list[str]
) -> None:
    old = model("old", (operator, 2), operator_version=version)
    added = {str(it) for it in upgrader_operators(old)} - {operator}
    assert sorted(added) == more
    assert {str(it) for it in select([old]).names} == {operator, *more}


def test_the_profile_has_the_usual_dtypes_and_those_the_models_store() -> None:
    stored = select([model("a", dtypes=["Half", "QInt8"])])
    assert make_profile(stored, None).dtypes == DEFAULT_DTYPES | {"Half", *QUANTIZED_DTYPES}
    floats = select([model("a", dtypes=["Half"])])
    assert make_profile(floats, None) == Profile(DEFAULT_DTYPES | {"Half"})
    assert make_profile(floats, frozenset({"Float"})) == Profile(frozenset({"Float"}))


@pytest.mark.parametrize(
    "quantized",
    [
        model("a", ("aten::quantize_per_tensor", 5)),
        model("a", ("quantized::linear_dynamic", 3)),
        model("a", classes=["quantized.LinearPackedParamsBase"]),
        model("a", dtypes=["QInt8"]),
    ],
)
def test_a_model_that_may_meet_quantized_tensors_has_another_profile(quantized: Model) -> None:
    selection = select([quantized, model("float", ("aten::add.Tensor", 3))])
    profile = make_profile(selection, None)
    assert profile.backends == ("CPU", "QuantizedCPU")
    assert make_profile(selection, frozenset({"Float"})).dtypes == {"Float", *QUANTIZED_DTYPES}


def test_a_model_that_stores_sparse_tensors_calls_an_operator_when_it_is_loaded() -> None:
    dense = model("a", ("aten::mm", 2))
    stored = select([replace(dense, sparse=True)])
    assert {str(it) for it in stored.names} == {"aten::mm", "aten::_sparse_coo_tensor_unsafe"}
    assert "SparseCPU" in make_profile(stored, None).backends
    assert {str(it) for it in select([dense]).names} == {"aten::mm"}


@pytest.mark.parametrize("operator", ["aten::sparse_coo_tensor.indices", "aten::to_dense"])
def test_a_model_that_may_meet_sparse_tensors_has_another_profile(operator: str) -> None:
    sparse = model("a", (operator, 3))
    profile = make_profile(select([sparse]), None)
    assert profile == Profile(DEFAULT_DTYPES, ("CPU", "SparseCPU", "SparseCsrCPU"))
    both = make_profile(select([sparse, model("b", dtypes=["QInt8"])]), None)
    assert set(both.backends) == {*profile.backends, "QuantizedCPU"}


@pytest.mark.parametrize(
    ("operator", "more"),
    [
        ("aten::fft_rfft", {"ComplexFloat"}),
        ("aten::stft.center", {"ComplexFloat"}),
        ("aten::view_as_complex", {"ComplexFloat"}),
        ("aten::fft_fftshift", set()),
        ("aten::fft_rfftfreq", set()),
        ("aten::view_as_real", set()),
    ],
)
def test_what_makes_complex_numbers_gets_their_kernels(operator: str, more: set[str]) -> None:
    selection = select([model("a", (operator, 1))])
    assert make_profile(selection, None).dtypes == DEFAULT_DTYPES | more
    assert make_profile(selection, frozenset({"Float"})).dtypes == {"Float"} | more


def test_classes_that_operators_make_are_selected_with_them() -> None:
    name = OperatorName.parse("quantized::linear_prepack")
    schema = f"{name}(Tensor W) -> __torch__.torch.classes.quantized.LinearPackedParamsBase W"
    catalogue = make_catalogue([OperatorEntry(name, schema, kernel="k", source="f.cpp")])
    selection = with_classes(select([model("a", (str(name), 1))]), catalogue)
    assert selection.classes == {"quantized.LinearPackedParamsBase"}
