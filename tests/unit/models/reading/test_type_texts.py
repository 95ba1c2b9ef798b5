"""What torch itself cannot load is told: tests/torch/test_coverage_limits.py asks torch."""

import pytest

from builder.models.formats.pickles import read_pickle
from builder.models.reading.bytecode import parse_bytecode
from builder.models.reading.type_texts import unreadable_in_schema, unreadable_in_table
from tests.unit.models.forge import called, function, pickled

POINT = "__torch__.net.Point[NamedTuple, [[x, Tensor], [y, int]]]"


@pytest.mark.parametrize(
    ("types", "unreadable"),
    [
        (["Tensor", "List[Dict[str, Tuple[int, Tensor]]]"], []),
        (["__torch__.torch.classes.quantized.Conv2dPackedParamsBase"], []),
        (["Optional[__torch__.torch.classes.rnn.CellParamsBase]"], []),
        ([POINT], []),
        ([POINT, "List[__torch__.net.Point]"], []),
        (["List[__torch__.net.Point]", POINT], ["__torch__.net.Point"]),
        (["__torch__.Net"], ["__torch__.Net"]),
        (
            ["__torch__.torch.nn.utils.rnn.PackedSequence[NamedTuple, [[data, Tensor]]]"],
            ["__torch__.torch.nn.utils.rnn.PackedSequence"],
        ),
    ],
)
def test_a_table_may_name_what_it_has_defined(types: list[str], unreadable: list[str]) -> None:
    assert list(unreadable_in_table(types)) == unreadable


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        ("__torch__.torch.nn.modules.linear.Linear", []),
        ("torch.jit.LoweredModule.a.__torch__.Net", []),
        (POINT, []),
        ("Tuple[Tensor, int]", []),
        ("Tuple[__torch__.net.Point, Tensor]", ["__torch__.net.Point"]),
    ],
)
def test_a_type_of_a_schema_stands_alone(text: str, unreadable: list[str]) -> None:
    assert list(unreadable_in_schema([POINT, text])) == unreadable


def test_methods_tell_types_and_values() -> None:
    color = called("__torch__.net", "Color", 1)
    (forward, _, ((_, arguments), _)) = function(constants=([{"a": color}],), takes=("int",))
    nested = (("name", "x"), ("type", "List[__torch__.net.Point]"), ("default_value", None))
    (_, own, _) = function(constants=([{"a": color}],), types=("__torch__.Net",))
    schema = (("arguments", (*arguments, nested)), ("returns", ()))
    value = read_pickle(pickled((8, (forward, own, schema)))).value
    (method,) = parse_bytecode(value).methods
    assert method.unreadable == (
        "a value of __torch__.net.Color", "the type __torch__.Net", "the type __torch__.net.Point",
    )  # fmt: skip
    (plain,) = parse_bytecode(read_pickle(pickled((8, function()))).value).methods
    assert plain.unreadable == ()
