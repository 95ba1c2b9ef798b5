"""The expressions in a program: torch evaluates them as Python, so only arithmetic may be there.

Sizes are `sympy` expressions that torch gives to `sympify`; guards become the body of a function
(`torch/_export/serde/serialize.py`, `torch/export/_unlift.py`). Both would run any code.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from builder.models.formats.faults import MalformedError, shown

MAX_TEXT: Final = 10_000  # characters
MAX_NODES: Final = 3_000  # parts of one expression
_MAX_NUMBER: Final = 2**63
_MAX_EXPONENT: Final = 16
_SYMBOL: Final = re.compile(r"[a-z]{1,4}[0-9]{1,6}")
_TEXT: Final = re.compile(r"[\w.+-]{1,100}", re.ASCII)
_WORDS: Final = re.compile(r"[\w.:/+ -]{0,100}")

_FUNCTIONS: Final = frozenset({
    "Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Max", "Min", "Abs", "floor",
    "ceiling", "sqrt", "Eq", "Equality", "Ne", "Unequality", "Lt", "StrictLessThan", "Le",
    "LessThan", "Gt", "StrictGreaterThan", "Ge", "GreaterThan", "And", "Or", "Not", "FloorDiv",
    "ModularIndexing", "Where", "PythonMod", "Mod", "CleanDiv", "CeilToInt", "FloorToInt",
    "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow", "FloatTrueDiv", "IntTrueDiv",
    "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity",
    "IsNonOverlappingAndDenseIndicator", "OpaqueUnaryFn_sqrt",
})  # fmt: skip
_CONSTANTS: Final = frozenset({"oo", "int_oo", "true", "false"})
_MEASURES: Final = frozenset({"size", "stride", "storage_offset", "dim", "numel"})
_GUARD_FUNCTIONS: Final = frozenset({"max", "min", "abs", "int", "float", "bool"})
_CALLED: Final[Mapping[str, frozenset[str]]] = {
    "math": frozenset({"trunc", "floor", "ceil", "sqrt"}),
    "torch": frozenset({
        "sym_float", "sym_int", "sym_max", "sym_min", "sym_not", "sym_ite", "sym_sqrt", "_sym_sqrt",
    }),
}  # fmt: skip
_ARITHMETIC: Final = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.Load,
)  # fmt: skip


def check_size(text: str) -> None:
    """Raise `MalformedError` unless a size is arithmetic on symbols and numbers."""
    for node in _parts(text):
        match node:
            case ast.Name(id=name):
                fine = name in _FUNCTIONS | _CONSTANTS or bool(_SYMBOL.fullmatch(name))
            case ast.Call(func=ast.Name(id=name)):
                fine = name in _FUNCTIONS
            case ast.Constant(value=str(word)):
                fine = bool(_TEXT.fullmatch(word))
            case _:
                fine = _is_arithmetic(node)
        if not fine:
            raise _refused("size", text)


def check_guard(text: str) -> None:
    """Raise `MalformedError` unless a guard compares what can be measured of inputs."""
    for node in _parts(text):
        match node:
            case ast.Name(id=name):
                fine = name in _GUARD_FUNCTIONS | _CALLED.keys() | {"L"}
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                fine = name in _CALLED.get(module, ())
            case ast.Attribute(attr=name):
                fine = name in _MEASURES
            case ast.Call(func=ast.Name() | ast.Attribute(), keywords=[]):
                fine = True
            case ast.Subscript():
                fine = True
            case ast.Constant(value=str(word)):
                fine = bool(_WORDS.fullmatch(word))  # torch puts the guard into quotes once more
            case _:
                fine = _is_arithmetic(node)
        if not fine:
            raise _refused("guard", text)


def _parts(text: str) -> Iterator[ast.AST]:
    if len(text) > MAX_TEXT:
        raise MalformedError(f"it has an expression of {len(text)} characters")
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise MalformedError(f"'{shown(text[:100])}' is no expression") from error
    found = list(ast.walk(tree))
    if len(found) > MAX_NODES:
        raise MalformedError(f"it has an expression of {len(found)} parts")
    return iter(found)


def _is_arithmetic(node: ast.AST) -> bool:
    match node:
        case ast.keyword(arg=name):
            return name in {"positive", "integer", "nonnegative", "real", "precision", "evaluate"}
        case ast.Constant(value=bool() | float()):
            return True
        case ast.Constant(value=int(number)):
            return number < _MAX_NUMBER
        case ast.BinOp(left=left, op=op, right=right):
            return _is_small(left, op, right)
        case _:
            return isinstance(node, _ARITHMETIC)


def _is_small(left: ast.expr, op: ast.operator, right: ast.expr) -> bool:
    """Tell whether a result stays small: no towers of powers, no repeated texts."""
    match op, left, right:
        case (ast.LShift() | ast.MatMult(), _, _) | (_, ast.Constant(value=str()), _):
            return False
        case (_, _, ast.Constant(value=str())):
            return False
        case ast.Pow(), _, ast.Constant(value=int(exponent)):
            return 0 <= exponent <= _MAX_EXPONENT
        case _:
            return not isinstance(op, ast.Pow)


def _refused(what: str, text: str) -> MalformedError:
    return MalformedError(
        f"it has a {what} that is no arithmetic: '{shown(text[:100])}'",
        hint="torch would run it as Python code; export the model again",
    )
