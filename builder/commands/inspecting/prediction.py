"""From a plan to the size of its library, before anything is compiled."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.closure.sizing.estimate import Asked, Estimate, estimate
from builder.libtorch.closure.sizing.graph import SizeGraph
from builder.libtorch.closure.sizing.naming import UPGRADERS, class_names, mangled, names_of
from builder.libtorch.closure.sizing.table import SizeTable, read_sizes
from builder.libtorch.cuts import feature_of
from builder.pipeline.planning import Planned
from builder.vocabulary.plan import BuildPlan
from builder.vocabulary.targets import Abi, Target, abi_facts

_LIKE: Final[Mapping[Abi, tuple[Abi, ...]]] = {
    Abi.ARM64_V8A: (Abi.ARM64_V8A, Abi.X86_64),
    Abi.ARMEABI_V7A: (Abi.ARMEABI_V7A, Abi.ARM64_V8A, Abi.X86_64),
    Abi.X86: (Abi.X86, Abi.X86_64),
    Abi.X86_64: (Abi.X86_64,),
}
"""Whose objects tell most of those of an ABI; the first that were read are taken."""

_RELOCATION: Final = {64: 24.0, 32: 8.0}
"""Bytes that a word to relocate takes in a table of the linker (Rela and Rel), by its bits."""

_PACKED: Final = 0.5
"""The same where the table has a bit for each word: most of them are side by side (SHT_RELR)."""


def sizes_path(plan: BuildPlan, abi: Abi) -> Path:
    """Return where the size graph for the objects of a plan is, had they this ABI."""
    kind = "-quantized" if "QuantizedCPU" in plan.profile.backends else ""
    return DATA / plan.source.version / f"sizes-{abi}{kind}.json.xz"


def word_size(plan: BuildPlan) -> float:
    """Return the bytes that a word to relocate takes in the file, as a plan links."""
    packed = any("relr" in flag or flag == "--pack-dyn-relocs=android" for flag in plan.link)
    return _PACKED if packed else _RELOCATION[abi_facts(plan.target.abi).bits]


def measured_as(target: Target) -> str:
    """Return under which name a runtime of a target was measured."""
    return f"{target.platform}-{target.abi}"


def predict_size(planned: Planned) -> Estimate | None:
    """Predict the size of the library of a plan; None where nothing is known of its source."""
    table = read_like(planned.plan)
    return None if table is None else _predict(planned, table)


def read_like(plan: BuildPlan) -> SizeTable | None:
    """Return what is known of objects like those of a plan."""
    tables = (read_sizes(sizes_path(plan, abi)) for abi in _LIKE[plan.target.abi])
    return next((it for it in tables if it is not None and it.bases), None)


def _predict(planned: Planned, table: SizeTable) -> Estimate:
    own = measured_as(planned.plan.target)
    # what was measured on another platform, or of another ABI, is better than nothing
    base = table.bases.get(own) or table.bases[min(table.bases)]
    asked = asked_of(planned, table.graph)
    return estimate(
        table.graph, base, asked, cutter(planned),
        word=word_size(planned.plan), measured=own in table.bases,
    )  # fmt: skip


def cutter(planned: Planned) -> Callable[[str], bool]:
    """Return which names of a size graph a plan cuts."""
    return cache(lambda name: feature_of(mangled(name), planned.cuts) is not None)


def asked_of(planned: Planned, graph: SizeGraph) -> Asked:
    """Return what a plan asks a size graph for."""
    selection = planned.plan.selection
    entries = [planned.catalogue.entries[it] for it in sorted(selection.names)]
    others = class_names(selection.classes)
    others |= frozenset({UPGRADERS} if selection.upgraders else ())
    sizes = planned.prediction.sizes
    known = sum(size for source, size in sizes.items() if source in graph.sources)
    return Asked(
        {str(it.name): names_of(it) for it in entries if names_of(it)},
        others,
        (sum(sizes.values()) - known) / max(known, 1),
    )
