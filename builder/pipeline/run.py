"""The order of the stages for every target of a request."""

from collections.abc import Iterator
from dataclasses import replace

from builder.foundation.cache import lease
from builder.foundation.files import check_writable
from builder.foundation.process import Host
from builder.pipeline.choosing import batches, find_targets
from builder.pipeline.request import Built, Events, Request
from builder.pipeline.results import is_final, recall, remember, request_name
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
        # what only builds need takes half a second to load
        from builder.pipeline.executing import with_run_dtypes  # noqa: PLC0415
        from builder.pipeline.making import build_target  # noqa: PLC0415
        from builder.pipeline.packing import pack  # noqa: PLC0415

        executed = executed or with_run_dtypes(wanted.models, request, host, events)
        asked = replace(wanted, models=executed)
        proven = [build_target(request, asked, source, it, host, events) for it in batch]
        events.step("packaging")
        for name, made, built in zip(names, proven, pack(proven, request), strict=True):
            if is_final(made.checks, request, built.target, host):
                remember(name, built, host)
            yield built
