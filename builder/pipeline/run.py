"""The order of the stages for every target of a request."""

import re
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from builder import VERSION
from builder.artifact.layout import Bundle, Contents, Licence, package
from builder.artifact.manifest import BuildFacts, Check, Tolerance, describe_model
from builder.compilation.output import BuildOutput
from builder.compilation.project import component_roots
from builder.foundation.files import check_writable, new_directory
from builder.foundation.process import Host
from builder.foundation.resources import NATIVE
from builder.models.lists.resolving import from_selection
from builder.models.lists.writing import to_yaml
from builder.pipeline.building import compile_plan
from builder.pipeline.executing import with_run_dtypes
from builder.pipeline.planning import find_targets, make_plan
from builder.pipeline.proving import holdings, verify
from builder.pipeline.request import Built, Events, Planned, Request
from builder.pipeline.results import recall, remember, request_name
from builder.pipeline.wanted import Wanted, read_wanted, refuse_early
from builder.proof.compare import tolerances
from builder.report.measure import measure
from builder.report.render import to_json, to_text
from builder.source.opening import open_source
from builder.vocabulary.models import Model
from builder.vocabulary.plan import BuildPlan, SourceTree
from builder.vocabulary.targets import Target

_LEADING: Final = re.compile(rb"\s*/\*.*?\*/", re.DOTALL)


def run(request: Request, host: Host, events: Events) -> tuple[Built, ...]:
    """Build, verify and package every target of a request."""
    check_writable(request.output)
    events.step("reading models")
    wanted = read_wanted(request.models, request.lists, request.extra, host)
    refuse_early(wanted, request.source)
    targets = find_targets(request, host, events)
    source = open_source(request.source, host, events)
    built: list[Built] = []
    executed: tuple[Model, ...] = ()
    for target in targets:
        name = request_name(request, wanted.models, source, target, host)
        known = recall(name, request, target, host)
        if known is None:
            executed = executed or with_run_dtypes(wanted.models, request, host, events)
            asked = replace(wanted, models=executed)
            known = _build_target(request, asked, source, target, name, host, events)
        built.append(known)
    return tuple(built)


def _build_target(  # noqa: PLR0917  one value of each stage before
    request: Request,
    wanted: Wanted,
    source: SourceTree,
    target: Target,
    name: str,
    host: Host,
    events: Events,
) -> Built:
    models = wanted.models
    planned = make_plan(wanted, source, target, request.dtypes, host, events)
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
            selected_operators=_selection_text(planned.plan),
            size=size,
            size_json=to_json(size),
            size_text=to_text(size),
        ),
        known,
        holdings=holdings(planned),
        checks=checks,
        tolerances=tuple(
            Tolerance(dtype, limit.relative, limit.absolute)
            for dtype, limit in tolerances(request.limits).items()
        ),
        destination=request.output,
    )
    prefix = request.output / str(target)
    with new_directory(prefix) as scratch, tarfile.open(bundle.archive) as archive:
        archive.extractall(scratch)  # noqa: S202  we wrote it a moment ago
    summary = _summary(planned, output, bundle, checks, size.stripped, size.download)
    built = Built(target, bundle.archive, prefix, summary, to_text(size, top=12), reused=False)
    remember(name, built, bundle, host)
    return built


def _selection_text(plan: BuildPlan) -> str:
    dtypes = ", ".join(sorted(plan.profile.dtypes))
    return to_yaml(from_selection(plan.selection), comment=f"dtypes of the kernels: {dtypes}")


def find_licences(plan: BuildPlan) -> tuple[Licence, ...]:
    """Return the licence texts of the components, which binary distributions must carry.

    A component that is a header and nothing else tells its licence in the comment at its top.
    """
    found: list[Licence] = []
    for component in plan.source.components:
        files = sorted(path for path in component.root.iterdir() if path.is_file())
        texts = [Licence(component.name, it.name, it.read_bytes()) for it in files if _named(it)]
        headers = [it for it in files if it.suffix == ".h"] if not texts else []
        told = [comment for it in headers if (comment := _LEADING.match(it.read_bytes()))]
        found += texts or [Licence(component.name, "LICENSE", it[0] + b"\n") for it in told]
    return tuple(found)


def _named(path: Path) -> bool:
    return re.match(r"(LICENSE|LICENCE|COPYING|NOTICE)", path.name, re.IGNORECASE) is not None


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
