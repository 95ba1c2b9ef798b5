"""An inspection as text for people: a table of operators, and what a run told about them."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from builder.vocabulary.dtypes import DEFAULT_DTYPES
from builder.vocabulary.models import Repair

_HEADER: Final = ("operator", "overload", "calls", "models", "dtypes", "kernel")


def to_text(document: dict[str, Any], *, methods: bool = False) -> str:
    """Return the document of `inspect` for people; with `methods`, also what each method calls."""
    lines = [line for model in document["models"] for line in _describe(model, methods=methods)]
    operators = document["operators"]
    table = [_HEADER, *map(_row, operators)]
    if not any(it["dtypes"] for it in operators):  # nothing was run: nothing is known of them
        place = _HEADER.index("dtypes")
        table = [(*row[:place], *row[place + 1 :]) for row in table]
    lines += ["", _counted(len(operators), "operator"), *_aligned(table)]
    lines += _executions(document)
    return "\n".join(lines)


def _describe(model: dict[str, Any], *, methods: bool) -> Iterator[str]:
    yield (
        f"{model['name']}: {model['format']}, bytecode {model['bytecode_version']},"
        f" operator set {model['operator_version']},"
        f" dtypes {', '.join(model['dtypes']) or 'none'}"
    )
    yield from (f"  repaired: {Repair(**it)}" for it in model["repairs"])
    if model["classes"]:
        yield f"  custom classes: {', '.join(model['classes'])}"
    if model["weights"]:
        weights = (f"{it['dtype']} {it['bytes']:,} bytes" for it in model["weights"])
        yield f"  weights: {', '.join(weights)}"
    if wasted := sum(it["wasted_bytes"] for it in model["duplicates"]):
        yield f"  weights stored more than once: {wasted:,} bytes too many (--json names them)"
    if model["call"]:
        yield from _call(model["call"])
    if trace := model["trace"]:
        called = sum(it["executed"] in {"called", "perhaps"} for it in trace["operators"])
        cases = _counted(trace["cases"], "case")
        yield (
            f"  run in torch {trace['torch']} on {trace['inputs']} ({cases}):"
            f" {called} of {len(trace['operators'])} operators called"
        )
    for method in model["methods"] if methods else ():
        yield f"  {method['name']}{' (exported)' if method['name'] in model['exported'] else ''}"
        for use in method["operators"]:
            arguments = "?" if use["arguments"] is None else use["arguments"]
            yield f"    {use['name']:45} {use['calls']:4} calls, {arguments} arguments"
            yield from (f"      {it['file']}:{it['line']}  {it['text']}" for it in use["lines"])
        yield f"    instructions: {', '.join(method['opcodes'])}"


def _call(call: dict[str, Any]) -> Iterator[str]:
    """Yield how an exported program is called: arguments with names come in this order, too."""
    given = ", ".join(f"{it['name']}: {it['type']}" for it in call["arguments"])
    yield f"  call: forward({given}) -> {call['returns']}"
    for argument in call["arguments"]:
        for it in argument["tensors"]:
            yield f"    {it['path']}: {it['dtype']} [{', '.join(it['sizes'])}]"
    for it in call["sizes"]:
        most = "or more" if it["most"] is None else f"to {it['most']}"
        yield f"    {it['name']} is {it['least']} {most}"


def _row(operator: dict[str, Any]) -> tuple[str, ...]:
    overload = operator["overload"]
    return (
        operator["name"].removesuffix(f".{overload}") if overload else operator["name"],
        overload or "-",
        str(operator["calls"]),
        ", ".join(operator["models"]),
        ", ".join(operator["dtypes"] or ()) or "-",
        operator["kernel"] or "-",
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _aligned(table: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(table)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _executions(document: dict[str, Any]) -> Iterator[str]:
    """Yield what people want to know of the runs, if there were any."""
    never = [it for it in document["operators"] if it["executed"] == "never"]
    if never:
        yield ""
        yield "selected, but never executed with these inputs (others may need them, so they stay)"
        yield from (f"  {it['name']:45} {', '.join(it['models'])}" for it in never)
    nested = [
        f"  {row['name']:45} below {', '.join(row['below'])} ({model['name']})"
        for model in document["models"]
        for row in (model["trace"] or {"operators": ()})["operators"]
        if row["executed"] == "nested"
    ]
    if nested:
        yield ""
        yield "executed only below other operators"
        yield from nested
    for model in document["models"]:
        if model["trace"]:
            yield ""
            yield f"dtypes while {model['name']} ran"
            yield from (f"  {_origin(it)}" for it in model["trace"]["dtypes"])


def _origin(made: dict[str, Any]) -> str:
    below = f" below {made['below']}" if made["below"] else ""
    by = f"made by {made['operator']}{below}" if made["operator"] else "of inputs or stored tensors"
    more = "" if made["dtype"] in DEFAULT_DTYPES else "; a build adds it when given these inputs"
    return f"{made['dtype']:14} {by}{more}"
