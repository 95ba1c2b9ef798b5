"""What a program demands of its inputs, as statements that fail with a clear message.

torch checks the same when it runs a program: sizes that were fixed by export, declared ranges,
sizes that have to be equal, and what export assumed on its way (`torch/export/_unlift.py`).
"""

import ast
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sympy  # type: ignore[import-untyped, unused-ignore]
import torch
from torch.utils._sympy.printers import PythonPrinter

from builder.models.exported.problems import Problem
from builder.models.exported.writing.literals import literal
from builder.models.exported.writing.refused import Refused
from builder.models.exported.writing.statements import Body
from builder.models.exported.writing.symbolic import NAMED

_ALWAYS_ALLOWED: Final = 2  # export finds ranges from 2 on, and torch runs programs on 1 and 0, too
_FINITE: Final = (int, sympy.Integer)
Ranges = Mapping[Any, Any]
"""The range of each symbol; torch's own types are private."""


@dataclass(frozen=True, slots=True)
class Input:
    """A leaf of the inputs: its expression, its path in Python, and the example torch keeps."""

    text: str
    path: str
    example: Any


@dataclass(frozen=True, slots=True)
class _Measured:
    """A size of an input: the expression that measures it, what it is called, what export knows."""

    text: str
    title: str
    size: Any

    @property
    def expression(self) -> Any:  # noqa: ANN401  of sympy
        return self.size.node.expr


def write_guards(
    body: Body, inputs: Sequence[Input], ranges: Ranges, guards: Iterable[str]
) -> None:
    """Write every check of the program's inputs."""
    for it in inputs:
        _check_constant(body, it)
    sizes = [size for it in inputs for size in _sizes(body, it)]
    for size in sizes:
        if isinstance(size.size, int):
            _check_fixed(body, size)
    _check_symbols(body, [it for it in sizes if not isinstance(it.size, int)], ranges)
    for guard in guards:
        _check_guard(body, guard, inputs)


def _sizes(body: Body, it: Input) -> Iterator[_Measured]:
    if isinstance(it.example, torch.SymInt):
        yield _Measured(it.text, f"input {it.path}", it.example)
    if not isinstance(it.example, torch.Tensor):
        return
    count = it.example.dim()
    body.check(
        f"({it.text}.dim() == {count})",
        f"input {it.path} has {{}} dimensions, the program was exported for {count}",
        f"{it.text}.dim()",
    )
    for place, size in enumerate(it.example.shape):
        title = f"dimension {place} of input {it.path}"
        yield _Measured(f"{it.text}.size({place})", title, size)


def _check_constant(body: Body, it: Input) -> None:
    """Check what export has taken for granted: a number, a text, or nothing at all."""
    message = f"the program was exported for {it.path} = {it.example}"
    match it.example:
        case None:
            body.check(f"({it.text} is None)", message)
        case float() if math.isnan(it.example):
            body.check(f"({it.text} != {it.text})", message)
        case bool() | int() | float() | str():
            body.check(f"({it.text} == {literal(it.example)})", message)
        case _:
            pass


def _check_fixed(body: Body, it: _Measured) -> None:
    body.check(
        f"({it.text} == {it.size})",
        f"{it.title} is {{}}, the program was exported for {it.size}",
        it.text,
    )


def _check_symbols(body: Body, sizes: Sequence[_Measured], ranges: Ranges) -> None:
    first: dict[Any, _Measured] = {}
    for it in sizes:
        if it.expression in first:
            other = first[it.expression]
            _check_equal(body, it, other.text, other.title)
            continue
        first[it.expression] = it
        if it.expression in ranges:
            _check_range(body, it, ranges[it.expression])
    known = {expression: it.text for expression, it in first.items() if expression.is_Symbol}
    for expression, it in first.items():
        if not expression.is_Symbol:
            _check_derived(body, it, known, ranges)


def _check_range(body: Body, it: _Measured, found: Any) -> None:  # noqa: ANN401
    least, most = bounds(found)
    allowed = f"{least} to {most}" if most is not None else f"{least} or more"
    conditions = [f"{it.text} >= {least}"] if least > _ALWAYS_ALLOWED else []
    conditions += [f"{it.text} <= {most}"] if most is not None else []
    if conditions:
        body.check(
            f"({' and '.join(conditions)})",
            f"{it.title} is {{}}, the program was exported for {allowed}",
            it.text,
        )


def _check_equal(body: Body, it: _Measured, text: str, title: str) -> None:
    body.check(
        f"({it.text} == {text})",
        f"{it.title} is {{}}, it has to be {{}}, as {title} says",
        it.text,
        text,
    )


def _check_derived(body: Body, it: _Measured, known: dict[Any, str], ranges: Ranges) -> None:
    """Check a size that is computed from others; a symbol that is nowhere else is solved for."""
    hidden = [symbol for symbol in it.expression.free_symbols if symbol not in known]
    if not hidden:
        names = {symbol: sympy.Symbol(f"({text})") for symbol, text in known.items()}
        text = PythonPrinter().doprint(it.expression.subs(names))
        _check_equal(body, it, f"({text})", f"{it.expression}")
        return
    if len(it.expression.free_symbols) > 1:
        return
    (symbol,) = hidden
    factor = it.expression.coeff(symbol)
    rest = it.expression - factor * symbol
    if not factor.is_Integer or not rest.is_Integer:
        return  # torch declares no others
    name = body.name(str(symbol))
    body.line(f"{name} = ({it.text} - {rest}) // {factor}")
    known[symbol] = name
    _check_derived(body, it, known, ranges)
    if symbol in ranges:
        _check_range(body, _Measured(name, f"{symbol}, of {it.title},", None), ranges[symbol])


def bounds(found: Any) -> tuple[int, int | None]:  # noqa: ANN401  a range of symbolic sizes
    """Return the least and the largest size; None where there is no largest."""
    least, most = (
        int(it) if isinstance(it, _FINITE) else None for it in (found.lower, found.upper)
    )
    return max(least or 0, 0), most


def _check_guard(body: Body, guard: str, inputs: Sequence[Input]) -> None:
    """Write what export assumed: it stands in the file as an expression of the inputs."""
    texts = dict(_sources(inputs, [it.text for it in inputs]))
    text = ast.unparse(_Translation(texts).visit(ast.parse(guard, mode="eval")))
    if re.search(r"\bL\[", text):
        raise Refused(Problem(f"it demands {guard}, which is about no input"))
    paths = dict(_sources(inputs, [it.path for it in inputs]))
    shown = _Shown(paths).visit(ast.parse(guard, mode="eval"))
    message = f"the program was exported for inputs with {ast.unparse(shown)}"
    body.check(f"({text})", message.replace("{", "{{").replace("}", "}}"))


def _sources(inputs: Sequence[Input], texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what guards call each input, and the text it stands for.

    A variadic argument has one name for each of its values, `xs_0`, but stands in guards as
    `L['xs'][0]`; some tracers number all inputs, `L['flat_args'][0]`.
    """
    for place, (it, text) in enumerate(zip(inputs, texts, strict=True)):
        name, bracket, rest = it.path.partition("[")
        inside = f"{bracket}{rest}"
        yield f"L['flat_args'][{place}]", text
        if found := re.fullmatch(r"(.+)_([0-9]+)", name):
            yield f"L['{found[1]}'][{found[2]}]{inside}", text
        yield f"L['{name}']{inside}", text


class _Shown(ast.NodeTransformer):
    """Puts other expressions in place of inputs."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        text = self._sources.get(ast.unparse(node))
        return self.generic_visit(node) if text is None else _expression(text)


class _Translation(_Shown):
    """Puts other expressions also in place of the functions that TorchScript does not have."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        template = NAMED.get(ast.unparse(node.func))
        if template is None:
            return node
        return _expression(template.format(*map(ast.unparse, node.args)))


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
