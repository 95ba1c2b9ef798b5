"""Pack what was proven: archives, the folder beside them, and what is told of them."""

import re
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from builder import VERSION
from builder.artifact.manifest import BuildFacts, ResultFacts, describe_model
from builder.artifact.staging import Bundle, Contents, Licence
from builder.artifact.tar.layout import model_place
from builder.artifact.tar.packing import package
from builder.compilation.project import shown_roots
from builder.foundation.elf import read_elf
from builder.foundation.files import new_directory
from builder.foundation.machine import processor_features
from builder.foundation.resources import NATIVE
from builder.libtorch.flags import paired
from builder.models.lists.resolving import from_selection
from builder.models.lists.writing import to_yaml
from builder.pipeline.proving import Proven, holdings
from builder.pipeline.request import Built, Request
from builder.proof.compare import tolerances
from builder.proof.instruction_sets import instruction_sets
from builder.report.measure import measure
from builder.report.render import to_json, to_text
from builder.vocabulary.plan import BuildPlan
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import ArchiveKind, platform_facts

_Packer = Callable[[tuple[Proven, ...], Request], tuple[Built, ...]]
_LEADING: Final = re.compile(rb"\s*/\*.*?\*/", re.DOTALL)


def pack(proven: Iterable[Proven], request: Request) -> tuple[Built, ...]:
    """Write the archives of a batch of targets, all of which were proven."""
    batch = tuple(proven)
    (kind,) = {platform_facts(it.planned.plan.target.platform).archive for it in batch}
    return PACKERS.get(kind, _tars)(batch, request)


def _tars(batch: tuple[Proven, ...], request: Request) -> tuple[Built, ...]:
    return tuple(_tar(it, request) for it in batch)


PACKERS: Final[Mapping[ArchiveKind, _Packer]] = {ArchiveKind.TAR: _tars}
"""A kind that is not here is packed as one archive for each target."""


def _tar(proven: Proven, request: Request) -> Built:
    """Write the archive of one target, and the folder it unpacks to."""
    plan, output = proven.planned.plan, proven.output
    size = measure(output.library, output.link_map, plan.target, shown_roots(plan))
    bundle = package(
        _contents(proven, size),
        BuildFacts(plan, tuple(describe_model(it, model_place(it.name)) for it in proven.models)),
        result=_result(proven, request, size),
        destination=request.output,
    )
    prefix = request.output / str(plan.target)
    with new_directory(prefix) as scratch, tarfile.open(bundle.archive) as archive:
        archive.extractall(scratch)  # noqa: S202  we wrote it a moment ago
    summary = _summary(proven, bundle, size)
    text = to_text(size, top=12)
    return Built(plan.target, bundle.archive, prefix, summary, text, reused=False)


def _contents(proven: Proven, size: SizeReport) -> Contents:
    plan, output = proven.planned.plan, proven.output
    return Contents(
        target=plan.target,
        version=VERSION,
        library=output.library,
        header=NATIVE / "include" / "build_runtime.h",
        program=output.program,
        models=tuple((model.name, model.path) for model in proven.models),
        licences=find_licences(plan),
        selected_operators=_selection_text(plan),
        size=size,
        size_json=to_json(size),
        size_text=to_text(size),
    )


def _result(proven: Proven, request: Request, size: SizeReport) -> ResultFacts:
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
    )


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
        },
        "seconds": round(output.seconds, 1),
        "checks": [
            {
                "name": it.name, "outcome": it.outcome.value, "reason": "; ".join(it.reasons),
                "model": it.model, "runner": it.runner, "cases": it.cases,
            }
            for it in proven.checks
        ],
    }  # fmt: skip
