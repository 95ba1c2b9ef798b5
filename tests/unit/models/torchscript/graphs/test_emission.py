"""Instructions: in the order of torch's own, without calling itself for each step of a chain."""

import pytest

from builder.models.torchscript.graphs.emission import emit
from builder.models.torchscript.graphs.nodes import Block
from builder.models.torchscript.signatures.kinds import Kind, Type, UnsureError, list_of
from tests.unit.models.scripted import code_of, opcodes


def test_a_chain_stays_on_the_stack() -> None:
    code = code_of("def f(x: Tensor) -> Tensor:\n  return torch.neg(torch.add(torch.abs(x), x))\n")
    assert [opcode for opcode, _, _ in code.instructions] == [
        "STORE", "LOAD", "OP", "MOVE", "OP", "OP", "RET",
    ]  # fmt: skip


def test_what_is_not_used_is_dropped_at_once() -> None:
    source = "def f(x: Tensor, y: Tensor) -> Tensor:\n  a, b = torch.max(x, 0)\n  return b\n"
    code = code_of(source)
    assert [opcode for opcode, _, _ in code.instructions] == [
        "STOREN", "DROPR", "MOVE", "LOADC", "OP", "STOREN", "DROPR", "MOVE", "RET",
    ]  # fmt: skip


def test_jumps_land_behind_what_they_skip() -> None:
    code = code_of("""def f(x: Tensor, c: bool) -> Tensor:
  if c:
    y = torch.neg(x)
  else:
    y = x
  return y
""")
    places = {opcode: place for place, (opcode, _, _) in enumerate(code.instructions)}
    jump = code.instructions[places["JF"]][1]
    assert code.instructions[places["JF"] + jump - 1][0] == "JMP"


def test_a_chain_of_thousands_needs_no_deep_stack() -> None:
    steps = "".join(f"  x{it + 1} = torch.neg(x{it})\n" for it in range(1200))
    source = f"def f(x0: Tensor) -> Tensor:\n{steps}  return x1200\n"
    assert opcodes(source) == {"STORE": 1, "MOVE": 1, "OP": 1200, "RET": 1}


def test_arguments_that_are_results_come_last() -> None:
    source = "def f(x: Tensor, y: Tensor) -> Tensor:\n  return torch.sum(x, [1], out=y)\n"
    code = code_of(source)
    assert [(str(name), given) for name, given in code.operators] == [
        ("aten::sum.IntList_out", 3)
    ]  # fmt: skip


def test_one_operator_stands_once_for_each_number_of_inputs() -> None:
    source = "def f(x: Tensor) -> Tensor:\n  return torch.neg(torch.neg(x))\n"
    assert len(code_of(source).operators) == 1


def test_a_list_of_objects_as_a_result_is_left_to_torch() -> None:
    graph = Block()
    graph.result.take(graph.parameter.give(list_of(Type(Kind.CLASS, name="__torch__.Net"))))
    with pytest.raises(UnsureError, match="of objects"):
        emit(graph)
