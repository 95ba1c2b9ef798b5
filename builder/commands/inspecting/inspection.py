"""`inspect`: what models ask for, which model calls what, and what they execute on given inputs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from builder import RELEASE
from builder.extensions.libraries import refuse_unloadable
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.libtorch.locations.table import read_locations
from builder.models.conversion.exported import read_exported
from builder.models.conversion.torchscript import read_model
from builder.models.selection import select
from builder.models.tracing.execution_trace import Trace
from builder.models.tracing.reconcile import Execution, State, reconcile
from builder.models.tracing.trace_model import trace_model
from builder.pipeline.wanted import read_apart
from builder.vocabulary.models import Call, InputSpec, Method, Model, inputs_for
from builder.vocabulary.operators import OperatorName


class Notes(Protocol):
    """What an inspection reports while models run."""

    def step(self, text: str) -> None:
        """Begin a step."""

    def note(self, text: str) -> None:
        """Say something the user should know, in one line."""


@dataclass(frozen=True, slots=True)
class Question:
    """What `inspect` is asked. `inputs` has one entry per model, in order, or none at all.

    `bundled`: models without other inputs are traced with those that are bundled with them.
    """

    models: tuple[Path, ...]
    inputs: tuple[InputSpec, ...] = ()
    bundled: bool = False
    extension: Extension = NOTHING


@dataclass(frozen=True, slots=True)
class _Traced:
    """A trace, and how the operators of the bytecode fared in it."""

    inputs: str
    trace: Trace
    operators: tuple[Execution, ...]


def inspect(question: Question, host: Host, notes: Notes) -> dict[str, Any]:
    """Return what the models call, which model calls what, and what ran where inputs are given."""
    runs = question.bundled or any(it.given for it in question.inputs)
    read = read_model if runs else read_exported  # what runs is the lite model
    models = read_apart(question.models, host, partial(read, extension=question.extension))
    if runs:
        refuse_unloadable(models, host)
    traced = _trace(models, question, host, notes)
    return {
        "source": RELEASE,
        "models": [_describe(*pair) for pair in zip(models, traced, strict=True)],
        "operators": _operators(models, traced, read_locations(RELEASE)),
    }


def _trace(
    models: tuple[Model, ...], question: Question, host: Host, notes: Notes
) -> list[_Traced | None]:
    """Run every model that has inputs; return None for the others."""
    found: list[_Traced | None] = []
    for model, given in zip(models, question.inputs or (InputSpec(),) * len(models), strict=True):
        spec = given
        if question.bundled:
            spec = inputs_for(model, spec)
        if not spec.given:
            if question.bundled:
                notes.note(f"{model.name} was not run: it bundles no inputs")
            found.append(None)
            continue
        if model.own.unanswered:
            lacks = ", ".join(model.own.unanswered)
            notes.note(f"{model.name} was not run: desktop torch has no {lacks} (--ops-library)")
            found.append(None)
            continue
        from builder.libtorch.codegen import pinned_catalogue  # noqa: PLC0415  seldom needed

        notes.step(f"running {model.name} in desktop torch on {spec.describe()}")
        trace = trace_model(model, spec, host)
        entries = question.extension.extend(pinned_catalogue(RELEASE)).entries
        found.append(_Traced(spec.describe(), trace, reconcile(model, trace, entries)))
    return found


def _operators(
    models: tuple[Model, ...], traced: Sequence[_Traced | None], kernels: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return one row for each operator of any model, sorted by name."""
    calls: Counter[OperatorName] = Counter()
    for model in models:
        for method in model.methods:
            for use in method.operators:
                calls[use.name] += use.calls
    executions: dict[OperatorName, list[Execution]] = {}
    for result in traced:
        for execution in result.operators if result else ():
            executions.setdefault(execution.name, []).append(execution)
    return [
        {
            "name": str(it.name),
            "overload": it.name.overload,
            "calls": calls[it.name],
            "models": list(it.models),
            "kernel": kernels.get(str(it.name)),
            **_executed(executions.get(it.name, [])),
        }
        for it in select(models).operators
    ]


def _executed(executions: list[Execution]) -> dict[str, Any]:
    """Return what all traces together say of an operator; nulls where no model was traced."""
    if not executions:
        return {"executed": None, "dtypes": None}
    states = {it.state for it in executions}
    return {
        "executed": next(state.value for state in State if state in states),
        "dtypes": sorted(frozenset[str]().union(*(it.dtypes for it in executions))),
    }


def _describe(model: Model, traced: _Traced | None) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(model.source),
        "format": model.format.value,
        "sha256": model.sha256,
        "bytecode_version": model.bytecode_version,
        "operator_version": model.operator_version,
        "bundled_inputs": model.bundled_inputs,
        "dtypes": sorted(model.dtypes),
        "argument_dtypes": sorted(model.argument_dtypes),
        "classes": sorted(model.classes),
        "types": sorted(model.types),
        "exported": [method.name for method in model.exported],
        "debug_info": model.debug_info,
        "repairs": [it.document() for it in model.repairs],
        "weights": [
            {"dtype": it.dtype, "storages": it.storages, "bytes": it.size} for it in model.weights
        ],
        "duplicates": [
            {
                "names": list(it.names), "dtype": it.dtype,
                "bytes": it.size, "wasted_bytes": it.wasted,
            }
            for it in model.duplicates
        ],
        "call": None if model.call is None else _describe_call(model.call),
        "methods": [_describe_method(method) for method in model.methods],
        "trace": None if traced is None else _describe_trace(traced),
    }  # fmt: skip


def _describe_call(call: Call) -> dict[str, Any]:
    return {
        "arguments": [
            {
                "name": it.name, "type": it.type, "keyword": it.keyword,
                "tensors": [
                    {"path": tensor.path, "dtype": tensor.dtype, "sizes": list(tensor.sizes)}
                    for tensor in it.tensors
                ],
            }
            for it in call.arguments
        ],
        "returns": call.returns,
        "sizes": [{"name": it.name, "least": it.least, "most": it.most} for it in call.sizes],
    }  # fmt: skip


def _describe_method(method: Method) -> dict[str, Any]:
    return {
        "name": method.name,
        "operators": [
            {
                "name": str(use.name), "arguments": use.arguments, "calls": use.calls,
                "lines": [{"file": it.file, "line": it.line, "text": it.text} for it in use.lines],
            }
            for use in method.operators
        ],
        "opcodes": sorted(method.opcodes),
    }  # fmt: skip


def _describe_trace(traced: _Traced) -> dict[str, Any]:
    trace = traced.trace
    return {
        "inputs": traced.inputs,
        "torch": trace.torch,
        "cases": trace.cases,
        "operators": [
            {
                "name": str(it.name), "executed": it.state.value, "count": it.count,
                "below": list(it.below), "dtypes": sorted(it.dtypes),
            }
            for it in traced.operators
        ],
        "nested": [
            {
                "name": str(it.name), "count": it.count, "below": list(it.below),
                "dtypes": sorted(it.dtypes),
            }
            for it in trace.nested
        ],
        "dtypes": [
            {"dtype": it.dtype, "operator": it.operator or None, "below": it.below or None}
            for it in trace.made
        ],
    }  # fmt: skip
