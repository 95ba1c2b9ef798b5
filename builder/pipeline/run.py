"""The order of the stages for every target of a request."""

from collections.abc import Iterator
from dataclasses import replace

from builder.foundation.cache import lease
from builder.foundation.files import check_writable
from builder.foundation.process import Host
from builder.pipeline.building import compile_plan
from builder.pipeline.executing import with_run_dtypes
from builder.pipeline.packing import batches, pack
from builder.pipeline.planning import find_targets, make_plan
from builder.pipeline.proving import Proven, check_built
from builder.pipeline.request import Built, Events, Request
from builder.pipeline.results import recall, remember, request_name
from builder.pipeline.wanted import Wanted, read_wanted, refuse_early
from builder.source.opening import open_source
from builder.vocabulary.models import Model
from builder.vocabulary.plan import SourceTree
from builder.vocabulary.targets import Target


def run(request: Request, host: Host, events: Events) -> tuple[Built, ...]:
    """Build, verify and package every target of a request."""
    check_writable(request.output)
    with lease(host.cache):
        events.step("reading models")
        wanted = read_wanted(request.models, request.lists, request.extra, host)
        refuse_early(wanted, request.source)
        targets = find_targets(request, host, events)
        source = open_source(request.source, host, events)
        return tuple(_results(request, wanted, source, targets, host, events))


def _results(  # noqa: PLR0917  one value of each stage before
    request: Request,
    wanted: Wanted,
    source: SourceTree,
    targets: tuple[Target, ...],
    host: Host,
    events: Events,
) -> Iterator[Built]:
    executed: tuple[Model, ...] = ()
    for batch in batches(targets):
        names = [request_name(request, wanted.models, source, it, host) for it in batch]
        known = [
            recall(name, request, target, host) for name, target in zip(names, batch, strict=True)
        ]
        if all(known):
            yield from filter(None, known)
            continue
        executed = executed or with_run_dtypes(wanted.models, request, host, events)
        asked = replace(wanted, models=executed)
        proven = [build_target(request, asked, source, it, host, events) for it in batch]
        events.step("packaging")
        for name, (built, bundle) in zip(names, pack(proven, request), strict=True):
            remember(name, built, bundle, host)
            yield built


def build_target(  # noqa: PLR0917  one value of each stage before
    request: Request,
    wanted: Wanted,
    source: SourceTree,
    target: Target,
    host: Host,
    events: Events,
) -> Proven:
    """Build the runtime for one target, and prove that it is right; package nothing.

    Raise what the stages raise: `CompileError`, `VerificationError`, …
    """
    planned = make_plan(wanted, source, target, request.dtypes, host, events)
    output = compile_plan(planned, host, events)
    events.step("verifying")
    checks = check_built(request, wanted.models, planned, output, host, events)
    return Proven(planned, wanted.models, output, checks)
