"""The written program beside the exported one: both run, on sizes within the declared ranges.

The exported program answers itself, as torch runs it. Inputs of other sizes are made of its example
inputs: their values, drawn again, so that indices stay indices.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any, Final

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from builder.models.exported.problems import Problem
from builder.models.exported.writing.guards import bounds
from builder.models.exported.writing.refused import Refused
from builder.models.exported.writing.structure import places

SEED: Final = 20_26
_OWN: Final = "example"
_OURS: Final = "please report it"
_MOST_CASES: Final = 5
_LARGEST: Final = 1 << 24  # elements of one input: more would take too long to be an example
_PYTREE: Final[Any] = pytree


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs: `title` says which sizes they have, `arguments` are in the order of the call.

    The title is `example` for those the program was exported with, otherwise as `s17=4,s77=2`.
    """

    title: str
    arguments: tuple[Any, ...]


def agreed(program: ExportedProgram, scripted: Any) -> tuple[Case, ...]:  # noqa: ANN401  of torch
    """Return the inputs on which both gave the same answers; raise `Refused` where they differ.

    Sizes that the exported program itself does not take are left out.
    """
    module: Any = program.module()
    found: list[Case] = []
    for case in _cases(program):
        if len(found) == _MOST_CASES:
            break
        positional, named = _as_exported(program, case.arguments)
        kept = pytree.tree_map(_copy, case.arguments)
        try:
            expected = _run(partial(module, *positional, **named))
        except Exception as error:  # whatever torch raises for sizes it does not take
            if case.title == _OWN:
                raise Refused(_failed("the exported program", case, error)) from error
            continue
        try:
            actual = _run(partial(scripted, *case.arguments))
        except Exception as error:
            raise Refused(_failed("its TorchScript", case, error), hint=_OURS) from error
        # what it was given is compared as well: a program may change that
        _compare(case, (actual, case.arguments), (expected, (*positional, *named.values())))
        found.append(Case(case.title, kept))
    return tuple(found)


def unanswered(program: ExportedProgram) -> tuple[Case, ...]:
    """Return the example inputs of a program that cannot be run here."""
    return tuple(it for it in _cases(program) if it.title == _OWN)


def _run(call: Any) -> Any:  # noqa: ANN401  a function without arguments
    torch.manual_seed(SEED)
    with torch.no_grad():
        return call()


def _failed(who: str, case: Case, error: Exception) -> Problem:
    lines = str(error).strip().splitlines() or [""]
    where = " on its own example inputs" if case.title == _OWN else f" with {case.title}"
    return Problem(f"{who} does not run{where}: {type(error).__name__}: {lines[-1]}")


def _compare(case: Case, actual: Any, expected: Any) -> None:  # noqa: ANN401  answers of any kind
    pairs = zip_longest(_PYTREE.tree_leaves(_plain(actual)), _PYTREE.tree_leaves(_plain(expected)))
    try:
        for one, other in pairs:
            if isinstance(other, torch.Tensor):
                torch.testing.assert_close(one, other, equal_nan=True)
            elif type(one) is not type(other) or (one != other and other == other):  # noqa: PLR0124  NaN
                raise AssertionError(f"{one!r} instead of {other!r}")  # noqa: TRY301
    except AssertionError as error:
        where = "" if case.title == _OWN else f" with {case.title}"
        reason = " ".join(str(error).split())
        raise Refused(
            Problem(f"its TorchScript answers otherwise{where}: {reason}"), hint=_OURS
        ) from error


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return an answer with plain containers: TorchScript has its own."""
    if isinstance(value, Mapping):
        return {key: _plain(it) for key, it in value.items()}
    return [_plain(it) for it in value] if isinstance(value, list | tuple) else value


def _copy(value: Any) -> Any:  # noqa: ANN401
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _as_exported(
    program: ExportedProgram, arguments: tuple[Any, ...]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as Python gives them, copied: a program may change its inputs."""
    positional, named = places(program.call_spec.in_spec)
    copied = pytree.tree_map(_copy, arguments)
    count = len(positional)
    return copied[:count], dict(zip(named, copied[count:], strict=True))


def _cases(program: ExportedProgram) -> Iterator[Case]:
    """Yield the example inputs, then inputs of other sizes."""
    pairs = zip(program.graph.nodes, program.graph_signature.input_specs, strict=False)
    leaves = [
        node.meta.get("val", getattr(spec.arg, "value", None))
        for node, spec in pairs
        if spec.kind is InputKind.USER_INPUT
    ]
    symbols = _symbols(leaves)
    own = {symbol: _hint(symbol, leaves) for symbol in symbols}
    torch.manual_seed(SEED)
    given = _examples(program) or [_made(it, None, own) for it in leaves]
    yield _case(program, _OWN, given)
    for sizes in _variations(symbols, own, program.range_constraints):
        title = ",".join(f"{symbol}={size}" for symbol, size in sizes.items())
        made = [_made(leaf, it, sizes) for leaf, it in zip(leaves, given, strict=True)]
        if all(it.numel() <= _LARGEST for it in made if isinstance(it, torch.Tensor)):
            yield _case(program, title, made)


def _case(program: ExportedProgram, title: str, leaves: list[Any]) -> Case:
    positional, named = pytree.tree_unflatten(leaves, program.call_spec.in_spec)
    return Case(title, (*positional, *named.values()))


def _examples(program: ExportedProgram) -> list[Any] | None:
    if not program.example_inputs:
        return None
    leaves: list[Any] = _PYTREE.tree_leaves(program.example_inputs)
    return [_copy(it) for it in leaves]


def _symbols(leaves: list[Any]) -> list[Any]:
    """Return the symbols in sizes of inputs, sorted by name."""
    found = {
        symbol
        for leaf in leaves
        for size in _sizes(leaf)
        if isinstance(size, torch.SymInt)
        for symbol in size.node.expr.free_symbols
    }
    return sorted(found, key=str)


def _sizes(leaf: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(leaf.shape) if isinstance(leaf, torch.Tensor) else (leaf,)


def _hint(symbol: Any, leaves: list[Any]) -> int:  # noqa: ANN401
    """Return the size a symbol had when the program was exported."""
    for leaf in leaves:
        for size in _sizes(leaf):
            if isinstance(size, torch.SymInt) and size.node.expr == symbol and size.node.has_hint():
                return int(size.node.hint)
    return 2


def _variations(
    symbols: list[Any], own: Mapping[Any, int], ranges: Mapping[Any, Any]
) -> Iterator[dict[Any, int]]:
    """Yield sizes for all symbols at once: the smallest, others near by, and a large one."""
    choices = [list(_choices(own[it], *bounds(ranges[it]))) for it in symbols]
    for numbers in zip_longest(*choices):
        pairs = zip(symbols, numbers, strict=True)
        yield {symbol: own[symbol] if it is None else it for symbol, it in pairs}


def _choices(own: int, least: int, most: int | None) -> Iterator[int]:
    wanted = (2 * own, max(least, 1), 3 * own, own + 1, own - 1, max(least, 1) + 1, most or own + 2)
    yield from dict.fromkeys(
        it for it in wanted if it != own and it >= max(least, 1) and (most is None or it <= most)
    )


def _made(leaf: Any, example: Any, sizes: Mapping[Any, int]) -> Any:  # noqa: ANN401
    """Return an input like `leaf`, of given sizes, with values of its example."""
    if isinstance(leaf, torch.SymInt):
        return int(leaf.node.expr.subs(sizes))
    if not isinstance(leaf, torch.Tensor):
        return leaf
    shape = [_made(it, None, sizes) for it in leaf.shape]
    if isinstance(example, torch.Tensor) and example.numel():
        if list(example.shape) == shape:
            return example.clone()
        places = torch.randint(0, example.numel(), shape)
        return example.flatten()[places]
    if leaf.dtype.is_floating_point or leaf.dtype.is_complex:
        return torch.randn(shape, dtype=torch.float32).to(leaf.dtype)
    return torch.randint(0, 2, shape).to(leaf.dtype)
