from pathlib import Path

from builder.vocabulary.models import Method, Model, ModelFormat
from builder.vocabulary.operators import OperatorName, OperatorUse


def test_the_operators_of_a_model_are_those_of_all_methods() -> None:
    add, mul = OperatorName("aten", "add", "Tensor"), OperatorName("aten", "mul", "Tensor")
    model = Model(
        name="net",
        source=Path("net.pt"),
        path=Path("net.ptl"),
        sha256="0" * 64,
        format=ModelFormat.TORCHSCRIPT,
        bytecode_version=8,
        operator_version=10,
        methods=(
            Method("forward", (OperatorUse(add, 3), OperatorUse(add, 2)), frozenset({"OP"})),
            Method("reset", (OperatorUse(mul),), frozenset()),
        ),
        classes=frozenset(),
        dtypes=frozenset(),
        bundled_inputs=False,
    )
    assert model.operators == {add, mul}
