"""What conversion simplifies in a function that another calls."""

import pytest

from builder.models.torchscript.graphs.nodes import UNCHECKED_CAST, Block
from builder.models.torchscript.graphs.peephole import simplify
from builder.models.torchscript.signatures.kinds import INT, UnsureError, optional_of
from tests.unit.models.scripted import operators


def inlined(text: str, parameters: str, given: str) -> dict[str, int | None]:
    """Return the operators of a function that calls another with what it is given."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return operators(
        f"def g({parameters}) -> Tensor:\n{lines}"
        f"def f({parameters}) -> Tensor:\n  return __torch__.g({given}, )\n"
    )


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("return torch.view(x, torch.add([1, 2], [n]))", "x: Tensor, n: int", {"aten::view": 2}),
        ("return torch.neg(([x, y])[1])", "x: Tensor, y: Tensor", {"aten::neg": 1}),
        ("return torch.select(x, 0, torch.len([1, n]))", "x: Tensor, n: int",
         {"aten::select.int": 3}),
        ("a, b, = [x, y]\nreturn torch.sub(b, a)", "x: Tensor, y: Tensor", {"aten::sub.Tensor": 2}),
        ("return torch.cat(torch.slice([x, y, x], 1))", "x: Tensor, y: Tensor", {"aten::cat": 1}),
        ("return torch.t(torch.t(x))", "x: Tensor", {}),
        ("return torch.select(x, 0, torch.mul(1, torch.add(n, 0)))", "x: Tensor, n: int",
         {"aten::select.int": 3}),
        ("return torch.select(x, 0, torch.sub(torch.add(n, 3), 1))", "x: Tensor, n: int",
         {"aten::sub.int": 2, "aten::select.int": 3}),
        ('return ({"a": x})["a"]', "x: Tensor", {}),
    ],
)  # fmt: skip
def test_simplifications(text: str, parameters: str, expected: dict[str, int | None]) -> None:
    given = ", ".join(it.partition(":")[0] for it in parameters.split(", "))
    found = inlined(text, parameters, given)
    assert {name: found[name] for name in expected} == expected
    assert found.keys() <= expected.keys()


def test_a_list_that_is_changed_is_not_seen_through() -> None:
    text = "y = [n]\n_0 = torch.append(y, 1)\nreturn torch.select(x, 0, torch.len(y))"
    assert "aten::len.t" in inlined(text, "x: Tensor, n: int", "x, n")


def test_a_value_that_cannot_be_none_is_not_asked() -> None:
    text = "if torch.__is__(x, None):\n  y = n\nelse:\n  y = torch.neg(x)\nreturn y"
    assert inlined(text, "x: Tensor, n: Tensor", "x, n") == {"aten::neg": 1}


def test_the_method_that_is_kept_is_not_simplified() -> None:
    source = "def f(x: Tensor, n: int) -> Tensor:\n  return torch.view(x, torch.add([1], [n]))\n"
    assert "aten::add.t" in operators(source)


def test_the_rank_of_a_convolution_is_known() -> None:
    text = (
        "y = torch.conv2d(x, w)\nif torch.ne(torch.dim(y), 4):\n"
        '  ops.prim.RaiseException("rank")\nelse:\n  pass\nreturn y'
    )
    assert inlined(text, "x: Tensor, w: Tensor", "x, w") == {"aten::conv2d": 2}


@pytest.mark.parametrize(
    "text",
    [
        "return torch.add(x, 0)",
        "return torch.mul(x, 1)",
        "y = torch.conv2d(x, x)\n_0 = torch.relu_(y)\nreturn torch.view(y, [torch.dim(y)])",
        "return torch.cat([torch.cat([x, x], 1), x], 1)",
    ],
)
def test_what_needs_more_knowledge_of_tensors_is_left_to_torch(text: str) -> None:
    with pytest.raises(UnsureError):
        inlined(text, "x: Tensor", "x")


def test_a_cast_to_more_than_a_value_is_goes() -> None:
    graph = Block()
    value = graph.parameter.give(INT)
    graph.result.take(graph.make(UNCHECKED_CAST, [value], optional_of(INT)))
    simplify(graph)
    assert not graph.nodes
    assert graph.result.inputs == [value]
