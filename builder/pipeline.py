"""The order of the stages: the only composition."""

import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

from builder import VERSION
from builder.build import BuildOutput, ObjectStore, build_runtime, open_store
from builder.build.output import BuildProgress
from builder.build.runtime import Demand
from builder.build.store import preprocessor
from builder.candidates import Group, find_candidates
from builder.catalogue import Catalogue, OperatorEntry
from builder.closure.libraries import provided_symbols
from builder.closure.objects import read_object
from builder.codegen import generate_tree, read_catalogue
from builder.cuts import Cut, active_cuts, feature_of
from builder.errors import ToolchainError, UsageError, VerificationError
from builder.files import check_writable, locked, new_directory, sha256_file, write_atomic
from builder.generate import component_roots, render_cuts, render_objects, render_runtime
from builder.introspect import read_model
from builder.model import (
    Abi,
    BuildPlan,
    Model,
    Platform,
    SourceTree,
    Target,
    fingerprint,
)
from builder.package import (
    BuildFacts,
    Bundle,
    Check,
    Contents,
    Outcome,
    Tolerance,
    describe_model,
    manifest,
    package,
)
from builder.policy import check_policy
from builder.process import Host
from builder.report import measure, to_json, to_text
from builder.resources import CMAKE, DATA, NATIVE, TEMPLATES
from builder.search import SourceSearch
from builder.selection import check, make_profile, select, to_yaml
from builder.source import Progress, SourceRequest, open_source
from builder.symbols import Prediction, SymbolIndex, condense, read_index
from builder.targets import make_target
from builder.toolchain import find_zig, prepare
from builder.verify import (
    TOLERANCES,
    InputSpec,
    find_executor,
    registered_operators,
    run_model,
)

ALWAYS: Final = ("pytorch:torch/csrc/jit/mobile/promoted_prim_ops.cpp",)
"""Files nothing refers to by name: their constructors register what the interpreter relies on."""

_UNFILTERED: Final = "prim::tolist"
"""Registered by register_prim_ops.cpp without asking the allow-list, as it has no schema."""

_EXPORT: Final = re.compile(r"^\s+(br_\w+);$", re.MULTILINE)


class Events(Progress, BuildProgress, Protocol):
    """Everything a run reports while it works."""

    def note(self, text: str) -> None:
        """Say something the user should know, in one line."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for. `inputs` has one entry per model, in order."""

    models: tuple[Path, ...]
    abis: tuple[Abi, ...]
    platform: str
    output: Path
    source: SourceRequest
    dtypes: frozenset[str] | None
    inputs: tuple[InputSpec, ...]
    verify: bool
    require_run: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and all that was read to make it."""

    plan: BuildPlan
    catalogue: Catalogue
    groups: tuple[Group, ...]
    store: ObjectStore
    index: SymbolIndex
    prediction: Prediction
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """What one target ended with. `summary` is plain data for `--json`; `text` is for people."""

    target: Target
    archive: Path
    prefix: Path
    summary: dict[str, Any]
    text: str
    reused: bool


def run(request: Request, host: Host, events: Events) -> tuple[Built, ...]:
    """Build, verify and package every target of a request."""
    check_writable(request.output)
    events.step("reading models")
    models = read_models(request.models, host)
    targets = find_targets(request, events)
    source = open_source(request.source, host, events)
    built: list[Built] = []
    for target in targets:
        name = _request_name(request, models, source, target, host)
        built.append(
            _recall(name, request, target, host)
            or _build_target(request, models, source, target, name, host, events)
        )
    return tuple(built)


def find_targets(request: Request, events: Events) -> tuple[Target, ...]:
    """Return the targets of a request; `auto` is Linux, as this release drives no NDK."""
    platform = request.platform
    if platform == "auto":
        events.note("platform: linux, built with the pip-installed zig (no Android NDK was found)")
        platform = "linux"
    if platform != "linux":
        raise ToolchainError(
            f"no toolchain for {platform}: this release drives the pip-installed zig only",
            hint="build for Linux: --platform linux     (an NDK will be driven by a later release)",
        )
    return tuple(make_target(Platform(platform), abi) for abi in request.abis)


def read_models(paths: Iterable[Path], host: Host) -> tuple[Model, ...]:
    """Read all models; raise `UsageError` when two have one name, as their files would collide."""
    models = tuple(read_model(path, host) for path in paths)
    names = [model.name for model in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"two models are named {', '.join(twice)}",
            hint="rename one file: in a runtime the name tells models apart",
        )
    return models


def make_plan(  # noqa: PLR0917  one value of each stage before
    models: tuple[Model, ...],
    source: SourceTree,
    target: Target,
    dtypes: frozenset[str] | None,
    host: Host,
    events: Events,
) -> Planned:
    """Everything up to the first compiled file: toolchain, generated tree, store, prediction."""
    selection = select(models)
    profile = make_profile(selection, dtypes)
    events.step(f"preparing the toolchain for {target}")
    toolchain = prepare(target, host)
    events.step("generating operator code")
    generated = generate_tree(source, profile, host)
    plan = BuildPlan(VERSION, target, source, generated, toolchain, profile, selection)
    roots = component_roots(plan)
    groups = find_candidates(roots, target.abi)
    events.step("configuring the object store")
    store = open_store(plan, groups, render_objects(plan, groups), roots, host)
    catalogue = read_catalogue(source, generated, preprocessor(store, host), host)
    check(models, catalogue)
    index = read_index(_shipped_index(plan)).merged(read_index(_learned_index(plan, host)))
    entries = [catalogue.entries[name] for name in sorted(selection.names)]
    cuts = active_cuts(selection, catalogue)
    prediction = index.predict(
        _always(groups),
        _symbols(entries, index),
        lambda symbol: feature_of(symbol, cuts) is not None,
    )
    return Planned(plan, catalogue, groups, store, index, prediction, cuts)


def _always(groups: Iterable[Group]) -> tuple[str, ...]:
    native = [f"native:{it}" for group in groups if group.name == "native" for it in group.sources]
    return (*ALWAYS, *native)


def _symbols(entries: Iterable[OperatorEntry], index: SymbolIndex) -> list[str]:
    """Return the mangled names of the operators' call functions that the index knows."""
    return [
        symbol
        for entry in entries
        if entry.symbol
        for symbol in index.starting_with(f"_ZN2at4_ops{len(entry.symbol)}{entry.symbol}4callE")
    ]


def compile_plan(planned: Planned, known: BuildFacts, host: Host, events: Events) -> BuildOutput:
    """Compile and link what was planned."""
    definers = planned.index.definers()
    roots = component_roots(planned.plan)
    provided = provided_symbols(planned.plan.toolchain.libraries)
    search = SourceSearch(planned.groups, roots, provided)
    demand = Demand(
        always=_always(planned.groups),
        predicted=planned.prediction.sources,
        known_definers=lambda symbol: (definers[symbol],) if symbol in definers else (),
        search=search.definers,
        feature_of=lru_cache(maxsize=None)(lambda symbol: feature_of(symbol, planned.cuts)),
        render_cuts=lambda features: render_cuts(planned.plan.tool, features),
    )
    # the text inside the library leaves the models out: new weights must not make a new library
    files = render_runtime(planned.plan, planned.catalogue, manifest(replace(known, models=())))
    output = build_runtime(planned.plan, planned.store, files, demand, host, events)
    if set(output.sources) != set(planned.prediction.sources) | set(demand.always):
        _learn(planned, output, host)
    return output


def _shipped_index(plan: BuildPlan) -> Path:
    """Return the index made of arm64 objects: needs hardly differ elsewhere.

    On 32-bit ABIs int64_t mangles otherwise, so what the prediction missed is searched there.
    """
    return DATA / plan.source.version / "symbols.json.xz"


def _learned_index(plan: BuildPlan, host: Host) -> Path:
    return host.cache / "indexes" / f"{plan.target}-{plan.objects_fingerprint[:12]}.json.xz"


def _learn(planned: Planned, output: BuildOutput, host: Host) -> None:
    """Remember what this build found out: the next prediction for these objects is exact."""
    path = _learned_index(planned.plan, host)
    with locked(path.with_suffix(".lock")):
        store = planned.store
        objects = {
            source: store.object_of(source)
            for source in (*output.sources, *read_index(path).files)
            if source in store.outputs
        }
        graphs = {source: read_object(found) for source, found in objects.items() if found.exists()}
        learned = condense(graphs, known=planned.index.definers(), whole=_always(planned.groups))
        write_atomic(path, learned.to_bytes())


def _build_target(  # noqa: PLR0917  one value of each stage before
    request: Request,
    models: tuple[Model, ...],
    source: SourceTree,
    target: Target,
    name: str,
    host: Host,
    events: Events,
) -> Built:
    planned = make_plan(models, source, target, request.dtypes, host, events)
    known = BuildFacts(planned.plan, tuple(describe_model(model) for model in models))
    output = compile_plan(planned, known, host, events)
    events.step("verifying")
    checks = verify(request, models, planned, output, host, events)
    events.step("measuring and packaging")
    roots = tuple((str(path), name) for name, path in component_roots(planned.plan).items())
    size = measure(output.library, output.link_map, target, roots)
    bundle = package(
        Contents(
            target=target,
            version=VERSION,
            library=output.library,
            header=NATIVE / "include" / "build_runtime.h",
            program=output.program,
            models=tuple((model.name, model.path) for model in models),
            licences=find_licences(planned.plan),
            selected_operators=to_yaml(planned.plan.selection, planned.plan.profile),
            size=size,
            size_json=to_json(size),
            size_text=to_text(size),
        ),
        known,
        checks=checks,
        tolerances=tuple(
            Tolerance(dtype, limit.relative, limit.absolute) for dtype, limit in TOLERANCES.items()
        ),
        destination=request.output,
    )
    prefix = request.output / str(target)
    with new_directory(prefix) as scratch, tarfile.open(bundle.archive) as archive:
        archive.extractall(scratch)  # noqa: S202  we wrote it a moment ago
    summary = _summary(planned, output, bundle, checks, size.stripped, size.download)
    built = Built(target, bundle.archive, prefix, summary, to_text(size, top=12), reused=False)
    _remember(name, built, bundle, host)
    return built


def verify(  # noqa: PLR0917  one value of each stage before
    request: Request,
    models: tuple[Model, ...],
    planned: Planned,
    output: BuildOutput,
    host: Host,
    events: Events,
) -> tuple[Check, ...]:
    """Check the library, run the models; raise `VerificationError` with everything that failed."""
    target = planned.plan.target
    exports = frozenset(_EXPORT.findall((NATIVE / "build_runtime.map").read_text()))
    forbidden = tuple(str(path) for path in (host.cache, NATIVE.parent, Path.home()))
    broken = check_policy(output.library, target, exports=exports, forbidden_paths=forbidden)
    if broken:
        raise VerificationError(
            "the library breaks the rules for what may ship:\n    " + "\n    ".join(broken),
            hint=f"it is kept at {output.library}",
        )
    checks = [Check("elf policy", Outcome.PASSED)]
    if not request.verify:
        events.note("the models were not run: --no-verify")
        return (*checks, Check("run", Outcome.SKIPPED, reason="--no-verify"))
    executor = find_executor(target, host)
    if isinstance(executor, str):
        if request.require_run:
            raise VerificationError(
                f"the models cannot be run for {target}: {executor}",
                hint="install the emulator, or leave --require-run out",
            )
        events.note(f"the models were not run: {executor}")
        return (*checks, Check("run", Outcome.SKIPPED, reason=executor))
    _check_registry(planned, registered_operators(executor, output.program, host), output)
    checks.append(Check("registered operators", Outcome.PASSED, runner=executor.how))
    problems: list[str] = []
    for model, spec in zip(models, request.inputs, strict=True):
        result = run_model(model, spec, executor, output.program, host)
        problems += [f"{model.name}: {difference}" for difference in result.differences]
        if result.cases:
            checks.append(
                Check("outputs", Outcome.PASSED, "", model.name, executor.how, result.cases)
            )
            continue
        reason = "loaded, but not run: no inputs were given and none are bundled"
        if request.require_run:
            problems.append(f"{model.name}: {reason}")
        events.note(f"{model.name}: {reason} (--input FILE or --input-shape 1,3,224,224)")
        checks.append(Check("outputs", Outcome.SKIPPED, reason, model.name, executor.how))
    if problems:
        raise VerificationError(
            f"the runtime for {target} does not answer as desktop torch does:\n    "
            + "\n    ".join(problems),
            hint="if a kernel misses a dtype, add it with --dtypes; the library is kept at"
            f" {output.library}",
        )
    return tuple(checks)


def _check_registry(planned: Planned, registered: frozenset[str], output: BuildOutput) -> None:
    """Compare what is registered with what was selected; the interpreter has a few itself."""
    selected = {str(name) for name in planned.plan.selection.names}
    builtin = {str(name) for name in planned.catalogue.builtin} | {_UNFILTERED}
    missing = sorted(selected - registered)
    extra = sorted(registered - selected - builtin)
    if missing or extra:
        lines = [f"selected but not registered: {it}" for it in missing]
        lines += [f"registered but not selected: {it}" for it in extra]
        raise VerificationError(
            "the operators in the library are not those selected:\n    " + "\n    ".join(lines),
            hint=f"please report it; the library is kept at {output.library}",
        )


def find_licences(plan: BuildPlan) -> tuple[tuple[str, Path], ...]:
    """Return the licence texts of the components, which binary distributions must carry."""
    found: list[tuple[str, Path]] = []
    for component in plan.source.components:
        texts = sorted(
            path
            for path in component.root.iterdir()
            if path.is_file()
            and re.match(r"(LICENSE|LICENCE|COPYING|NOTICE)", path.name, re.IGNORECASE)
        )
        found += [(component.name, path) for path in texts]
    return tuple(found)


def _summary(  # noqa: PLR0917  one value of each stage before
    planned: Planned,
    output: BuildOutput,
    bundle: Bundle,
    checks: tuple[Check, ...],
    stripped: int,
    download: int,
) -> dict[str, Any]:
    return {
        "target": str(planned.plan.target),
        "archive": str(bundle.archive),
        "archive_bytes": bundle.size,
        "archive_sha256": bundle.sha256,
        "library_bytes": stripped,
        "library_download_bytes": download,
        "operators": [str(name) for name in sorted(planned.plan.selection.names)],
        "objects": {
            "linked": output.objects,
            "compiled": output.compiled,
            "reused": output.reused,
        },
        "seconds": round(output.seconds, 1),
        "checks": [
            {
                "name": it.name, "outcome": it.outcome.value, "reason": it.reason,
                "model": it.model, "runner": it.runner, "cases": it.cases,
            }
            for it in checks
        ],
    }  # fmt: skip


def _request_name(
    request: Request, models: tuple[Model, ...], source: SourceTree, target: Target, host: Host
) -> str:
    """Name everything that decides a result, so that an equal request can be answered at once.

    How programs run here is part of it: an emulator that comes later makes a skipped run possible.
    """
    executor = find_executor(target, host)
    own = [
        sha256_file(path)
        for folder in (CMAKE, NATIVE, TEMPLATES, Path(__file__).parent)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]
    return fingerprint(
        own=own,
        zig=find_zig().version,
        target=str(target),
        source=source.digest,
        models=[[model.name, model.sha256, sha256_file(model.source)] for model in models],
        dtypes=sorted(request.dtypes) if request.dtypes is not None else None,
        inputs=[
            [[sha256_file(path) for path in it.files], it.shapes, it.dtypes, it.bundled]
            for it in request.inputs
        ],
        verify=[request.verify, request.require_run],
        runs=executor if isinstance(executor, str) else executor.how,
        output=str(request.output.resolve()),
    )


def _recall(name: str, request: Request, target: Target, host: Host) -> Built | None:
    """Return the result of an equal request, if every file it wrote is still what it was."""
    path = host.cache / "results" / f"{name}.json"
    if not path.is_file():
        return None
    known = json.loads(path.read_text())
    for written, digest in known["files"].items():
        if not Path(written).is_file() or sha256_file(Path(written)) != digest:
            return None
    archive = Path(known["summary"]["archive"])
    prefix = request.output / str(target)
    return Built(target, archive, prefix, known["summary"], known["text"], reused=True)


def _remember(name: str, built: Built, bundle: Bundle, host: Host) -> None:
    written = [bundle.archive, *(path for path in built.prefix.rglob("*") if path.is_file())]
    document = {
        "files": {str(path.resolve()): sha256_file(path) for path in sorted(written)},
        "summary": built.summary,
        "text": built.text,
    }
    write_atomic(host.cache / "results" / f"{name}.json", json.dumps(document, indent=1))
