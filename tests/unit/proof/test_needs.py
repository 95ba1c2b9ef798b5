from dataclasses import replace
from pathlib import Path

import pytest

from builder.proof.needs import unmet_needs
from builder.vocabulary.models import Method, Model, ModelFormat
from builder.vocabulary.operators import (
    Holdings,
    OperatorName,
    OperatorUse,
    SelectedOperator,
    Selection,
)


def use(name: str, arguments: int | None = None) -> OperatorUse:
    return OperatorUse(OperatorName.parse(name), arguments)


MODEL = Model(
    name="net", source=Path("net.pt"), path=Path("net.ptl"), sha256="", bytecode_version=8,
    format=ModelFormat.TORCHSCRIPT, operator_version=10, classes=frozenset(),
    dtypes=frozenset({"Float"}), bundled_inputs=False,
    methods=(
        Method("__torch__.Net.forward", (use("aten::add.Tensor", 3), use("aten::relu", 1)),
               frozenset({"OP", "RET"})),
        Method("__torch__.Net.more", (use("aten::add.Tensor", 2),), frozenset({"FORMAT"})),
    ),
)  # fmt: skip
HELD = Holdings(
    operators=(use("aten::add.Tensor", 3), use("aten::relu", 1), use("aten::format")),
    classes=frozenset(),
    dtypes=frozenset({"Float", "Long"}),
    opcodes=frozenset({"OP", "RET", "FORMAT"}),
    left_out=frozenset({"sparse tensors"}),
    upgraders=False,
    bytecode_versions=(4, 9),
    operator_versions=(1, 10),
)


def needs(model: Model = MODEL, **more: object) -> Selection:
    made = Selection(
        operators=tuple(SelectedOperator(name) for name in model.operators),
        classes=model.classes,
        dtypes=model.dtypes,
        opcodes=frozenset(code for method in model.methods for code in method.opcodes),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_runtime_that_holds_everything_has_nothing_unmet() -> None:
    assert unmet_needs(MODEL, needs(), HELD) == ()


def test_all_that_is_missing_is_in_one_list() -> None:
    poor = replace(
        HELD,
        operators=(use("aten::add.Tensor", 2),),
        dtypes=frozenset({"Long"}),
        opcodes=frozenset({"OP", "FORMAT"}),
        left_out=frozenset({"string formatting", "sparse tensors"}),
        bytecode_versions=(4, 7),
        operator_versions=(1, 9),
    )
    old = replace(MODEL, classes=frozenset({"shop.Basket"}))
    assert unmet_needs(old, needs(old, upgraders=True), poor) == (
        "bytecode version 8: this runtime reads 4 to 7",
        "operator version 10: this runtime reads 1 to 9",
        "operator aten::add.Tensor: called with 3 arguments by Net.forward, takes 2 here",
        "operator aten::relu: not in this runtime; called by Net.forward",
        "upgraders: what operators meant at operator version 10 is not in this runtime",
        "class shop.Basket: not in this runtime",
        "opcode RET: not known to this runtime",
        "opcode FORMAT: string formatting was left out of this runtime",
        "dtype Float: tensors of the model have it, no kernel here was compiled for it",
    )


def test_an_operator_only_the_upgrade_calls_says_so() -> None:
    upgraded = needs()
    extra = SelectedOperator(OperatorName.parse("aten::is_floating_point"))
    upgraded = replace(upgraded, operators=(*upgraded.operators, extra))
    assert unmet_needs(MODEL, upgraded, HELD) == (
        "operator aten::is_floating_point: not in this runtime; called by the upgraded model",
    )


@pytest.mark.parametrize("count", [None, 0, 3])
def test_fewer_or_unknown_arguments_are_no_problem(count: int | None) -> None:
    method = Method("__torch__.Net.forward", (use("aten::add.Tensor", count),), frozenset())
    model = replace(MODEL, methods=(method,))
    assert unmet_needs(model, needs(model), HELD) == ()


def test_an_operator_that_takes_any_number_is_never_given_too_many() -> None:
    method = Method("__torch__.Net.forward", (use("aten::format", 40),), frozenset())
    model = replace(MODEL, methods=(method,))
    assert unmet_needs(model, needs(model), HELD) == ()


def test_an_operator_that_is_there_in_name_only_is_told() -> None:
    method = Method("__torch__.Net.forward", (use("aten::format", 2),), frozenset())
    model = replace(MODEL, methods=(method,))
    without = replace(HELD, left_out=frozenset({"string formatting"}))
    assert unmet_needs(model, needs(model), without) == (
        "operator aten::format: string formatting was left out of this runtime",
    )


@pytest.mark.parametrize(
    ("called", "others", "feature"),
    [
        ("aten::__getitem__.t", "aten::__getitem__.Dict_str", "items of dicts"),
        ("aten::Bool.int", "aten::Bool.Tensor", "tensors as truth values"),
        ("prim::NumToTensor.bool", "prim::NumToTensor.Scalar", "numbers as tensors"),
    ],
)
def test_a_cut_overload_matters_only_to_those_who_call_it(
    called: str, others: str, feature: str
) -> None:
    held = replace(HELD, operators=(use(called, 2), use(others)), left_out=frozenset({feature}))
    for name, told in (
        (called, ()),
        (others, (f"operator {others}: {feature} was left out of this runtime",)),
    ):
        method = Method("__torch__.Net.forward", (use(name, 2),), frozenset())
        model = replace(MODEL, methods=(method,))
        assert unmet_needs(model, needs(model), held) == told


def test_a_feature_that_was_left_out_matters_only_to_those_who_use_it() -> None:
    plain = replace(MODEL, methods=MODEL.methods[:1])
    without = replace(HELD, left_out=frozenset({"string formatting"}))
    assert unmet_needs(plain, needs(plain), without) == ()
    assert unmet_needs(MODEL, needs(), without) == (
        "opcode FORMAT: string formatting was left out of this runtime",
    )
