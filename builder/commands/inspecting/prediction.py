"""From what is asked of a runtime to the size of its library, before anything is compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from builder.commands.inspecting.unlikeness import find_unlike, measured_as, unlike_target
from builder.foundation.resources import DATA
from builder.libtorch.catalogue import Catalogue
from builder.libtorch.closure.replacements import find_replacement
from builder.libtorch.closure.sizing.estimate import Asked, Estimate, estimate
from builder.libtorch.closure.sizing.graph import SizeGraph
from builder.libtorch.closure.sizing.naming import UPGRADERS, class_names, mangled, names_of
from builder.libtorch.closure.sizing.sections import INSTEAD
from builder.libtorch.closure.sizing.table import SizeTable, read_sizes
from builder.libtorch.cuts import active_cuts, feature_of, stand_ins
from builder.libtorch.flags import link_flags
from builder.models.selection import make_profile
from builder.pipeline.planning import Planned
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import ExtensionFile, Isa, Kernels, Messages, Profile
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the size of a library depends on.

    `sources` are bytes of sections by source, as the symbol index has them: by these the sources
    whose objects were never read are guessed. `extension` are the files of the user's own C++.
    `dtypes` and `messages` are those of the settings.
    """

    version: str
    target: Target
    selection: Selection
    catalogue: Catalogue
    isa: Isa
    kernels: Kernels
    sources: Mapping[str, int] = field(default_factory=dict)
    extension: tuple[ExtensionFile, ...] = ()
    dtypes: frozenset[str] | None = None
    messages: Messages = Messages.SHORT

    @property
    def profile(self) -> Profile:
        """What is wished of its objects."""
        return replace(make_profile(self.selection, self.dtypes), messages=self.messages)

    @property
    def quantized(self) -> bool:
        """Whether its objects are those of quantized models."""
        return "QuantizedCPU" in self.profile.backends


def question_of(planned: Planned) -> Question:
    """Return what the size of the library of a plan depends on."""
    plan = planned.plan
    return Question(
        version=plan.source.version, target=plan.target, selection=plan.selection,
        catalogue=planned.catalogue, isa=plan.isa, kernels=plan.kernels,
        sources=planned.prediction.sizes, extension=plan.extension,
        dtypes=plan.profile.dtypes, messages=plan.profile.messages,
    )  # fmt: skip


def predict_size(question: Question) -> Estimate | None:
    """Predict the size of a library; None where nothing is known of its source."""
    table = read_like(question)
    return None if table is None else _predict(question, table)


def read_like(question: Question) -> SizeTable | None:
    """Return what is known of objects like those that are asked about."""
    tables = (read_sizes(sizes_path(question, abi)) for abi in _LIKE[question.target.abi])
    return next((it for it in tables if it is not None and it.bases), None)


def sizes_path(question: Question, abi: Abi) -> Path:
    """Return where the size graph for the objects of an ABI is."""
    kind = "-quantized" if question.quantized else ""
    return DATA / question.version / f"sizes-{abi}{kind}.json.xz"


def word_size(target: Target) -> float:
    """Return the bytes that a word to relocate takes in the file, as we link."""
    packed = any(it.startswith("--pack-dyn-relocs=") for it in link_flags(target))
    return _PACKED if packed else _RELOCATION[abi_facts(target.abi).bits]


def _predict(question: Question, table: SizeTable) -> Estimate:
    own = measured_as(question.target)
    # what was measured on another platform, or of another ABI, is better than nothing
    known = own if own in table.bases else min(table.bases)
    asked = asked_of(question, table.graph)
    return estimate(
        table.graph, table.bases[known], asked, cutter(question),
        word=word_size(question.target), measured=known == own,
        measured_on=known,
        unlike=(*unlike_target(question.target, known), *find_unlike(question.profile)),
    )  # fmt: skip


def cutter(question: Question) -> Callable[[str], bool]:
    """Return which names of a size graph are cut: what a runtime lacks, and what it replaces."""
    cuts = active_cuts(question.selection, question.isa, question.extension)
    replacement = find_replacement(question.target.abi, question.kernels, stand_ins(cuts))

    @cache
    def is_cut(name: str) -> bool:
        symbol = mangled(name.removeprefix(INSTEAD))
        replaced = replacement(symbol) is not None
        if name.startswith(INSTEAD):
            return not replaced
        return replaced or feature_of(symbol, cuts) is not None

    return is_cut


def asked_of(question: Question, graph: SizeGraph) -> Asked:
    """Return what a library asks a size graph for."""
    selection, sizes = question.selection, question.sources
    entries = [question.catalogue.entries[it] for it in sorted(selection.names)]
    others = class_names(selection.classes)
    others |= frozenset({UPGRADERS} if selection.upgraders else ())
    known = sum(size for source, size in sizes.items() if source in graph.sources)
    return Asked(
        {str(it.name): names_of(it) for it in entries if names_of(it)},
        others,
        (sum(sizes.values()) - known) / max(known, 1),
    )
