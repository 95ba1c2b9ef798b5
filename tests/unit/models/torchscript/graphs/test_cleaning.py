"""What conversion drops and computes: dead code, constants, branches that are known."""

import pytest

from builder.models.torchscript.graphs.cleaning import pool_constants
from builder.models.torchscript.graphs.nodes import LIST, Block, constant
from builder.models.torchscript.signatures.kinds import BOOL, INT, UnsureError, list_of
from tests.unit.models.scripted import opcodes, operators


def body(text: str, parameters: str = "x: Tensor, n: int", result: str = "Tensor") -> str:
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return f"def f({parameters}) -> {result}:\n{lines}"


def test_what_nothing_needs_is_dropped() -> None:
    source = body("y = torch.neg(x)\n_0 = torch.size(x)\nreturn torch.abs(x)")
    assert operators(source) == {"aten::abs": 1}


@pytest.mark.parametrize(
    ("effect", "kept"),
    [
        ("print(x)", "prim::Print"),
        ("_0 = torch.add_(x, 1)", "aten::add_.Scalar"),
        ("_0 = torch.append(z, n)", "aten::append.t"),
        ("_0 = torch.zero_(torch.view(x, [-1]))", "aten::zero_"),
    ],
)
def test_what_can_be_seen_outside_stays(effect: str, kept: str) -> None:
    source = body(f"{effect}\nreturn x", "x: Tensor, n: int, z: List[int]")
    assert kept in operators(source)


def test_what_changes_a_value_that_is_used_stays() -> None:
    source = body("y = torch.clone(x)\n_0 = torch.zero_(torch.view(y, [-1]))\nreturn y")
    assert {"aten::zero_", "aten::view"} <= operators(source).keys()


def test_what_changes_a_value_that_nothing_needs_is_left_to_torch() -> None:
    source = body("y = torch.clone(x)\n_0 = torch.zero_(y)\nreturn x")
    with pytest.raises(UnsureError, match="nothing needs"):
        operators(source)


def test_a_written_list_in_a_loop_stays() -> None:
    source = body(
        "y = annotate(List[Tensor], [])\nfor i in range(n):\n  _0 = torch.append(y, x)\n"
        "return torch.cat(y)"
    )
    assert {"aten::append.t", "aten::cat"} <= operators(source).keys()


def test_numbers_are_computed() -> None:
    source = body("if torch.eq(torch.add(1, 2), 3):\n  y = torch.neg(x)\nelse:\n  y = x\nreturn y")
    assert operators(source) == {"aten::neg": 1}
    assert not opcodes(source)["JF"]


def test_a_division_by_nothing_is_not_computed() -> None:
    source = body("return torch.floordiv(1, 0)", result="int")
    assert operators(source) == {"aten::floordiv.int": 2}


@pytest.mark.parametrize("expression", ['torch.upper("a")', "str(1)"])
def test_what_is_not_computed_here_is_left_to_torch(expression: str) -> None:
    with pytest.raises(UnsureError, match="of constants"):
        operators(body(f"return {expression}", result="str"))


def test_a_loop_without_trips_goes() -> None:
    source = body("y = x\nfor i in range(0):\n  y = torch.neg(y)\nreturn y")
    assert not operators(source)


def test_an_endless_loop_stays() -> None:
    source = body("_0 = True\nwhile _0:\n  _0 = True\nreturn x")
    assert opcodes(source)["LOOP"] == 1


def test_tuples_are_seen_through() -> None:
    source = body("y = (x, n)\nreturn (y)[0]")
    assert not operators(source)
    assert not opcodes(source)["TUPLE_CONSTRUCT"]


def test_normalization_changes_its_statistics_in_training_alone() -> None:
    call = "_0 = torch.batch_norm(x, None, None, m, v, {}, 0.1, 1e-05, True)\nreturn x"
    parameters = "x: Tensor, m: Tensor, v: Tensor, n: bool"
    assert not operators(body(call.format("False"), parameters))
    assert "aten::batch_norm" in operators(body(call.format("n"), parameters))


def test_equal_constants_become_one() -> None:
    graph = Block()
    one, other, true = constant(1, INT), constant(1, INT), constant(literal=True, type_=BOOL)
    made = graph.make(LIST, [one, other, true], list_of(INT))
    pool_constants(graph)
    assert made.node is not None
    assert made.node.inputs == [one, one, true]
    assert (one.uses, other.uses, one.home) == (2, 0, graph)
