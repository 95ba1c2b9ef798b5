"""From models to a proven library for one target; nothing is packaged."""

from builder.foundation.process import Host
from builder.pipeline.building import compile_plan
from builder.pipeline.executing import Rehearsed
from builder.pipeline.planning import make_plan
from builder.pipeline.proving import Proven, check_built
from builder.pipeline.request import Events, Request
from builder.vocabulary.plan import SourceTree
from builder.vocabulary.targets import Target


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
    output = compile_plan(planned, host, events)
    events.step("verifying")
    checks = check_built(request, rehearsed, planned, output, host, events)
    return Proven(planned, rehearsed.wanted.models, output, checks)
