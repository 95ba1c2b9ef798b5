"""Every rewrite for speed, and how they are applied: to all methods of a frozen copy, in order.

A module that gains nothing, or that would answer otherwise, stays as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from builder.models.conversion.repairs.graphs import Code, codes_of, finish
from builder.models.conversion.rewrites.agreement import cases_for, differs
from builder.models.conversion.rewrites.batches import take_images, tell_dimensions
from builder.models.conversion.rewrites.cleaning import clean
from builder.models.conversion.rewrites.folding import fold
from builder.models.conversion.rewrites.freezing import RefusedError, freeze, refuse_training
from builder.models.conversion.rewrites.layout import lay_out
from builder.models.conversion.rewrites.packing import pack
from builder.models.conversion.rewrites.unpacking import keep, unpack
from builder.models.prepacked.contexts import Context
from builder.models.prepacked.operators import register
from builder.vocabulary.models import Repair


@dataclass(frozen=True, slots=True)
class GraphRewrite:
    """A kind of rewrite of a method.

    `says` is a sentence for people; `run` returns what it did how often.
    """

    name: str
    says: str
    run: Callable[[Code], Counter[str]]


BEFORE: Final = (
    GraphRewrite(
        "unpacking",
        "What `optimize_for_mobile` packed is unpacked, to be rewritten as any other model.",
        unpack,
    ),
    GraphRewrite("cleaning", "Dropout goes, and branches that are never taken.", clean),
    GraphRewrite(
        "folding",
        "Batch norm becomes part of the weights of the convolution before it.",
        fold,
    ),
)
"""In the order in which they run, before anything is packed."""

PACKING: Final = "packing"
PACKING_SAYS: Final = (
    "Convolutions and linear layers run on packed weights; `relu` and other limits become part of"
    " them."
)
AFTER: Final = (
    GraphRewrite(
        "layout",
        "Between convolutions, images have their channels last, so that nothing is converted.",
        lay_out,
    ),
    GraphRewrite(
        "dimensions",
        "Where images must come in a batch, code does not ask how many dimensions they have.",
        tell_dimensions,
    ),
    GraphRewrite(
        "batches",
        "A packed convolution adds a batch of one to an image without, where the model takes such.",
        take_images,
    ),
)
"""In the order in which they run, after everything is packed."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A rewritten copy of a module. `classes` says which context each new attribute is."""

    script: Any
    classes: Mapping[str, Context]
    changes: tuple[Repair, ...] = ()


def rewrite(script: Any, names: Iterable[str]) -> Rewritten:  # noqa: ANN401  a torch.jit.ScriptModule
    """Return a faster copy of a module whose attributes have these names.

    Raise `RefusedError` that says why it has to stay as it is.
    """
    register()
    refuse_training(script)
    frozen = freeze(script, names)
    codes = codes_of(frozen)
    changes = [change for it in BEFORE for change in _run(it, codes)]
    cases = cases_for(frozen)
    packed = pack(codes)
    if not packed.classes:
        message = "it has no convolution and no linear layer whose weights are known and read once"
        raise RefusedError(message)
    changes += _counted(PACKING, packed.found)
    changes += (change for it in AFTER for change in _run(it, codes))
    for code in codes:
        finish(code.graph)
    if difference := differs(script, frozen, cases):
        raise RefusedError(difference)
    return Rewritten(frozen, packed.classes, tuple(changes))


def keep_packed(script: Any, names: Iterable[str]) -> Rewritten:  # noqa: ANN401
    """Return a copy of a module with packed weights that can be saved, and is not faster.

    Raise `RefusedError` where torch cannot freeze it.
    """
    frozen = freeze(script, names)
    codes = codes_of(frozen)
    packed = keep(codes)
    for code in codes:
        finish(code.graph)
    return Rewritten(frozen, packed.classes)


def _run(kind: GraphRewrite, codes: Iterable[Code]) -> Iterator[Repair]:
    found = sum(map(kind.run, codes), Counter[str]())
    return _counted(kind.name, found)


def _counted(name: str, found: Counter[str]) -> Iterator[Repair]:
    return (Repair(name, what, found[what]) for what in sorted(found))
