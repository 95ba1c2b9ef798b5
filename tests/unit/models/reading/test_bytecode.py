"""The bytecode table becomes methods, operators and classes; anything else is refused."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats.faults import MalformedError
from builder.models.reading.bytecode import Bytecode, parse_bytecode
from builder.vocabulary.operators import OperatorName, OperatorUse
from tests.unit.models.forge import function

ADD = OperatorUse(OperatorName("aten", "add", "Tensor"), 3)


def parse(*functions: Any, version: int = 8) -> Bytecode:
    return parse_bytecode((version, *functions))


def test_methods_and_operators_are_sorted_and_unique() -> None:
    operators = (("aten::relu", "", 1), ("aten::add", "Tensor", 3), ("aten::relu", "", 1))
    found = parse(
        function("__torch__.Net.second"), function("__torch__.Net.first", operators=operators)
    )
    assert [method.name for method in found.methods] == [
        "__torch__.Net.first",
        "__torch__.Net.second",
    ]
    uncalled = replace(ADD, calls=0)
    assert found.methods[0].operators == (uncalled, OperatorUse(OperatorName("aten", "relu"), 1))
    assert found.methods[1].operators == (ADD,)
    assert found.methods[0].opcodes == {"STOREN", "LOAD", "OP", "RET"}


@pytest.mark.parametrize("version", [4, 5, 6, 7, 8, 9])
def test_every_version_of_the_runtime_is_read(version: int) -> None:
    assert parse(function(), version=version).version == version


@pytest.mark.parametrize("version", [3, 10, 0, -1])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(
        MalformedError, match=f"bytecode version {version}, the runtime reads 4 to 9"
    ):
        parse(function(), version=version)


def test_a_table_without_version_is_version_three() -> None:
    with pytest.raises(MalformedError, match="bytecode version 3"):
        parse_bytecode((function(),))


def test_versions_before_six_record_no_argument_counts() -> None:
    found = parse(function(operators=(("aten::add", "Tensor"), ("aten::add", "Tensor", 0))))
    assert found.methods[0].operators[0].arguments is None
    assert {use.arguments for use in found.methods[0].operators} == {None, 0}


def test_an_operator_that_takes_any_number_of_arguments_records_minus_one() -> None:
    found = parse(function(operators=(("prim::Print", "", -1),)))
    assert found.methods[0].operators == (OperatorUse(OperatorName("prim", "Print")),)


def test_version_four_may_lack_the_schema() -> None:
    assert parse(function()[:2], version=4).methods[0].name == "__torch__.Net.forward"


def test_later_versions_must_have_the_schema() -> None:
    """Torch's own reader looks for it beyond the end of the tuple."""
    with pytest.raises(MalformedError, match="has no schema"):
        parse(function()[:2], version=5)


def test_custom_classes_of_the_types_table_and_the_schema() -> None:
    packed = "Optional[__torch__.torch.classes.quantized.Conv2dPackedParamsBase]"
    own = "__torch__.torch.classes.xnnpack.Conv2dOpContext"
    found = parse(function(types=(packed, "List[Tensor]", "__torch__.Net"), self_type=own))
    assert found.classes == {"quantized.Conv2dPackedParamsBase", "xnnpack.Conv2dOpContext"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (function(instructions=(("OP", 1, 0),)), "calls operator 1 of 1"),
        (function(instructions=(("OP", -1, 0),)), "calls operator -1 of 1"),
        (
            function(instructions=(("EXECUTE", 0, 0),)),
            "instruction EXECUTE, unknown to the runtime",
        ),
        (function(instructions=(("OP", 0),)), "malformed instruction"),
        (function(operators=(("add", ""),), instructions=()), "not an operator name"),
        (function(operators=(("aten::add\x1b", ""),), instructions=()), r"aten::add\\x1b"),
        (function(operators=(("aten::add", "", "three"),), instructions=()), "malformed operator"),
        (function(operators=(("aten::add", "", -2),), instructions=()), "malformed operator"),
        (function("evil\x1b[2J"), "impossible name"),
        (("__torch__.f", (("operators", ()),), ()), "malformed code table"),
        (("__torch__.f", None, ()), "malformed code table"),
        ((), "without name or code"),
        (None, "without name or code"),
    ],
)
def test_broken_tables_are_refused(broken: Any, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        parse(broken)


def test_no_table_is_refused() -> None:
    for value in ((), None, [8], "bytecode"):
        with pytest.raises(MalformedError, match="no functions"):
            parse_bytecode(value)


def test_a_schema_shared_without_end_is_refused_in_time() -> None:
    schema: tuple[Any, ...] = ()
    for _ in range(60):
        schema = (schema, schema)
    with pytest.raises(MalformedError, match="without end"):
        parse((*function()[:2], schema))


ATOMS = (
    st.none() | st.integers(-1, 9) | st.sampled_from(["OP", "aten::add", "instructions", "types"])
)


@given(st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=5).map(tuple), max_leaves=30))
def test_any_value_is_read_or_refused(value: Any) -> None:
    with suppress(MalformedError):
        parse(*(value if isinstance(value, tuple) else (value,)))
