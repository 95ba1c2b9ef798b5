"""Arithmetic passes; whatever else Python could run does not."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.exported.expressions import MAX_NODES, MAX_TEXT, check_guard, check_size
from builder.models.formats.faults import MalformedError

SIZES = (
    "Symbol('s77', positive=True, integer=True)",
    "Add(Mul(Integer(2), Symbol('s0', integer=True)), Integer(1))",
    "FloorDiv(Symbol('s1'), 2)", "PythonMod(s77, 4)", "Max(1, s77 - 1)", "s77**2", "2*s0 + 1",
    "Eq(PythonMod(s77, 2), 0)", "Float('0.5', precision=53)", "int_oo", "7",
)  # fmt: skip
GUARDS = (
    "L['x'].size()[0] % 2 == 0", "L['args'][0]['key'].size()[1] <= 16", "L['x'].stride()[0] == 1",
    "math.trunc(0.5*torch.sym_float(L['x'].size()[0])) >= 2", "L['mode'] == 'linear'",
    "not (L['x'].dim() == 2 and max(L['n'], 3) > 4)",
)  # fmt: skip
CODE = (
    "__import__('os').system('true')", "().__class__", "open('f')", "L.__class__",
    "torch.load('f')",
    "(lambda: 1)()", "[x for x in L]", "exec('1')", "eval('1')", "L['x'].tofile('f')", "f'{L}'",
    "math.pi.__class__", "torch.hub.load('a')", "s := 1", "max(L, key=print)", "9**9**9", "2**1000",
    "1 << 99999", "10**30*10**30", "'a'*3", "L['x'] == '\"); print(1); (\"'",
    'L["\'); print(1); (\'"] == 1', "L['\\n']", "a b", "", "(",
)  # fmt: skip


@pytest.mark.parametrize("text", SIZES)
def test_sizes_are_arithmetic(text: str) -> None:
    check_size(text)


@pytest.mark.parametrize("text", GUARDS)
def test_guards_measure_inputs(text: str) -> None:
    check_guard(text)


@pytest.mark.parametrize("check", [check_size, check_guard])
@pytest.mark.parametrize("text", CODE)
def test_code_is_refused(check: Callable[[str], None], text: str) -> None:
    with pytest.raises(MalformedError):
        check(text)


def test_expressions_are_bounded() -> None:
    with pytest.raises(MalformedError, match="characters"):
        check_size("1" + "+1" * MAX_TEXT)
    with pytest.raises(MalformedError, match="parts"):
        check_size("1" + "+1" * (MAX_NODES // 2))
    with pytest.raises(MalformedError):
        check_size("(" * 5_000 + ")" * 4_999)


arithmetic = st.recursive(
    st.sampled_from(["s0", "s77", "3", "Symbol('s1')"]),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(
        lambda it: f"({' '.join(it)})"
    ),
    max_leaves=8,
)


@given(arithmetic, st.sampled_from(CODE))
def test_one_bad_part_spoils_any_size(text: str, bad: str) -> None:
    check_size(text)
    with pytest.raises(MalformedError):
        check_size(text.replace("s", f"({bad})", 1) if "s" in text else f"{text} + ({bad})")
