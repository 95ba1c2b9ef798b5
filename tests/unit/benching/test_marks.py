from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.benching.marks import COST, Marked, mark
from builder.models.conversion.pickling import Pickler
from builder.models.formats.pickles import read_pickle
from builder.vocabulary.errors import ModelError

Instruction = tuple[str, int, int]

OPERATORS = (("aten::relu", ""), ("aten::add", "Tensor"), ("prim::TupleUnpack", ""))


def function(*instructions: Instruction, constants: tuple[object, ...] = ()) -> tuple[object, ...]:
    return (
        "__torch__.Net.forward",
        (
            ("instructions", instructions),
            ("operators", OPERATORS),
            ("constants", constants),
            ("types", ()),
            ("register_size", 2),
        ),
    )


def written(*functions: tuple[object, ...]) -> bytes:
    pickler = Pickler()
    pickler.put((8, *functions))
    return pickler.done()


def read(marked: Marked) -> Iterator[tuple[tuple[Instruction, ...], tuple[object, ...]]]:
    value = read_pickle(marked.pickle).value
    assert isinstance(value, tuple)
    for _, code in value[1:]:
        table = dict(code)
        yield table["instructions"], table["constants"]


def test_each_call_is_followed_by_a_warning_that_tells_its_number() -> None:
    marked = mark(written(function(("STOREN", 1, 2), ("OP", 1, 0), ("RET", 0, 0), constants=(7,))))
    ((instructions, constants),) = read(marked)
    assert constants == (7, "@0", "@1", "@2")
    assert instructions == (
        ("STOREN", 1, 2),
        ("LOADC", 1, 0), ("LOADC", 1, 0), ("WARN", 0, 0),
        ("LOADC", 2, 0), ("LOADC", 2, 0), ("WARN", 0, 0),
        ("OP", 1, 0),
        ("LOADC", 3, 0), ("LOADC", 3, 0), ("WARN", 0, 0),
        ("RET", 0, 0),
    )  # fmt: skip
    assert marked.operators == ("", "", "aten::add.Tensor")
    assert not marked.operators[COST]


def test_what_is_unpacked_is_told_by_the_next_instruction() -> None:
    marked = mark(written(function(("OP", 2, 0), ("STOREN", 1, 2), ("RET", 0, 0))))
    ((instructions, constants),) = read(marked)
    assert instructions == (("OP", 2, 0), ("STOREN", 1, 2), ("RET", 0, 0))
    assert constants == ()


def test_functions_count_on() -> None:
    one = function(("OP", 0, 0), ("RET", 0, 0))
    marked = mark(written(one, one))
    assert [constants for _, constants in read(marked)] == [("@2",), ("@3",)]
    assert marked.operators[2:] == ("aten::relu", "aten::relu")


@given(st.data())
def test_jumps_lead_where_they_led(data: st.DataObject) -> None:
    """Whatever is inserted: what a jump skips or repeats is the same, without the marks."""
    count = data.draw(st.integers(1, 12))
    kinds = st.sampled_from(["OP", "LOAD", "JF", "JMP", "LOOP"])
    steps: list[Instruction] = []
    for at in range(count):
        opcode = data.draw(kinds)
        target = data.draw(st.integers(0, count))
        steps.append((opcode, target - at if opcode in {"JF", "JMP", "LOOP"} else 0, at))
    ((instructions, _),) = read(mark(written(function(*steps, ("RET", 0, 0)))))
    numbered = [it for it in instructions if it[0] not in {"LOADC", "WARN"}]
    assert [(it[0], it[2]) for it in numbered[:-1]] == [(it[0], it[2]) for it in steps]
    place = {it[2] if it[0] != "RET" else count: at for at, it in enumerate(instructions)
             if it[0] not in {"LOADC", "WARN"}}  # fmt: skip
    for at, (opcode, first, _) in enumerate(steps):
        if opcode in {"JF", "JMP", "LOOP"}:
            assert place[at] + instructions[place[at]][1] == place[at + first]


def test_tables_that_are_shared_are_refused() -> None:
    one = function(("OP", 0, 0), ("RET", 0, 0), constants=(1,))
    first, second, third = written(one, one).split(b"(K\x01t")
    shared = first + b"(K\x01tq\x00" + second + b"h\x00" + third
    assert len(list(read(Marked(shared, ())))) == 2
    with pytest.raises(ModelError, match="tables are shared"):
        mark(shared)
