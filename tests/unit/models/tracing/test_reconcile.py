"""What bytecode names is set against what ran; a trace never removes an operator."""

import json
from typing import Any

import pytest

from builder.libtorch.catalogue import OperatorEntry
from builder.models.tracing.execution_trace import Trace
from builder.models.tracing.reconcile import Execution, State, reconcile
from builder.vocabulary.models import Method, Model, ModelFormat
from builder.vocabulary.operators import OperatorName, OperatorUse

SCHEMAS = (
    "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    "aten::add.int(int a, int b) -> int",
    "aten::add.str(str a, str b) -> str",
    "aten::add.t(t[] a, t[] b) -> t[]",
    "aten::size(Tensor self) -> int[]",
    "aten::size.int(Tensor self, int dim) -> int",
    "aten::__contains__.int_list(int[] l, int item) -> bool",
    "aten::__contains__.str_list(str[] l, str item) -> bool",
    "aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False) -> Tensor(a)",
    "aten::to.prim_dtype(Tensor(a) self, int? dtype=None, bool non_blocking=False) -> Tensor(a|b)",
    "aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)",
    "aten::keys.str(Dict(str, t) self) -> str[](*)",
    "aten::relu(Tensor self) -> Tensor",
    "aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
)
ENTRIES = {
    OperatorName.parse(it.partition("(")[0]): OperatorEntry(
        OperatorName.parse(it.partition("(")[0]), it
    )
    for it in SCHEMAS
}


def model(**arguments: int) -> Model:
    """Make a model that calls operators with these numbers of arguments (`add__int=2`)."""
    uses = tuple(
        OperatorUse(OperatorName.parse("aten::" + name.replace("__D__", ".")), count)
        for name, count in arguments.items()
    )
    return Model(
        "net", None, None, "0" * 64, ModelFormat.LITE, 8, 10,  # type: ignore[arg-type]
        (Method("__torch__.Net.forward", uses, frozenset({"OP"})),),
        frozenset(), frozenset(), bundled_inputs=False,
    )  # fmt: skip


def trace(**parts: Any) -> Trace:
    empty: dict[str, Any] = {
        "version": 1, "torch": "2.13", "cases": 1,
        "called": [], "without_schema": [], "nested": [], "dtypes": [],
    }  # fmt: skip
    return Trace.from_json(json.dumps({**empty, **parts}))


def unnamed(name: str, *stack: str, count: int = 1) -> dict[str, Any]:
    return {"name": name, "count": count, "stack": list(stack)}


def states(found: tuple[Execution, ...]) -> dict[str, tuple[State, int | None]]:
    return {str(it.name): (it.state, it.count) for it in found}


def test_calls_through_the_dispatcher_are_told_by_their_schema() -> None:
    called = [{"name": "aten::add.Tensor", "count": 3, "dtypes": ["Float", "Long"]}]
    (row,) = reconcile(model(add__D__Tensor=3), trace(called=called), ENTRIES)
    assert row == Execution(row.name, State.CALLED, 3, (), frozenset({"Float", "Long"}))


@pytest.mark.parametrize(
    ("stack", "overload"),
    [
        (("Tensor(float)", "Int", "Int"), "aten::add.int"),
        (("Int", "String", "String"), "aten::add.str"),
        (("GenericList[String]", "GenericList[]"), "aten::add.t"),
    ],
)
def test_an_overload_is_told_by_the_arguments_on_the_stack(
    stack: tuple[str, ...], overload: str
) -> None:
    net = model(add__D__int=2, add__D__str=2, add__D__t=2)
    found = states(reconcile(net, trace(without_schema=[unnamed("aten::add", *stack)]), ENTRIES))
    assert found.pop(overload) == (State.CALLED, 1)
    assert set(found.values()) == {(State.NEVER, 0)}


def test_the_number_of_arguments_tells_overloads_apart() -> None:
    rows = [
        unnamed("aten::size", "Int", "Tensor(float)", count=2),
        unnamed("aten::size", "Tensor(float)", "Int", count=5),
    ]
    found = states(reconcile(model(size=1, size__D__int=2), trace(without_schema=rows), ENTRIES))
    assert found == {"aten::size": (State.CALLED, 2), "aten::size.int": (State.CALLED, 5)}


def test_the_elements_of_lists_tell_overloads_apart() -> None:
    net = model(__contains____D__int_list=2, __contains____D__str_list=2)
    rows = [unnamed("aten::__contains__", "GenericList[String]", "String")]
    found = states(reconcile(net, trace(without_schema=rows), ENTRIES))
    assert found["aten::__contains__.str_list"] == (State.CALLED, 1)
    assert found["aten::__contains__.int_list"] == (State.NEVER, 0)


def test_marks_of_aliasing_are_no_part_of_a_type() -> None:
    rows = [
        unnamed("aten::append", "GenericList[Int]", "Int"),
        unnamed("aten::keys", "GenericDict"),
        unnamed("aten::keys", "Int"),
    ]
    net = model(append__D__t=2, keys__D__str=1)
    found = states(reconcile(net, trace(without_schema=rows), ENTRIES))
    assert found["aten::append.t"] == (State.CALLED, 1)
    assert found["aten::keys.str"] == (State.CALLED, 2), "there is no other it could be"


@pytest.mark.parametrize("stack", [(), ("Device", "Device")])
def test_without_evidence_every_overload_may_have_been_called(stack: tuple[str, ...]) -> None:
    rows = [unnamed("aten::add", *stack)]
    net = model(add__D__int=2, add__D__str=2)
    found = states(reconcile(net, trace(without_schema=rows), ENTRIES))
    assert set(found.values()) == {(State.PERHAPS, None)}


def test_an_operator_the_interpreter_forwards_is_not_taken_for_unused() -> None:
    """The trace shows `aten::to.dtype`, which `aten::to.prim_dtype` calls."""
    called = [{"name": "aten::to.dtype", "count": 2, "dtypes": ["Half"]}]
    found = states(reconcile(model(to__D__prim_dtype=3), trace(called=called), ENTRIES))
    assert found == {"aten::to.prim_dtype": (State.CALLED, 2)}


def test_what_ran_below_others_only_says_below_which() -> None:
    nested = [
        {"name": "aten::relu", "count": 4, "below": ["aten::lstm.input"], "dtypes": ["Float"]}
    ]
    net = model(relu=1, _softmax=3)
    first, second = reconcile(net, trace(nested=nested), ENTRIES)
    assert (first.state, first.count) == (State.NEVER, 0)
    assert (second.state, second.count) == (State.NESTED, 4)
    assert second.below == ("aten::lstm.input",)


def test_operators_no_catalogue_knows_are_kept_too() -> None:
    net = model(size=1)
    (row,) = reconcile(net, trace(without_schema=[unnamed("aten::size", "Int")]), {})
    assert row.state is State.CALLED


@pytest.mark.parametrize("text", ["{}", '{"version": 2}', "[]", '{"version": 1}', "null", "x"])
def test_a_text_that_is_no_trace_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Trace.from_json(text)
