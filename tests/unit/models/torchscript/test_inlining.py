"""Calls inlined: each as its callee was simplified, without end in no case."""

import pytest

from builder.models.torchscript.graphs import nodes
from builder.models.torchscript.inlining import converted
from builder.models.torchscript.signatures.kinds import UnsureError
from tests.unit.models.scripted import code_of, operators, program


def test_methods_of_modules_are_inlined() -> None:
    source = """class Inner(Module):
  scale : float
  def forward(self: __torch__.Inner, x: Tensor) -> Tensor:
    return torch.mul(x, self.scale)
class Net(Module):
  inner : __torch__.Inner
def f(net: __torch__.Net, x: Tensor) -> Tensor:
  inner = net.inner
  return torch.relu((inner).forward(x, ))
"""
    assert operators(source) == {"aten::mul.Scalar": 2, "aten::relu": 1}


def test_methods_of_interfaces_are_found_when_they_run() -> None:
    source = """class Face(ModuleInterface):
  def run(self, x: Tensor) -> Tensor:
    pass
class Net(Module):
  inner : __torch__.Face
def f(net: __torch__.Net, x: Tensor) -> Tensor:
  inner = net.inner
  return torch.relu((inner).run(x, ))
"""
    code = code_of(source)
    assert "INTERFACE_CALL" in {opcode for opcode, _, _ in code.instructions}
    assert "run" in code.constants


def test_a_function_that_calls_itself_is_left_to_torch() -> None:
    source = """def g(x: Tensor) -> Tensor:
  return __torch__.f(x, )
def f(x: Tensor) -> Tensor:
  return __torch__.g(x, )
"""
    with pytest.raises(UnsureError, match="inside of itself"):
        operators(source)


def test_calls_that_multiply_without_end_are_left_to_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nodes, "MAX_NODES", 2000)
    functions = "".join(
        f"def f{it}(x: Tensor) -> Tensor:\n"
        + "".join(f"  x{n} = __torch__.f{it + 1}(x, )\n" for n in range(10))
        + f"  return torch.stack([{', '.join(f'x{n}' for n in range(10))}])\n"
        for it in range(8)
    )
    source = f"{functions}def f8(x: Tensor) -> Tensor:\n  return torch.neg(x)\n"
    with pytest.raises(UnsureError, match="too large"):
        operators(source, "f0")


def test_lines_lead_from_the_inside_out() -> None:
    source = """def g(x: Tensor) -> Tensor:
  return torch.neg(x)
def f(x: Tensor) -> Tensor:
  return __torch__.g(x, )
"""
    code = code_of(source)
    (node,) = {it for it in code.nodes if it.kind == "aten::neg"}
    assert node.place is not None
    assert source.encode()[node.place.offset :].startswith(b"torch.neg(x)")
    (call,) = node.calls
    assert source.encode()[call.offset :].startswith(b"__torch__.g(x, )")


def test_a_graph_is_a_copy_each_time() -> None:
    made = program("def f(x: Tensor) -> Tensor:\n  return torch.neg(x)\n")
    definition = made.find_function("__torch__.f")
    assert definition is not None
    one, other = converted(made, definition), converted(made, definition)
    assert [it.kind for it in one.nodes] == [it.kind for it in other.nodes]
    assert not {*one.nodes} & {*other.nodes}


def test_types_that_double_without_end_are_left_to_torch() -> None:
    lines = "".join(f"  x{it + 1} = (x{it}, x{it})\n" for it in range(64))
    with pytest.raises(UnsureError, match="too large"):
        operators(f"def f(x0: Tensor) -> Tensor:\n{lines}  return x0\n")
