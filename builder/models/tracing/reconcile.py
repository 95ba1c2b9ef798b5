"""Set what bytecode names against what a trace saw: called, only nested, or never executed.

A trace never removes an operator: other inputs, and other methods, may take other ways.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from builder.libtorch.catalogue import OperatorEntry, split_arguments
from builder.models.tracing.execution_trace import Trace, Unnamed
from builder.vocabulary.models import Model
from builder.vocabulary.operators import OperatorName


class State(StrEnum):
    """What a trace says of an operator that bytecode names; the surest first."""

    CALLED = "called"
    PERHAPS = "perhaps"
    NESTED = "nested"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Execution:
    """One selected operator in one trace.

    `count`: how often it ran, None where its calls cannot be told from those of another overload.
    `below`: what it ran below, if it was only nested.
    """

    name: OperatorName
    state: State
    count: int | None
    below: tuple[str, ...]
    dtypes: frozenset[str]


_KINDS: Final = {
    "int": {"Int", "SymInt"}, "SymInt": {"Int", "SymInt"}, "float": {"Double", "SymFloat"},
    "bool": {"Bool", "SymBool"}, "str": {"String"}, "Tensor": {"Tensor"}, "Device": {"Device"},
    "complex": {"ComplexDouble"}, "ScalarType": {"Int"}, "Layout": {"Int"}, "MemoryFormat": {"Int"},
    "Scalar": {"Int", "Double", "Bool", "ComplexDouble"},
    "number": {"Int", "Double", "Bool", "ComplexDouble"},
    "Generator": {"Generator"}, "Enum": {"Enum"},
}  # fmt: skip
"""The kinds of values the types of a schema take; types that are not here take anything."""

_ARGUMENT: Final = re.compile(r"(.*?) \w+(?:=.*)?", re.DOTALL)
_ALIAS: Final = re.compile(r"\([a-z*!|> -]*\)")


def reconcile(
    model: Model, trace: Trace, entries: Mapping[OperatorName, OperatorEntry]
) -> tuple[Execution, ...]:
    """Return how each operator of the model fared; `entries` are the catalogue of the source."""
    called = {it.name: it for it in trace.called}
    nested = {it.name: it for it in trace.nested}
    arguments = _arguments(model)
    sure: dict[OperatorName, int] = {}
    perhaps: set[OperatorName] = set()
    for unnamed in _without_overload(model, trace):
        found = _candidates(unnamed, arguments, entries)
        if len(found) == 1:
            sure[found[0]] = sure.get(found[0], 0) + unnamed.count
        else:
            perhaps.update(found)
    rows: list[Execution] = []
    for name in sorted(model.operators):
        if (direct := called.get(name)) is not None:
            count = direct.count + sure.get(name, 0)
            rows.append(Execution(name, State.CALLED, count, (), direct.dtypes))
        elif name in sure:
            rows.append(Execution(name, State.CALLED, sure[name], (), frozenset()))
        elif name in perhaps:
            rows.append(Execution(name, State.PERHAPS, None, (), frozenset()))
        elif (inner := nested.get(name)) is not None:
            rows.append(Execution(name, State.NESTED, inner.count, inner.below, inner.dtypes))
        else:
            rows.append(Execution(name, State.NEVER, 0, (), frozenset()))
    return tuple(rows)


def _arguments(model: Model) -> dict[OperatorName, set[int]]:
    """Return how many arguments each operator is called with; no number where none is recorded."""
    found: dict[OperatorName, set[int]] = {}
    for method in model.methods:
        for use in method.operators:
            counts = found.setdefault(use.name, set())
            if use.arguments is not None:
                counts.add(use.arguments)
    return found


def _without_overload(model: Model, trace: Trace) -> Iterable[Unnamed]:
    """Yield calls whose overload is not known.

    An operator of the interpreter may start one of the dispatcher with the same name, which is
    then what the trace shows: `aten::to.prim_dtype` calls `aten::to.dtype`.
    """
    yield from trace.unnamed
    for call in trace.called:
        if call.name not in model.operators:
            name = OperatorName(call.name.namespace, call.name.base)
            yield Unnamed(name, call.count, ())


def _candidates(
    unnamed: Unnamed,
    arguments: Mapping[OperatorName, set[int]],
    entries: Mapping[OperatorName, OperatorEntry],
) -> list[OperatorName]:
    """Return the operators of the model that these calls may be; without evidence all of a name."""
    same = [
        name
        for name in sorted(arguments)
        if (name.namespace, name.base) == (unnamed.name.namespace, unnamed.name.base)
    ]
    fitting = [
        name
        for name in same
        if not unnamed.stack or _fits(unnamed.stack, entries.get(name), arguments[name])
    ]
    return fitting or same


def _fits(stack: tuple[str, ...], entry: OperatorEntry | None, counts: set[int]) -> bool:
    """Whether the last values of the stack can be the arguments of an operator."""
    if entry is None or not entry.schema or not counts:
        return True
    types = [_type(it) for it in split_arguments(entry.schema)]
    return any(
        count <= len(types)
        and count <= len(stack)
        and all(
            _takes(kind, value)
            for kind, value in zip(types[:count], stack[len(stack) - count :], strict=True)
        )
        for count in counts
    )


def _type(argument: str) -> str:
    """Return the type of `Tensor(a!)[] list=[1, 2]`, without the marks of aliasing: `Tensor[]`."""
    match = _ARGUMENT.fullmatch(argument)
    return _ALIAS.sub("", match[1] if match else argument)


def _takes(kind: str, value: str) -> bool:
    if kind.endswith("?"):
        return value == "None" or _takes(kind[:-1], value)
    if kind.endswith("]"):
        inner = kind.rpartition("[")[0]
        head, _, rest = value.partition("[")
        held = [it for it in rest.removesuffix("]").split(",") if it]
        return head == "GenericList" and all(_takes(inner, it) for it in held)
    if kind.startswith("Dict("):
        return value.startswith("GenericDict")
    return kind not in _KINDS or value.partition("(")[0] in _KINDS[kind]
