"""Dtypes that constants ask for: only where the stack is certain."""

import pytest

from builder.models.reading.asked_dtypes import asked_dtypes
from builder.vocabulary.models import Instruction
from builder.vocabulary.operators import OperatorName, OperatorUse

TO = OperatorUse(OperatorName("aten", "to", "dtype"), 2)
ZEROS = OperatorUse(OperatorName("aten", "zeros"), 5)
CALL: Instruction = ("OP", 0, 0)
SELF: Instruction = ("LOAD", 1, 0)
HALF: Instruction = ("LOADC", 0, 0)


def asked(
    *instructions: Instruction, constants: tuple[object, ...] = (5,), use: OperatorUse = TO
) -> list[str]:
    return list(asked_dtypes(instructions, (use,), constants))


def test_a_constant_in_the_place_of_the_dtype_is_found() -> None:
    assert asked(SELF, HALF, CALL) == ["Half"]
    assert asked(CALL, HALF, CALL) == ["Half"], "what is converted may be any result"
    assert asked(HALF, CALL) == ["Half"], "and what pushed it is not looked at"
    many = [("LOADC", number, 0) for number in range(4)]
    assert asked(SELF, *many, CALL, constants=(15, 0, 0, None), use=ZEROS) == ["BFloat16"]


@pytest.mark.parametrize(
    "instructions",
    [
        (HALF, SELF, CALL),
        (SELF, CALL),
        (CALL,),
        (SELF, HALF, ("GET_ATTR", 0, 0), CALL),
        (("JF", 3, 0), SELF, HALF, CALL),
        (SELF, ("LOADC", 9, 0), CALL),
        (SELF, ("LOADC", -2, 0), CALL),
    ],
)
def test_what_is_not_certain_is_left_out(instructions: tuple[Instruction, ...]) -> None:
    assert asked(*instructions) == []


@pytest.mark.parametrize("constant", [None, True, -1, 18, 1 << 40, "Half", 5.0])
def test_what_is_no_dtype_is_left_out(constant: object) -> None:
    assert asked(SELF, HALF, CALL, constants=(constant,)) == []


@pytest.mark.parametrize(
    "use",
    [
        OperatorUse(OperatorName("aten", "to", "dtype")),
        OperatorUse(OperatorName("aten", "to", "dtype"), 1),
        OperatorUse(OperatorName("aten", "to", "other"), 2),
        OperatorUse(OperatorName("mine", "to", "dtype"), 2),
    ],
)
def test_other_calls_ask_for_nothing(use: OperatorUse) -> None:
    assert asked(SELF, HALF, CALL, use=use) == []
