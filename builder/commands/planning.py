"""`plan`: what a build would compile, and how large it would be, before anything is compiled."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.commands.exchange import Answer, Session
from builder.commands.inspecting import sizes
from builder.commands.inspecting.prediction import predict_size, question_of
from builder.compilation.standalone import refuse_others
from builder.extensions.reading import read_extension
from builder.foundation.cache import lease
from builder.foundation.files import check_writable
from builder.pipeline.choosing import find_targets, refuse_without_tools
from builder.pipeline.planning import Planned, make_plan
from builder.pipeline.request import Request
from builder.pipeline.wanted import read_wanted, refuse_early
from builder.source.opening import open_source
from builder.vocabulary.models import Model
from builder.vocabulary.targets import Target


def plan(request: Request, session: Session, write: Path | None = None) -> Answer:
    """Return what each target of a request would need, and the settings; compiles nothing.

    With a folder to `write`, build it as well, and write the project there: a folder of its own for
    each of several targets.
    """
    if write is not None:
        check_writable(write, option="--write")
        refuse_others(write)
    with lease(session.host.cache):
        return _plan(request, session, write)


def _plan(request: Request, session: Session, write: Path | None) -> Answer:
    host, events = session.host, session.console
    refuse_without_tools(request, host)
    extension = read_extension(request.ops_source, request.ops_library)
    wanted = read_wanted(
        request.models, request.lists, request.extra, host, request.conversion, extension
    )
    refuse_early(wanted, request.source, request.kernels)
    source = open_source(request.source, host, events)
    planned = [
        make_plan(wanted, source, target, request, host, events)
        for target in find_targets(request, host, events)
    ]
    projects = {} if write is None else dict(_write(planned, write, session))
    document = {
        "models": [
            {
                "name": model.name,
                "sha256": model.sha256,
                "repairs": [it.document() for it in model.repairs],
                "rewrites": [it.document() for it in model.rewrites],
                "notes": list(model.notes),
            }
            for model in wanted.models
        ],
        "source": {"version": source.version, "digest": source.digest, "provider": source.provider},
        "targets": [_describe(it, projects) for it in planned],
        "settings": {
            key: {"value": it.value, "origin": it.origin}
            for key, it in session.resolved.origins.items()
        },
    }
    return Answer(document, to_text(document, tuple(_changes(wanted.models))))


def _changes(models: Iterable[Model]) -> Iterator[str]:
    """Yield a line for each change of each model, and for what else there is to say of it."""
    for model in models:
        yield from (f"repaired {model.name}: {it}" for it in model.repairs)
        yield from (f"rewritten {model.name}: {it}" for it in model.rewrites)
        yield from (f"{model.name}: {it}" for it in model.notes)


def _write(
    planned: Sequence[Planned], folder: Path, session: Session
) -> Iterator[tuple[Target, str]]:
    """Write the project of each target; yield where it is."""
    from builder.pipeline.carrying.projects import write_project  # noqa: PLC0415  as slow as a build

    for it in planned:
        target = it.plan.target
        place = folder if len(planned) == 1 else folder / str(target)
        refuse_others(place)
        write_project(it, place, session.host, session.console)
        yield target, str(place)


def _describe(planned: Planned, projects: Mapping[Target, str]) -> dict[str, Any]:
    plan_, prediction = planned.plan, planned.prediction
    there = planned.store.compiled().intersection(prediction.sources)
    predicted = predict_size(question_of(planned))
    return {
        "target": str(plan_.target),
        "cache_keys": {"objects": plan_.objects.fingerprint, "build": plan_.fingerprint},
        "toolchain": f"{plan_.toolchain.compiler.name} {plan_.toolchain.compiler.version}",
        "dtypes": sorted(plan_.profile.dtypes),
        "operators": [
            {"name": str(it.name), "models": list(it.models)} for it in plan_.selection.operators
        ],
        "files": list(prediction.sources),
        "compile": len(prediction.sources) - len(there),
        "reuse": len(there),
        "predicted_library_bytes": None if predicted is None else predicted.size,
        "prediction": sizes.document(predicted),
        "project": projects.get(plan_.target),
    }


def to_text(document: dict[str, Any], changes: Sequence[str] = ()) -> str:
    """Return a plan for people; `changes` says what the conversion changed in which model."""
    lines = [f"source: PyTorch {document['source']['version']} ({document['source']['provider']})"]
    lines += changes
    for target in document["targets"]:
        lines += [
            "",
            f"{target['target']}, {target['toolchain']}",
            f"  {len(target['operators'])} operators, dtypes {', '.join(target['dtypes'])}",
            *_operators(target),
            (
                f"  {len(target['files'])} files: {target['compile']} to compile,"
                f" {target['reuse']} in the store"
            ),
            *(f"  {line}" for line in sizes.summary(target["prediction"])),
            (
                f"  object store {target['cache_keys']['objects'][:12]},"
                f" build {target['cache_keys']['build'][:12]}"
            ),
            *([f"  wrote the project: {target['project']}/"] if target["project"] else []),
        ]
    lines += ["", "settings:"]
    lines += [
        f"  {name:16} {it['value'] or '-':30} ({it['origin']})"
        for name, it in document["settings"].items()
    ]
    return "\n".join(lines)


def _operators(target: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each operator: the bytes it brings alone, and the models that need it."""
    rows = (target["prediction"] or {"operators": ()})["operators"]
    alone = {it["name"]: f"{it['alone']:,}" for it in rows}
    for it in target["operators"]:
        yield f"    {it['name']:45} {alone.get(it['name'], '-'):>9}  {', '.join(it['models'])}"
