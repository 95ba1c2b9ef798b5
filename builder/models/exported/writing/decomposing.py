"""Operators that the release lacks, taken apart into those it has, as torch itself does it."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from builder.models.exported.problems import Problem
from builder.models.exported.writing.refused import Refused
from builder.models.exported.writing.statements import WRITTEN_OTHERWISE

_ROUNDS: Final = 5  # an operator may come apart into others that are missing as well


def decomposed(program: ExportedProgram, known: Iterable[str]) -> ExportedProgram:
    """Return the program with `known` operators alone; raise `Refused` with those that stay."""
    names = frozenset(known) | WRITTEN_OTHERWISE
    for _ in range(_ROUNDS):
        missing = {node.target: node for node in _operators(program.graph_module, names)}
        table = {it: how for it, how in _decompositions().items() if it in missing}
        if not table:
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = program.run_decompositions(table)
    if problems := [_problem(it) for it in _operators(program.graph_module, names)]:
        raise Refused(*problems)
    return program


def calls(program: ExportedProgram, names: Iterable[str]) -> bool:
    """Whether a program calls one of these operators, also in graphs inside."""
    wanted = frozenset(names)
    return any(_name(it) in wanted for it in _operators(program.graph_module, frozenset()))


def _operators(graph: GraphModule, known: frozenset[str]) -> Iterator[Node]:
    """Yield the calls of unknown operators, also those in graphs inside."""
    for part in graph.modules():
        for node in part.graph.nodes if isinstance(part, GraphModule) else ():
            if isinstance(node.target, torch._ops.OpOverload) and _name(node) not in known:  # noqa: SLF001
                yield node


def _name(node: Node) -> str:
    target: Any = node.target
    return str(target.name())


def _decompositions() -> dict[Any, Any]:
    from torch._decomp import decomposition_table  # noqa: PLC0415  seldom needed, slow

    return {**decomposition_table, **torch.export.default_decompositions()}


def _problem(node: Node) -> Problem:
    what = f"this release of PyTorch has no operator {_name(node)}, and it cannot be taken apart"
    return Problem(what, node.name, node.meta.get("stack_trace") or "")
