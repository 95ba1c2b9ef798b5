"""The order of the stages for every target of a request."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from builder.compilation.output import telling
from builder.extensions.reading import read_extension
from builder.foundation.cache import lease
from builder.foundation.files import check_writable
from builder.foundation.process import Host
from builder.pipeline.choosing import (
    batches,
    find_targets,
    refuse_unreachable,
    refuse_unrunnable,
    refuse_without_inputs,
    refuse_without_tools,
)
from builder.pipeline.request import Built, Events, Request
from builder.pipeline.results import is_final, recall, remember, request_name
from builder.pipeline.wanted import Wanted, read_wanted, refuse_early
from builder.source.opening import open_source, will_fetch
from builder.vocabulary.plan import SourceTree
from builder.vocabulary.targets import Target

if TYPE_CHECKING:
    from builder.pipeline.executing import Rehearsed


def run(request: Request, host: Host, events: Events) -> tuple[Built, ...]:
    """Build, verify and package every target of a request."""
    check_writable(request.output)
    refuse_without_tools(request, host)
    with lease(host.cache), TemporaryDirectory(prefix="build-runtime-") as scratch:
        events.step("reading models")
        extension = read_extension(request.ops_source, request.ops_library)
        wanted = read_wanted(
            request.models, request.lists, request.extra, host, request.conversion, extension
        )
        refuse_early(wanted, request.source, request.kernels)
        refuse_without_inputs(request, wanted)
        targets = find_targets(request, host, events)
        refuse_unreachable(request, targets, host)
        refuse_unrunnable(request, targets, host, events)
        rehearsal = cache(lambda: _rehearse(request, wanted, Path(scratch), host, events))
        if will_fetch(request.source, host):  # nobody wants to wait for that to hear of his inputs
            rehearsal()
        source = open_source(request.source, host, events)
        return tuple(_results(request, wanted, rehearsal, source, targets, host, events))


def _rehearse(
    request: Request, wanted: Wanted, folder: Path, host: Host, events: Events
) -> "Rehearsed":
    # what only builds need takes half a second to load
    from builder.pipeline.executing import rehearse  # noqa: PLC0415

    return rehearse(wanted, request, folder, host, events)


def _results(  # noqa: PLR0917  one value of each stage before
    request: Request,
    wanted: Wanted,
    rehearsal: Callable[[], "Rehearsed"],
    source: SourceTree,
    targets: tuple[Target, ...],
    host: Host,
    events: Events,
) -> Iterator[Built]:
    rows: list[tuple[tuple[Target, ...], list[str], Built | None]] = []
    for batch in batches(targets):
        names = [request_name(request, wanted, source, it, host) for it in batch]
        rows.append((batch, names, recall(names, batch, host)))
    missing = tuple(it for batch, _, known in rows if known is None for it in batch)
    if request.pack is not None and missing:
        _use_pack(request, rehearsal().wanted, source, missing, host, events)
    for batch, names, known in rows:
        if known is not None:
            yield known
            continue
        from builder.pipeline.making import build_target  # noqa: PLC0415  as above
        from builder.pipeline.packing.java_files import with_java  # noqa: PLC0415  as above
        from builder.pipeline.packing.kinds import pack  # noqa: PLC0415  as above

        proven = [build_target(request, rehearsal(), source, it, host, events) for it in batch]
        complete = with_java(proven, request, host, events)
        events.step("packaging")
        built = pack(complete, request, telling(events))
        if all(is_final(it.checks, request, it.target, host) for it in proven):
            remember(names, built, host)
        yield built


def _use_pack(  # noqa: PLR0917  one value of each stage before
    request: Request,
    wanted: Wanted,
    source: SourceTree,
    targets: tuple[Target, ...],
    host: Host,
    events: Events,
) -> None:
    """Import the pack of a request once, and compare all targets before any is compiled."""
    from builder.pipeline.carrying.packs import use_pack  # noqa: PLC0415  as above
    from builder.pipeline.planning import make_plan  # noqa: PLC0415  as above

    assert request.pack is not None
    plans = [make_plan(wanted, source, it, request, host, events) for it in targets]
    use_pack(request.pack, plans, host, events)
