"""Every repair, and how they are applied: to the methods that an app can call, after inlining.

A method that needs none keeps its graph, so that its bytes are those torch writes on its own.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from builder.models.conversion.repairs.gradients import remove_grad_modes
from builder.models.conversion.repairs.graphs import Code, codes_of, finish, inline
from builder.vocabulary.models import Repair


@dataclass(frozen=True, slots=True)
class GraphRepair:
    """A kind of repair. `says` is a sentence for people; `run` returns what it did how often."""

    says: str
    run: Callable[[Code], Counter[str]]


REPAIRS: Final[Mapping[str, GraphRepair]] = {
    "gradients": GraphRepair(
        "Blocks of `with torch.no_grad()` go: a runtime without autograd needs none.",
        remove_grad_modes,
    ),
}
"""In the order in which they run: what an earlier one makes, a later one can repair."""


def repair(script: Any) -> tuple[Repair, ...]:  # noqa: ANN401  a torch.jit.ScriptModule
    """Repair the methods of a loaded module in place; return what was done."""
    codes = codes_of(script)
    found = [_run(Code(code.graph.copy(), code.module)) for code in codes]
    for code, changes in zip(codes, found, strict=True):
        if changes:
            _run(code)
            finish(code.graph)
    total = sum(found, Counter[tuple[str, str]]())
    return tuple(
        Repair(name, what, total[name, what])
        for name in REPAIRS
        for what in sorted(what for repaired, what in total if repaired == name)
    )


def _run(code: Code) -> Counter[tuple[str, str]]:
    """Inline a method and run every repair on it; return what they did, by name and words."""
    inline(code.graph)
    found: Counter[tuple[str, str]] = Counter()
    for name, it in REPAIRS.items():
        found.update({(name, what): count for what, count in it.run(code).items()})
    return found
