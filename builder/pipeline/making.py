"""From models to a proven library for one target; nothing is packaged."""

from collections.abc import Iterable
from dataclasses import replace

from builder.foundation.process import Host
from builder.libtorch.candidates import Group
from builder.libtorch.closure.replacements import exact_replacements
from builder.pipeline.building import compile_plan
from builder.pipeline.executing import Rehearsed
from builder.pipeline.planning import make_plan
from builder.pipeline.proving import Proven, check_built
from builder.pipeline.request import Events, Request
from builder.vocabulary.checks import RUN, Check, was_not_run
from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import SourceKind, SourceTree
from builder.vocabulary.targets import Target, twin_of


def build_target(  # noqa: PLR0917  one value of each stage before
    request: Request,
    rehearsed: Rehearsed,
    source: SourceTree,
    target: Target,
    host: Host,
    events: Events,
) -> Proven:
    """Build the runtime for one target, and prove that it is right; package nothing.

    Raise what the stages raise: `CompileError`, `VerificationError`, …
    """
    planned = make_plan(rehearsed.wanted, source, target, request, host, events)
    if request.limits.exact:
        refuse_fused(planned.candidates.groups, planned.prediction.sources)
    output = compile_plan(planned, host, events)
    events.step("verifying")
    twin = twin_of(target) if request.prove_twin else None
    wish = replace(request, require_run=False) if twin else request  # the twin's run will do
    checks = check_built(wish, rehearsed, planned, output, host, events)
    if twin and was_not_run(checks):
        proof = prove_twin(request, rehearsed, source, twin, host, events)
        checks = (*checks, *proof)
    return Proven(planned, rehearsed.wanted.models, output, checks)


def prove_twin(  # noqa: PLR0917  one value of each stage before
    request: Request,
    rehearsed: Rehearsed,
    source: SourceTree,
    twin: Target,
    host: Host,
    events: Events,
) -> tuple[Check, ...]:
    """Build the same selection for another platform, and run the models in that.

    What comes back says of each check where it was made: it is no proof of the target's own
    library, but of the same sources with the same operators, compiled by another compiler. Where
    the twin was not run either, one says so, which fails if a run is required.
    """
    events.note(f"the models are run in a twin for {twin}: nothing here runs those of the target")
    local = replace(request, runner="")
    planned = make_plan(rehearsed.wanted, source, twin, local, host, events)
    output = compile_plan(planned, host, events)
    events.step(f"verifying the twin for {twin}")
    checks = check_built(local, rehearsed, planned, output, host, events)
    where = f"in a twin for {twin}"
    return tuple(
        replace(it, runner=f"{where}, {it.runner}" if it.runner else where)
        for it in checks
        if it.runner or it.name == RUN
    )


def refuse_fused(groups: Iterable[Group], predicted: Iterable[str]) -> None:
    """Raise `UsageError` where kernels of ours would answer: they round otherwise."""
    ours = {it for group in groups if group.kind is SourceKind.OWN_KERNEL for it in group.ids}
    fused = ours.intersection(predicted) - exact_replacements()
    found = sorted(it.rpartition("/")[2] for it in fused)
    if found:
        raise UsageError(
            "--exact cannot hold: kernels on XNNPACK compute what the models call"
            f" ({', '.join(found)}), and fuse multiplication with addition",
            hint="build with PyTorch's own kernels: --kernels aten",
        )
