"""The stack is followed as the runtime follows it, and what it would refuse is told."""

import re
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.libtorch.codegen import pinned_catalogue
from builder.models.formats.faults import MalformedError
from builder.models.preflight.interpreter import Takes, read_interpreter
from builder.models.preflight.stacks import Fault, Release, find_fault
from builder.models.reading.bytecode import OPCODES, parse_bytecode
from builder.vocabulary.operators import OperatorName
from tests.places import ROOT
from tests.unit.models import forge, history

PINNED: Final = "2.6.0"
OPERATORS: Final = (
    ("aten::relu", "", 1), ("aten::add", "Tensor", 2), ("aten::einsum", ""),
    ("aten::div", "Tensor"), ("aten::percentFormat", "", -1), ("prim::TupleUnpack", "", 1),
    ("aten::sort", "", 3), ("prim::RaiseException", ""), ("aten::format", "", -1),
    ("aten::linspace", "", 3), ("aten::linspace", "", 7),
)  # fmt: skip
RELU, ADD, EINSUM, DIVIDE, PERCENT, UNPACK, SORT, RAISE, FORMAT, LINSPACE, WHOLE = range(11)
UNTOLD: Final = "given fewer arguments than this source takes: its bytecode does not tell how many"
GET: Final = ("LOAD", 1, 0)
RETURN: Final = forge.RETURN


def fault_of(*steps: tuple[str, int, int], operator_version: int = 10) -> Fault | None:
    """Return what is wrong with steps that begin with an empty stack and four registers."""
    written = forge.function(
        operators=OPERATORS, instructions=(("STOREN", 1, 3), *steps), constants=("text", 1),
        types=("List[int]", "Dict[str, int]"), takes=("Tensor", "int"),
    )  # fmt: skip
    (method,) = parse_bytecode((8, written)).methods
    assert method.code is not None
    release = Release(pinned_catalogue(PINNED), read_interpreter(PINNED), operator_version)
    return find_fault(method.code, release)


@pytest.mark.parametrize(
    "steps",
    [
        (GET, RETURN),
        (GET, ("OP", RELU, 0), RETURN),
        (GET, GET, ("OP", ADD, 0), RETURN),
        (GET, GET, GET, ("OP", EINSUM, 0), RETURN),  # three arguments today
        (GET, GET, ("OP", DIVIDE, 0), RETURN),
        (GET, GET, GET, ("OPN", PERCENT, 3), RETURN),
        (GET, GET, ("OPN", FORMAT, 2), RETURN),
        (GET, ("OP", UNPACK, 0), ("STOREN", 1, 2), GET, RETURN),
        (GET, ("OP", UNPACK, 0), RETURN),  # a tuple of one
        (GET, GET, GET, ("OP", SORT, 0), ("STOREN", 1, 2), GET, RETURN),
        (GET, ("JF", 3, 0), GET, RETURN, GET, ("OP", RAISE, 0)),
        (GET, ("JF", 3, 0), GET, RETURN, GET, GET, ("OP", RAISE, 0)),
        (GET, ("JF", 3, 0), GET, ("JMP", 2, 0), GET, RETURN),
        (GET, GET, GET, ("LOOP", 4, 2), ("STORE", 1, 0), GET, ("JMP", -3, 0), GET, RETURN),
        (GET, GET, ("LIST_CONSTRUCT", 0, 2), RETURN),
        (GET, ("LIST_UNPACK", 2, 0), ("DROP", 0, 0), RETURN),
        (("LOADC", 1, 0), ("TUPLE_CONSTRUCT", 1, 0), RETURN),
        (GET, ("INTERFACE_CALL", 0, 1), RETURN),
        (GET, ("UNCHECKED_CAST", 0, 0), ("DROP", 0, 0)),  # fails when it is run
    ],
)
def test_balanced_code_is_accepted(steps: tuple[Any, ...]) -> None:
    assert fault_of(*steps) is None


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((), "runs out of its instructions"),
        ((("JMP", -2, 0),), "runs out of its instructions"),
        ((RETURN,), "takes more from the stack than there is"),
        ((GET, ("OP", ADD, 0), RETURN), "takes more from the stack than there is"),
        ((GET, GET, RETURN), "does not return one value"),
        ((GET, ("JF", 2, 0), GET, GET, RETURN), "leaves different stacks at one place"),
        ((("LOAD", 5, 0), RETURN), "has an impossible operand"),
        ((("LOAD", 0, 0), RETURN), "has an impossible operand"),
        ((("LOADC", 2, 0), RETURN), "has an impossible operand"),
        ((("LIST_CONSTRUCT", 2, 0), RETURN), "has an impossible operand"),
        ((GET, ("ISINSTANCE", 1, 2), RETURN), "has an impossible operand"),
        ((GET, ("DICT_CONSTRUCT", 1, 1), RETURN), "has an impossible operand"),
        ((("LOADC", 0, 1 << 16), RETURN), "has an impossible operand"),
        ((GET, ("CALL", 0, 0), RETURN), "has an impossible operand"),
        ((GET, ("OPN", RELU, 1), RETURN), "has an impossible operand"),
        ((GET, ("OP", PERCENT, 0), RETURN), "has an impossible operand"),
        ((GET, ("OPN", FORMAT, 0), RETURN), "has an impossible operand"),
        ((("OP", RAISE, 0),), "has an impossible operand"),
        ((GET, ("INTERFACE_CALL", 1, 1), RETURN), "has an impossible operand"),  # no name
        ((GET, ("LOOP", 1, 1), RETURN), "has an impossible operand"),
    ],
)
def test_what_no_runtime_loads_is_told(steps: tuple[Any, ...], reason: str) -> None:
    assert fault_of(*steps) == Fault(reason)


def test_operators_with_fewer_arguments_than_now_are_named() -> None:
    """Torch 1.7 to 1.9 gave this one two, and wrote no number."""
    einsum = (OperatorName("aten", "einsum"),)
    few = (GET, GET, ("OP", EINSUM, 0))
    found = fault_of(*few, RETURN)
    assert found == Fault(UNTOLD, einsum)
    later = fault_of(GET, *few, ("OP", RELU, 0), ("OP", ADD, 0), RETURN)
    assert later == Fault(UNTOLD, einsum)


def test_what_stands_in_for_an_operator_takes_what_that_took() -> None:
    few = (GET, GET, GET, ("OP", LINSPACE, 0), RETURN)
    assert fault_of(*few) is None
    stands_in = "given fewer arguments than what stands in for its former meaning takes"
    linspace = (OperatorName("aten", "linspace"),)
    assert fault_of(*few, operator_version=7) == Fault(stands_in, linspace)
    assert fault_of(*[GET] * 7, ("OP", WHOLE, 0), RETURN, operator_version=7) is None


def test_an_operator_that_is_nowhere_ends_the_question() -> None:
    written = forge.function(operators=(("shop::tax", "", 1),))
    (method,) = parse_bytecode((8, written)).methods
    assert method.code is not None
    release = Release(pinned_catalogue(PINNED), read_interpreter(PINNED), 10)
    assert find_fault(method.code, release) is None


def test_the_interpreters_own_operators_are_those_of_the_runtime() -> None:
    text = (ROOT / "native/src/registry/promoted.h").read_text(encoding="utf-8")
    rows = re.findall(r'\{"(\w+::[\w.]+)", (\w+), (\d)(, true)?\}', text)
    words = {"kCounted": Takes.COUNTED, "kMessage": Takes.MESSAGE}
    found = {name: (words.get(takes) or int(takes), int(gives)) for name, takes, gives, _ in rows}
    told = read_interpreter(PINNED).promoted
    assert found == {name: (it.takes, it.gives) for name, it in told.items()}
    assert [name for name, *_, ends in rows if ends] == [
        name for name, it in told.items() if it.takes is Takes.MESSAGE
    ]


STEPS: Final = st.lists(
    st.tuples(st.sampled_from(OPCODES), st.integers(-3, 4), st.integers(0, 4)), max_size=12
)


@given(STEPS, st.integers(1, 10))
def test_any_steps_get_an_answer(steps: list[tuple[str, int, int]], version: int) -> None:
    with suppress(MalformedError):
        fault_of(*steps, operator_version=version)


@pytest.mark.parametrize("version", history.BYTECODES[1:])
def test_a_value_that_is_not_there_is_noticed_in_each_version(version: int) -> None:
    """Of history's own models each instruction that puts a value on the stack is left out."""
    name, ((_, steps), *rest), *schema = history.forward(version)
    release = Release(pinned_catalogue(PINNED), read_interpreter(PINNED), history.TAGGED)
    for at, (opcode, _, _) in enumerate(steps):
        if opcode not in ("LOADC", "MOVE"):
            continue
        fewer = (*steps[:at], ("JMP", 1, 0), *steps[at + 1 :])
        written = (name, (("instructions", fewer), *rest), *schema)
        (method,) = parse_bytecode((version, written)).methods
        assert method.code is not None
        assert find_fault(method.code, release) is not None, at
