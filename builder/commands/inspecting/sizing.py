"""`inspect --sizes`: how large a library will be, which operators cost most, and who calls them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from builder import RELEASE
from builder.commands.inspecting import sizes
from builder.commands.inspecting.prediction import Question, predict_size
from builder.commands.inspecting.what_if import changed
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.libtorch.codegen import pinned_catalogue
from builder.models.preflight.problems import refuse
from builder.models.selection import with_classes
from builder.pipeline.wanted import pinned_problems, read_wanted
from builder.vocabulary.models import Model
from builder.vocabulary.operators import Selection
from builder.vocabulary.targets import Target


def sizing(
    paths: Sequence[Path],
    target: Target,
    changes: Sequence[str],
    settings: BuildSettings,
    host: Host,
    *,
    extension: Extension = NOTHING,
) -> dict[str, Any]:
    """Return what the library of models will weigh on a target, and with each of the changes.

    The models count as they ship, and may call the operators of an extension. No toolchain is
    needed. Raise `ModelError` for what the pinned source cannot run.
    """
    catalogue = extension.extend(pinned_catalogue(RELEASE).usable(settings.kernels))

    def select_with(*more: Path) -> tuple[Selection, tuple[Model, ...]]:
        wanted = read_wanted((*paths, *more), (), (), host, settings.conversion, extension)
        refuse(pinned_problems(wanted, RELEASE, settings.kernels), RELEASE)
        return with_classes(wanted.selection(RELEASE, catalogue), catalogue), wanted.models

    def added(path: Path) -> Selection:
        return select_with(path)[0]

    selection, models = select_with()
    question = Question(
        version=RELEASE, target=target, selection=selection, catalogue=catalogue,
        isa=settings.isa.resolved(settings.optimize), kernels=settings.kernels,
        dtypes=settings.dtypes, messages=settings.messages,
        extension=extension.files if extension.called_by(selection.names) else (),
    )  # fmt: skip
    predicted = sizes.document(predict_size(question))
    return {
        "source": RELEASE,
        "target": str(target),
        "prediction": predicted,
        "dearest": list(_dearest(question, predicted, models)),
        "what_if": [
            _changed(predicted, it, changed(question, it, added, settings.isa)) for it in changes
        ],
    }


def _dearest(
    question: Question, predicted: dict[str, Any] | None, models: Iterable[Model]
) -> Iterator[dict[str, Any]]:
    """Yield the operators whose removal saves most, and the lines of the models that call them."""
    every = tuple(models)
    for it in predicted["operators"][: sizes.DEAREST] if predicted else ():
        less = changed(question, f"drop={it['name']}", lambda _: question.selection)
        yield {
            "name": it["name"],
            **_difference(predicted, less),
            "lines": list(_lines(it["name"], every)),
        }


def _lines(name: str, models: Iterable[Model]) -> Iterator[dict[str, Any]]:
    for model in models:
        found = {
            line
            for method in model.methods
            for use in method.operators
            if str(use.name) == name
            for line in use.lines
        }
        for line in sorted(found, key=lambda it: (it.file, it.line, it.text)):
            yield {"model": model.name, "file": line.file, "line": line.line, "text": line.text}


def _changed(predicted: dict[str, Any] | None, change: str, question: Question) -> dict[str, Any]:
    return {"change": change, **_difference(predicted, question)}


def _difference(predicted: dict[str, Any] | None, question: Question) -> dict[str, Any]:
    found = predict_size(question)
    if found is None or predicted is None:
        return {"bytes": None, "difference": None}
    return {"bytes": found.size, "difference": found.size - predicted["bytes"]}


def to_text(document: dict[str, Any]) -> str:
    """Return the answer for people."""
    predicted = document["prediction"]
    lines = [document["target"], *sizes.summary(predicted)]
    lines += [
        f"  {it['name']:45} {it['alone']:>9,} alone {it['shared']:>9,} shared"
        for it in (predicted["operators"] if predicted else ())
    ]
    if document["dearest"]:
        lines += ["", "what dropping saves most"]
    for it in document["dearest"]:
        lines.append(f"  {it['name']:45} {it['difference']:+,}")
        lines += [f"    {row['file']}:{row['line']}  {row['text']}" for row in it["lines"]]
    if document["what_if"]:
        lines += ["", "what if"]
        lines += [_told(it) for it in document["what_if"]]
    return "\n".join(lines)


def _told(change: dict[str, Any]) -> str:
    if change["bytes"] is None:
        return f"  {change['change']:45} unknown"
    return f"  {change['change']:45} {change['bytes']:,} bytes ({change['difference']:+,})"
