"""From models to a plan: everything up to the first compiled file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Final

from builder import VERSION
from builder.compilation.output import waiting
from builder.compilation.project import component_roots, render_objects
from builder.compilation.store import ObjectStore, open_store, preprocessor
from builder.foundation.process import Host
from builder.foundation.resources import DATA
from builder.libtorch.candidates import Group, find_candidates
from builder.libtorch.catalogue import PROMOTED, Catalogue, OperatorEntry
from builder.libtorch.codegen import generate_tree, read_catalogue
from builder.libtorch.cuts import Cut, active_cuts, feature_of
from builder.libtorch.flags import compile_flags, link_flags
from builder.libtorch.mangling import call_prefix
from builder.libtorch.symbols import Prediction, SymbolIndex, read_index
from builder.models.preflight.problems import refuse
from builder.models.selection import make_profile, with_classes
from builder.pipeline.request import Events
from builder.pipeline.wanted import Wanted
from builder.toolchains.protocol import ToolchainProvider
from builder.toolchains.table import provider_for
from builder.vocabulary.plan import BuildPlan, ObjectsPlan, SourceTree
from builder.vocabulary.targets import Target

ALWAYS: Final = (f"pytorch:{PROMOTED}",)
"""Files nothing refers to by name: their constructors register what the interpreter relies on."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and all that was read to make it."""

    plan: BuildPlan
    toolchain: ToolchainProvider
    catalogue: Catalogue
    groups: tuple[Group, ...]
    store: ObjectStore
    index: SymbolIndex
    prediction: Prediction
    cuts: tuple[Cut, ...]


def make_plan(  # noqa: PLR0917  one value of each stage before
    wanted: Wanted,
    source: SourceTree,
    target: Target,
    dtypes: frozenset[str] | None,
    host: Host,
    events: Events,
    *,
    provider: ToolchainProvider | None = None,
) -> Planned:
    """Everything up to the first compiled file: toolchain, generated tree, store, prediction."""
    provisional = wanted.selection(source.version)
    profile = make_profile(provisional, dtypes)
    events.step(f"preparing the toolchain for {target}")
    provider = provider or provider_for(target.platform)
    toolchain = provider.prepare(target, host)
    events.step("generating operator code")
    generated = generate_tree(source, profile, host)
    flags = compile_flags(profile.optimisation)
    objects = ObjectsPlan(source, generated, toolchain, profile, flags)
    plan = BuildPlan(VERSION, objects, provisional, link_flags())
    groups = find_candidates(component_roots(plan), target.abi, profile.backends)
    events.step("configuring the object store")
    project = render_objects(plan, groups)
    store = open_store(plan, groups, project, host, on_wait=waiting(events))
    catalogue = read_catalogue(source, generated, preprocessor(store, host), host)
    refuse(wanted.problems(source.version, catalogue), source.version)
    selection = wanted.selection(source.version, catalogue)
    plan = replace(plan, selection=with_classes(selection, catalogue))
    index = _shipped_index(plan).merged(read_index(learned_index(plan, host)))
    entries = [catalogue.entries[name] for name in sorted(selection.names)]
    cuts = active_cuts(plan.selection, catalogue)
    prediction = index.predict(
        always_linked(groups),
        _symbols(entries, index),
        lambda symbol: feature_of(symbol, cuts) is not None,
    )
    return Planned(plan, provider, catalogue, groups, store, index, prediction, cuts)


def always_linked(groups: Iterable[Group]) -> tuple[str, ...]:
    """Return the sources every runtime is linked from: our own C++ and what registers itself."""
    native = [f"native:{it}" for group in groups if group.name == "native" for it in group.sources]
    return (*ALWAYS, *native)


def _symbols(entries: Iterable[OperatorEntry], index: SymbolIndex) -> list[str]:
    """Return the names of the operators' kernels and call functions that the index knows."""
    return [
        *(entry.kernel for entry in entries if entry.kernel),
        *(
            symbol
            for entry in entries
            if entry.symbol
            for symbol in index.starting_with(call_prefix(entry.symbol))
        ),
    ]


def _shipped_index(plan: BuildPlan) -> SymbolIndex:
    """Return the index made of arm64 objects: needs hardly differ elsewhere.

    On 32-bit ABIs int64_t mangles otherwise, so what the prediction missed is searched there.
    """
    return reduce(SymbolIndex.merged, map(read_index, shipped_indexes(plan)))


def shipped_indexes(plan: BuildPlan) -> tuple[Path, ...]:
    """Return the files of the shipped index that apply; the last one knows the plan's objects best.

    Calls between operators lead elsewhere where they are resolved for several backends.
    """
    folder = DATA / plan.source.version
    quantized = "QuantizedCPU" in plan.profile.backends
    return tuple(
        folder / name
        for name in ("symbols.json.xz", *(["symbols-quantized.json.xz"] if quantized else []))
    )


def learned_index(plan: BuildPlan, host: Host) -> Path:
    """Return where what builds learned of these objects is kept."""
    return host.cache / "indexes" / f"{plan.target}-{plan.objects.fingerprint[:12]}.json.xz"
