"""Lines of source: found through handles, calls and texts, left out where anything is missing."""

from contextlib import suppress
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats.faults import MalformedError
from builder.models.reading.debug import read_lines
from builder.vocabulary.operators import SourceLine

TORCH: Final = "/lib/python3.11/site-packages/torch/nn/modules/linear.py"
TEXTS: Final = ("", "def f(é):\n", "    return g(é)\n", "net.py", "    return F.linear(x)\n", TORCH)
OWN: Final = ([1, 2], 3, 10)
LIBRARY: Final = ([4], 5, 134)


def handles(*numbers: Any) -> Any:
    return (8, ("__torch__.Net.forward", (("function_debug_handles", (list(numbers),)),)))


def places(*rows: Any) -> Any:
    return ("FORMAT_WITH_STRING_TABLE", TEXTS, rows)


def lines(calls: Any, *rows: Any, numbers: tuple[Any, ...] = (7,)) -> list[SourceLine | None]:
    return list(read_lines(handles(*numbers), calls, [places(*rows)])["__torch__.Net.forward"])


def test_an_instruction_has_its_line() -> None:
    """Offsets are bytes, and the letter of the first line has two."""
    assert lines(((7, 1, "aten::add", None),), (0, (OWN, 22, 23), 1)) == [
        SourceLine("net.py", 11, "return g(é)")
    ]
    assert lines(((7, 1, "aten::add", None),), (0, (OWN, 10, 11), 1)) == [
        SourceLine("net.py", 10, "def f(é):")
    ]


def test_the_caller_is_named_rather_than_torch() -> None:
    rows = ((0, (LIBRARY, 4, 9), 1), (9, (OWN, 16, 20), 2))
    call = (("__torch__.Linear", "fc"), 2, None, "forward")
    assert lines(((7, 1, "aten::linear", call),), *rows) == [
        SourceLine("net.py", 11, "return g(é)")
    ]
    assert lines(((7, 1, "aten::linear", None),), *rows) == [
        SourceLine(TORCH, 134, "return F.linear(x)")
    ]


def test_a_traced_model_keeps_stacks() -> None:
    stack = (f"{TORCH}(134): forward\n", "net.py(31): forward\n", "train.py(8): <module>\n")
    text = (("FORMAT_WITH_STRING_TABLE", ("", *stack), ((0, (([1, 2, 3], 1, 0), 0, 9), 1),)),)
    found = read_lines(handles(7), ((7, 1, "aten::linear", None),), text)
    assert found["__torch__.Net.forward"] == [SourceLine("net.py", 31, "forward")]


def test_older_files_hold_the_text_itself() -> None:
    old = ((0, (("def f():\n  return 1\n", "old.py", 3), 11, 12), 1),)
    found = read_lines(handles(7), ((7, 1, "aten::add", None),), [old])
    assert found["__torch__.Net.forward"] == [SourceLine("old.py", 4, "return 1")]


def test_what_is_not_there_is_no_line() -> None:
    call = (7, 1, "aten::add", None)
    row = (0, (OWN, 16, 20), 1)
    assert lines((), row) == [None]
    assert lines((call,)) == [None]
    assert lines((call,), (0, (OWN, 999, 1000), 1)) == [None]
    assert lines((call,), (0, (([], 0, 0), 0, 0), 1)) == [None]
    assert lines((call,), row, numbers=("seven", 8)) == [None, None]
    assert read_lines(None, (), []) == {}


def test_terminals_are_safe() -> None:
    old = ((0, (("\x1b[2J", "\x1b.py", 3), 0, 1), 1),)
    (line,) = read_lines(handles(7), ((7, 1, "", None),), [old])["__torch__.Net.forward"]
    assert line == SourceLine("\\x1b.py", 3, "\\x1b[2J")


VALUES: Final = st.recursive(
    st.none() | st.integers(-1, 9) | st.sampled_from(["function_debug_handles", "net.py"]),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=5).map(tuple),
    max_leaves=20,
)


@given(VALUES, VALUES, VALUES)
def test_any_value_is_read(first: Any, second: Any, third: Any) -> None:
    with suppress(MalformedError):
        read_lines(first, second, [third, places(third)])
        read_lines(handles(7), ((7, 1, "", first),), [places((0, second, 1)), (third,)])
