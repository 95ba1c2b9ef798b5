"""What goes into archives of any kind, and what is told of each target."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from builder import VERSION
from builder.artifact.manifest import ResultFacts
from builder.artifact.staging import Bundle, Contents
from builder.compilation.project import shown_roots
from builder.compilation.shared.launching.session import Launched
from builder.foundation.elf import read_elf
from builder.foundation.machine import processor_features
from builder.foundation.resources import NATIVE
from builder.libtorch.flags import paired
from builder.models.lists.resolving import from_selection
from builder.models.lists.writing import to_yaml
from builder.pipeline.packing.inside import find_parts
from builder.pipeline.proving import Proven, holdings
from builder.pipeline.request import Made, Request
from builder.proof.compare import tolerances
from builder.proof.instruction_sets import instruction_sets
from builder.report.document import to_json
from builder.report.measure import Asked, measure
from builder.report.page import Compared, to_html
from builder.report.render import to_text
from builder.vocabulary.plan import BuildPlan
from builder.vocabulary.sizes import Fact, SizeReport


def measured(proven: Proven) -> SizeReport:
    """Return where the bytes of a library went."""
    plan, output = proven.planned.plan, proven.output
    asked = Asked(
        {str(it.name): it.models for it in plan.selection.operators}, tuple(facts_of(plan))
    )
    return measure(output.library, output.link_map, plan.target, shown_roots(plan), asked)


def facts_of(plan: BuildPlan) -> Iterator[Fact]:
    """Yield what decides the size besides the operators, so that a change of it can be told."""
    compiler, profile = plan.toolchain.compiler, plan.profile
    yield Fact("build-runtime", plan.tool)
    yield Fact("source", f"PyTorch {plan.source.version} ({plan.source.digest[:12]})")
    yield Fact("compiler", f"{compiler.name} {compiler.version} (clang {plan.toolchain.clang})")
    yield Fact("dtypes", ", ".join(sorted(profile.dtypes)))
    yield Fact("backends", ", ".join(profile.backends))
    yield Fact("messages", profile.messages)
    yield Fact("kernels", plan.kernels)
    yield Fact("isa", plan.isa)
    yield Fact("definitions", " ".join(plan.objects.flags.definitions))
    for kind in plan.objects.flags.kinds:
        yield Fact(f"flags of {kind.kind}", " ".join((*kind.options, *kind.cxx)))
    yield Fact("flags of the linker", " ".join(plan.link))


def contents_of(proven: Proven, size: SizeReport) -> Contents:
    """Return what goes into the archive for one target."""
    plan, output = proven.planned.plan, proven.output
    return Contents(
        target=plan.target,
        version=VERSION,
        library=output.library,
        header=NATIVE / "include" / "build_runtime.h",
        program=output.program,
        benchmark=output.benchmark,
        models=tuple((model.name, model.path) for model in proven.models),
        parts=find_parts(proven.planned, output, size),
        selected_operators=selection_text(plan),
        size=size,
        size_json=to_json(size),
        size_text=to_text(size),
        size_html=to_html([Compared(size)]),
        java=proven.java,
    )


def result_of(proven: Proven, request: Request, size: SizeReport) -> ResultFacts:
    """Return what is known of a library since it was linked and proven."""
    output, line = proven.output, proven.output.link_line
    return ResultFacts(
        build_id=read_elf(output.library).build_id,
        flags=output.flags,
        link=(
            *paired((*proven.planned.plan.link, *line.flags)),
            *(it.name for it in line.libraries),
        ),
        instruction_sets=instruction_sets(
            proven.planned.candidates.groups, output.linked, proven.checks, processor_features()
        ),
        size=size,
        holdings=holdings(proven.planned),
        checks=proven.checks,
        tolerances=tolerances(request.limits),
        rewrite=request.conversion,
        jdk=None if proven.java is None else proven.java.jdk,
    )


def selection_text(plan: BuildPlan) -> str:
    """Return the operators of a plan as a list that builds take instead of models."""
    dtypes = ", ".join(sorted(plan.profile.dtypes))
    return to_yaml(from_selection(plan.selection), comment=f"dtypes of the kernels: {dtypes}")


def made_of(proven: Proven, bundle: Bundle, size: SizeReport) -> Made:
    """Return what is told of one target, and of the archive it is in."""
    return Made(proven.target, _summary(proven, bundle, size), to_text(size, top=12))


def _launcher(launched: Launched) -> dict[str, Any]:
    told = launched.statistics
    return {
        "name": launched.name,
        "statistics": None if told is None else asdict(told),
        "trouble": launched.trouble,
    }


def _summary(proven: Proven, bundle: Bundle, size: SizeReport) -> dict[str, Any]:
    plan, output = proven.planned.plan, proven.output
    return {
        "target": str(plan.target),
        "archive": str(bundle.archive),
        "archive_bytes": bundle.size,
        "archive_sha256": bundle.sha256,
        "models": [
            {
                "name": it.name,
                "repairs": [repair.document() for repair in it.repairs],
                "rewrites": [rewrite.document() for rewrite in it.rewrites],
                "notes": list(it.notes),
            }
            for it in proven.models
        ],
        "library_bytes": size.stripped,
        "library_download_bytes": size.download,
        "operators": [str(name) for name in sorted(plan.selection.names)],
        "objects": {
            "linked": output.objects,
            "compiled": output.compiled,
            "reused": output.reused,
            "packed": output.packed,
        },
        "launcher": None if output.launched is None else _launcher(output.launched),
        "seconds": round(output.seconds, 1),
        "checks": [
            {
                "name": it.name, "outcome": it.outcome.value, "reason": "; ".join(it.reasons),
                "model": it.model, "runner": it.runner, "cases": it.cases,
            }
            for it in proven.checks
        ],
    }  # fmt: skip
