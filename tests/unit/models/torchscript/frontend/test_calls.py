"""Which overload a call means, and what torch converts by itself."""

import pytest

from builder.models.torchscript.frontend.calls import unpacked
from builder.models.torchscript.graphs.nodes import TUPLE, Block
from builder.models.torchscript.signatures.kinds import INT, STR, Kind, Type, UnsureError
from tests.unit.models.scripted import opcodes, operators


def calls(expression: str, parameters: str, result: str = "Tensor") -> dict[str, int | None]:
    return operators(f"def f({parameters}) -> {result}:\n  return {expression}\n")


@pytest.mark.parametrize(
    ("expression", "parameters", "result", "expected"),
    [
        ("torch.add(a, b)", "a: Tensor, b: Tensor", "Tensor", {"aten::add.Tensor": 2}),
        ("torch.add(a, b)", "a: Tensor, b: int", "Tensor", {"aten::add.Scalar": 2}),
        ("torch.add(a, b)", "a: int, b: int", "int", {"aten::add.int": 2}),
        ("torch.add(a, b)", "a: str, b: str", "str", {"aten::add.str": 2}),
        ("torch.add(a, b)", "a: List[int], b: List[int]", "List[int]", {"aten::add.t": 2}),
        ("torch.add(a, b, alpha=2)", "a: Tensor, b: Tensor", "Tensor", {"aten::add.Tensor": 3}),
        ("torch.add(a, b, alpha=1)", "a: Tensor, b: Tensor", "Tensor", {"aten::add.Tensor": 2}),
        ("torch.sum(a)", "a: Tensor", "Tensor", {"aten::sum": 1}),
        ("torch.sum(a, [1])", "a: Tensor", "Tensor", {"aten::sum.dim_IntList": 2}),
        ("torch.sum(a, [1], dtype=None)", "a: Tensor", "Tensor", {"aten::sum.dim_IntList": 2}),
        ("torch.sum(a, [1], True)", "a: Tensor", "Tensor", {"aten::sum.dim_IntList": 3}),
        ("a[b]", "a: Dict[str, int], b: str", "int", {}),
        ("torch.len(a)", "a: str", "int", {"aten::len.str": 1}),
        ("float(a)", "a: Tensor", "float", {"aten::Float.Tensor": 1}),
        ("float(a)", "a: float", "float", {}),
        ("torch.full([2], a)", "a: Tensor", "Tensor", {"aten::ScalarImplicit": 1, "aten::full": 2}),
        ("torch.max_pool2d(a, 2)", "a: Tensor", "Tensor", {"aten::max_pool2d": 2}),
        ("torch.cat(a)", "a: Tuple[Tensor, Tensor]", "Tensor",
         {"prim::TupleUnpack": 1, "aten::cat": 1}),
        ('torch.conv2d(a, b, None, [1, 1], "same")', "a: Tensor, b: Tensor", "Tensor",
         {"aten::conv2d.padding": 5}),
        ("torch.zeros(2, 3)", "a: int", "Tensor", {"aten::zeros": 1}),
        ("torch.abs(a, out=b)", "a: Tensor, b: Tensor", "Tensor", {"aten::abs.out": 2}),
        ("(torch.max(a, 0))[0]", "a: Tensor", "Tensor", {"aten::max.dim": 2}),
        ("torch.add(input=a, other=b)", "a: Tensor, b: Tensor", "Tensor", {"aten::add.Tensor": 2}),
    ],
)  # fmt: skip
def test_calls(
    expression: str, parameters: str, result: str, expected: dict[str, int | None]
) -> None:
    assert calls(expression, parameters, result) == expected


@pytest.mark.parametrize(
    "expression",
    ["torch.no_such_operator(a)", "torch.add(a)", "torch.add(a, a, a, a)", "ops.mine.op(a)",
     "torch.relu(b=a)"],
)  # fmt: skip
def test_a_call_of_nothing_known_is_left_to_torch(expression: str) -> None:
    with pytest.raises(UnsureError):
        calls(expression, "a: Tensor")


def test_a_lookup_in_a_dictionary_is_an_instruction() -> None:
    source = 'def f(a: Dict[str, int]) -> int:\n  return a["x"]\n'
    assert opcodes(source)["DICT_INDEX"] == 1


def test_a_tuple_is_taken_apart_only_if_it_was_not_made_here() -> None:
    block, pair = Block(), Type(Kind.TUPLE, (INT, STR))
    given = [block.parameter.give(it) for it in pair.parts]
    assert unpacked(block, block.make(TUPLE, given, pair)) == given
    assert len(block.nodes) == 1
    assert [it.type for it in unpacked(block, block.parameter.give(pair))] == [INT, STR]
    assert len(block.nodes) == 2
