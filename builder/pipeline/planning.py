"""From models to a plan: everything up to the first compiled file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Final

from builder import VERSION
from builder.compilation.dependence import Candidates
from builder.compilation.output import telling
from builder.compilation.sharing import candidates_of, find_store
from builder.compilation.store import ObjectStore, preprocessor
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.files import OnWait
from builder.foundation.process import Host
from builder.foundation.resources import DATA
from builder.foundation.settings import BuildSettings
from builder.libtorch.candidates import Group
from builder.libtorch.catalogue import PROMOTED, Catalogue, OperatorEntry
from builder.libtorch.closure.replacements import FindReplacement, find_replacement, without_kernels
from builder.libtorch.codegen import generate_tree, read_catalogue
from builder.libtorch.cuts import Cut, active_cuts, feature_of, stand_ins
from builder.libtorch.flags import compile_flags, extension_flags, link_flags
from builder.libtorch.mangling import call_prefix
from builder.libtorch.symbols import Prediction, SymbolIndex, read_index
from builder.models.preflight.problems import refuse
from builder.models.selection import make_profile, with_classes
from builder.pipeline.request import Events
from builder.pipeline.wanted import Wanted
from builder.toolchains.protocol import ToolchainProvider
from builder.toolchains.table import provider_for
from builder.vocabulary.plan import (
    BASE_BACKENDS,
    BuildPlan,
    ObjectsPlan,
    Profile,
    SourceTree,
    Toolchain,
)
from builder.vocabulary.targets import Target

ALWAYS: Final = (f"pytorch:{PROMOTED}",)
"""Files nothing refers to by name: their constructors register what the interpreter relies on."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and all that was read to make it."""

    plan: BuildPlan
    toolchain: ToolchainProvider
    catalogue: Catalogue
    candidates: Candidates
    store: ObjectStore
    index: SymbolIndex
    prediction: Prediction
    cuts: tuple[Cut, ...]
    replacement: FindReplacement
    extension: Extension = NOTHING


def make_plan(  # noqa: PLR0917  one value of each stage before
    wanted: Wanted,
    source: SourceTree,
    target: Target,
    settings: BuildSettings,
    host: Host,
    events: Events,
    *,
    provider: ToolchainProvider | None = None,
) -> Planned:
    """Everything up to the first compiled file: toolchain, generated tree, stores, prediction.

    Nothing is compiled, and no build is waited for. Where the source has operators we do not know,
    the stores are configured to read them.
    """
    on_wait = telling(events)
    provisional = wanted.selection(source.version)
    profile = replace(make_profile(provisional, settings.dtypes), messages=settings.messages)
    events.step(f"preparing the toolchain for {target}")
    provider = provider or provider_for(target.platform, settings)
    toolchain = provider.prepare(target, host, on_wait)
    events.step("generating operator code")
    objects, base = (
        _objects(source, toolchain, it, host, on_wait)
        for it in (profile, replace(profile, backends=BASE_BACKENDS))
    )
    plan = BuildPlan(
        VERSION, objects, provisional, link_flags(target),
        kernels=settings.kernels, isa=settings.isa.resolved(settings.optimize),
    )  # fmt: skip
    events.step("finding the sources that builds share")
    every = candidates_of(objects)
    store = find_store(plan, base, every, host)
    candidates = replace(every, groups=without_kernels(every.groups, target.abi, plan.kernels))
    preprocess = preprocessor(store, host, on_wait)
    known = read_catalogue(source, objects.generated, preprocess, host)
    catalogue = wanted.extension.extend(known.usable(plan.kernels))
    refuse(wanted.problems(source.version, catalogue), source.version)
    selection = wanted.selection(source.version, catalogue)
    plan = replace(plan, selection=with_classes(selection, catalogue))
    extension = wanted.extension if wanted.own_called else NOTHING
    if extension.sources:
        flags = extension_flags(profile, target.platform)
        plan = replace(plan, extension=extension.files, extension_flags=flags)
    indexes = (*shipped_indexes(plan), *learned_indexes(plan, host))
    index = reduce(SymbolIndex.merged, map(read_index, indexes)).of(candidates.names)
    entries = [catalogue.entries[name] for name in sorted(selection.names)]
    cuts = active_cuts(plan.selection, plan.isa, plan.extension)
    replacement = find_replacement(target.abi, plan.kernels, stand_ins(cuts))
    prediction = index.predict(
        always_linked(candidates.groups),
        _symbols(entries, index),
        lambda symbol: feature_of(symbol, cuts) is not None,
        replacement,
    )
    holding = {entry.definer for entry in entries if entry.place}
    prediction = replace(prediction, sources=(*prediction.sources, *sorted(holding)))
    return Planned(
        plan, provider, catalogue, candidates, store, index, prediction, cuts, replacement,
        extension,
    )  # fmt: skip


def _objects(
    source: SourceTree, toolchain: Toolchain, profile: Profile, host: Host, on_wait: OnWait
) -> ObjectsPlan:
    generated = generate_tree(source, profile, host, on_wait)
    flags = compile_flags(profile, toolchain.target.platform)
    return ObjectsPlan(source, generated, toolchain, profile, flags)


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


def shipped_indexes(plan: BuildPlan) -> tuple[Path, ...]:
    """Return the files of the shipped index that apply; the last one knows the plan's objects best.

    They are made of arm64 objects: needs hardly differ elsewhere. On 32-bit ABIs int64_t mangles
    otherwise, so what the prediction missed is searched there. Calls between operators lead
    elsewhere where they are resolved for several backends.
    """
    folder = DATA / plan.source.version
    quantized = "QuantizedCPU" in plan.profile.backends
    return tuple(
        folder / name
        for name in ("symbols.json.xz", *(["symbols-quantized.json.xz"] if quantized else []))
    )


def learned_indexes(plan: BuildPlan, host: Host) -> tuple[Path, ...]:
    """Return where what builds learned is kept: for any dtypes, then for those of the plan."""
    return tuple(
        host.cache / "indexes" / f"{plan.target}-{objects.fingerprint[:12]}.json.xz"
        for objects in (plan.objects.for_any_dtypes(), plan.objects)
    )
