"""Branches, loops and variables of printed source, and what it never has."""

import pytest

from builder.models.torchscript.frontend.statements import lower
from builder.models.torchscript.graphs.nodes import IF
from builder.models.torchscript.signatures.kinds import INT, UnsureError, optional_of
from tests.unit.models.scripted import code_of, opcodes, operators, program


def test_a_branch_brings_its_variables_out() -> None:
    source = """def f(x: Tensor, c: bool) -> Tensor:
  if c:
    y, z = torch.neg(x), x
  else:
    y, z = x, torch.abs(x)
  return torch.add(y, z)
"""
    assert operators(source) == {"aten::neg": 1, "aten::abs": 1, "aten::add.Tensor": 2}
    assert opcodes(source)["JF"] == 1


def test_a_branch_that_is_known_is_the_only_one() -> None:
    source = """def f(x: Tensor) -> Tensor:
  if False:
    y = torch.neg(x)
  else:
    y = torch.abs(x)
  return y
"""
    assert operators(source) == {"aten::abs": 1}


def test_loops_carry_variables() -> None:
    source = """def f(n: int) -> int:
  i = 0
  _0 = torch.lt(i, n)
  while _0:
    i0 = torch.add(i, 2)
    _0, i = torch.lt(i0, n), i0
  for k in range(n):
    i = torch.sub(i, k)
  return i
"""
    assert operators(source) == {"aten::lt.int": 2, "aten::add.int": 2, "aten::sub.int": 2}
    assert opcodes(source)["LOOP"] == 2


def test_functions_have_names_and_are_inlined() -> None:
    source = """def g(x: Tensor, flag: bool) -> Tensor:
  if flag:
    y = torch.relu_(x)
  else:
    y = torch.relu(x)
  return y
def f(x: Tensor) -> Tensor:
  _0 = __torch__.g
  return _0(x, False, )
"""
    assert operators(source) == {"aten::relu_": 1, "aten::relu": 1}


def test_named_tuples_and_lists_are_taken_apart() -> None:
    source = """class Pair(NamedTuple):
  left : Tensor
  right : int
def f(x: Tensor, n: List[int]) -> __torch__.Pair:
  a, b, = n
  return __torch__.Pair(x, torch.add(a, b))
"""
    assert operators(source) == {"aten::add.int": 2}
    assert opcodes(source)["NAMED_TUPLE_CONSTRUCT"] == 1
    assert opcodes(source)["LIST_UNPACK"] == 1


def test_attributes_are_read_and_set() -> None:
    source = """class Net(Module):
  count : int
  __annotations__["0"] = Tensor
def f(net: __torch__.Net) -> Tensor:
  net.count = torch.add(net.count, 1)
  return getattr(net, "0")
"""
    assert operators(source) == {"aten::add.int": 2}
    found = opcodes(source)
    assert (found["GET_ATTR"], found["SET_ATTR"]) == (2, 1)


def test_values_of_any_type_are_asked_for_theirs() -> None:
    source = """def f(x: Any) -> int:
  if isinstance(x, int):
    y = unchecked_cast(int, x)
  else:
    y = 0
  return y
"""
    assert opcodes(source)["ISINSTANCE"] == 1


@pytest.mark.parametrize(
    "body",
    [
        "with x:\n    pass\n  return x",
        "def g():\n    pass\n  return fork(g)",
        "return x + x",
        "return [x for _ in x]",
        "x += x\n  return x",
        "try:\n    pass\n  finally:\n    pass\n  return x",
        "if True:\n    return x\n  return x",
        "return y",
        "return __torch__.missing",
        "return CONSTANTS.c0",
        "return CONSTANTS.x",
        'x = 1\n  if torch.eq(x, 1):\n    x = "a"\n  return x',
        'ops.prim.RaiseException("no")\n  y = torch.neg(x)\n  return y',
        "return torch.cuda(x)[0]",
        "return torch.is_scripting()",
        "return __torch__.f(x, )",
        "return 1",
    ],
)
def test_what_printed_source_does_not_have_is_left_to_torch(body: str) -> None:
    with pytest.raises(UnsureError):
        operators(f"def f(x: Tensor) -> Tensor:\n  {body}\n")


def test_an_exception_ends_its_branch() -> None:
    source = """def f(x: Tensor, c: bool) -> Tensor:
  _0 = uninitialized(Tensor)
  if c:
    ops.prim.RaiseException("no", "builtins.ValueError")
    y = _0
  else:
    y = x
  return y
"""
    assert opcodes(source)["RAISE_EXCEPTION"] == 1


def test_branches_agree_on_the_type_of_a_variable() -> None:
    made = program("""def f(c: bool) -> Optional[int]:
  if c:
    y = None
  else:
    y = 1
  return y
""")
    definition = made.find_function("__torch__.f")
    assert definition is not None
    graph = lower(made, definition)
    assert [it.kind for it in graph.nodes] == [IF]
    assert [it.type for it in graph.result.inputs] == [optional_of(INT)]


def test_complex_numbers_are_constants() -> None:
    source = "def f() -> List[complex]:\n  return [0.+1.j, -2.-0.5j]\n"
    assert {1j, -2 - 0.5j} <= {it for it in code_of(source).constants if isinstance(it, complex)}
    with pytest.raises(UnsureError):
        operators("def f(x: float) -> complex:\n  return x + 1j\n")
