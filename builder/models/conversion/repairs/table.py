"""Every repair, and how they are applied: to the methods that an app can call, after inlining.

A method that needs none keeps its graph, so that its bytes are those torch writes on its own.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from builder.models.conversion.repairs.blocks import remove_blocks
from builder.models.conversion.repairs.containers import branch_by_index
from builder.models.conversion.repairs.devices import move_to_cpu
from builder.models.conversion.repairs.forks import run_inline
from builder.models.conversion.repairs.graphs import Code, codes_of, finish, inline
from builder.models.conversion.repairs.interfaces import call_directly, refuse_unknown_modules
from builder.models.conversion.repairs.padding import mask_instead
from builder.models.conversion.repairs.pairs import fill_one_by_one
from builder.models.conversion.repairs.stand_ins.enumerations import name_members, refuse_members
from builder.models.conversion.repairs.stand_ins.named_tuples import forget_names
from builder.models.conversion.repairs.stand_ins.objects import list_attributes
from builder.models.conversion.repairs.wrapped_numbers import make_numbers
from builder.models.formats import places
from builder.vocabulary.models import Repair


@dataclass(frozen=True, slots=True)
class GraphRepair:
    """A kind of repair. `says` is a sentence for people; `run` returns what it did how often."""

    says: str
    run: Callable[[Code], Counter[str]]


REPAIRS: Final[Mapping[str, GraphRepair]] = {
    "containers": GraphRepair(
        "Modules that are chosen by index are called in a branch of their own each.",
        branch_by_index,
    ),
    "interfaces": GraphRepair(
        "Calls through a `torch.jit.interface` call the module that is there.", call_directly
    ),
    "forks": GraphRepair(
        "`torch.jit.fork` and `wait` run inline: the work is done where it begins.", run_inline
    ),
    "blocks": GraphRepair(
        "Blocks of `no_grad`, `record_function` and a GPU's `autocast` go: they say nothing to a"
        " runtime.",
        remove_blocks,
    ),
    "enumerations": GraphRepair(
        "Members of an `Enum` that code compares become their names.", name_members
    ),
    "objects": GraphRepair(
        "Objects of scripted classes become lists of their attributes.", list_attributes
    ),
    "tuples": GraphRepair(
        "Named tuples inside of other types, and `PackedSequence`, become plain tuples.",
        forget_names,
    ),
    places.NAME: GraphRepair(
        "Devices that code names become `cpu`, be it a GPU or Vulkan.",
        move_to_cpu,
    ),
    "numbers": GraphRepair(
        "Numbers that a trace keeps as tensors are numbers again, so that the dtypes of answers are"
        " those of TorchScript.",
        make_numbers,
    ),
    "pairs": GraphRepair(
        "`OrderedDict([(key, value), …])` is filled one pair after the other.", fill_one_by_one
    ),
    "padding": GraphRepair(
        "`nn.TransformerEncoder` masks what is padded, where it would make a nested tensor.",
        mask_instead,
    ),
}
"""In the order in which they run, until there is nothing left to do for any."""


def repair(script: Any) -> tuple[Repair, ...]:  # noqa: ANN401  a torch.jit.ScriptModule
    """Repair the methods of a loaded module in place; return what was done.

    Raise `ValueError` for what a lite interpreter would only refuse while it runs.
    """
    codes = codes_of(script)
    trials = [replace(code, graph=code.graph.copy()) for code in codes]
    found = [_run(trial) for trial in trials]
    for trial in trials:
        refuse_unknown_modules(trial)
        refuse_members(trial)
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


def run_here(script: Any) -> None:  # noqa: ANN401  a torch.jit.ScriptModule
    """Let `forward` of a loaded module name no device that this machine lacks."""
    for code in codes_of(script):
        if code.name == "forward":
            trial = replace(code, graph=code.graph.copy())
            inline(trial.graph)
            if move_to_cpu(trial):
                inline(code.graph)
                move_to_cpu(code)


def _run(code: Code) -> Counter[tuple[str, str]]:
    """Inline a method and run every repair on it; return what they did, by name and words."""
    inline(code.graph)
    found: Counter[tuple[str, str]] = Counter()
    while changes := _once(code):  # what one repair put in place may need another
        found += changes
    return found


def _once(code: Code) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (name, what): count
            for name, it in REPAIRS.items()
            for what, count in it.run(code).items()
        }
    )
