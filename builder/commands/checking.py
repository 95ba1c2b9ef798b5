"""`check`: will the pinned source run these models? Answered from the files alone, in a second."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from builder.commands.exchange import Answer, Asked
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.libtorch.codegen import pinned_catalogue
from builder.models.conversion.exported import read_exported
from builder.models.preflight.problems import LackingError, Problem, advice
from builder.pipeline.wanted import (
    Wanted,
    names_apart,
    read_each,
    read_lists,
    refuse_nothing,
)
from builder.source.request import SourceRequest
from builder.vocabulary.errors import BuildRuntimeError, ModelError
from builder.vocabulary.models import Model, Repair


@dataclass(frozen=True, slots=True)
class _Row:
    """What is known of a file, or of a model that only a list tells of, which has no path.

    `operators` is None where they are not known: of a model that cannot be read (`error`), or that
    torch cannot convert. `problems` are those that concern it.
    """

    name: str
    path: Path | None
    operators: int | None
    problems: int
    error: BuildRuntimeError | None = None
    repairs: tuple[Repair, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return plain data for `--json`."""
        return {
            "name": self.name,
            "path": None if self.path is None else str(self.path),
            "operators": self.operators,
            "problems": self.problems,
            "repairs": [it.document() for it in self.repairs],
            "error": None if self.error is None else self.error.document(),
        }


def check(asked: Asked, host: Host, extension: Extension = NOTHING) -> Answer:
    """Return what the pinned release cannot do for the models; exit code 3 if there is anything.

    Neither its source nor a toolchain is needed. A model that cannot be read has an entry that says
    why, and the exit code is the worst of all. Raise `UsageError` for a file that is no operator
    list.
    """
    version = SourceRequest(directory=None).version
    listed = read_lists(asked.lists, asked.extra)
    read = read_each(asked.models, host, partial(read_exported, extension=extension))
    models = tuple(it for it in read if isinstance(it, Model))
    wanted = Wanted(models, listed, extension)
    if not asked.models:
        refuse_nothing(wanted, asked.lists)
    catalogue = extension.extend(pinned_catalogue(version))
    problems = (
        *(it for error in read if isinstance(error, LackingError) for it in error.problems),
        *wanted.problems(version, catalogue),
    )
    counts = Counter(
        name for it in wanted.selection(version, catalogue).operators for name in it.models
    )
    rows = (*_models(asked.models, read, counts, problems), *_listed(asked, counts, problems))
    document = {
        "source": version,
        "models": [row.document() for row in rows],
        "problems": [problem.document() for problem in problems],
    }
    codes = [row.error.exit_code for row in rows if row.error is not None]
    codes += [ModelError.exit_code] if problems else []
    return Answer(document, _to_text(rows, problems, version), exit_code=max(codes, default=0))


def _models(
    paths: Sequence[Path],
    read: Sequence[Model | BuildRuntimeError],
    counts: Counter[str],
    problems: Sequence[Problem],
) -> Iterator[_Row]:
    for path, name, found in zip(paths, names_apart(paths), read, strict=True):
        wrong = _concerned(name, problems)
        match found:
            case Model():
                yield _Row(name, path, counts[name], wrong, repairs=found.repairs)
            case LackingError():
                yield _Row(name, path, None, wrong)
            case error:
                yield _Row(name, path, None, wrong, error)


def _listed(asked: Asked, counts: Counter[str], problems: Sequence[Problem]) -> Iterator[_Row]:
    known = names_apart(asked.models)
    for name in sorted(counts.keys() - {*known}):
        yield _Row(name, None, counts[name], _concerned(name, problems))


def _concerned(name: str, problems: Iterable[Problem]) -> int:
    return sum(any(use.model == name for use in problem.uses) for problem in problems)


def _to_text(rows: Sequence[_Row], problems: Sequence[Problem], version: str) -> str:
    width = max((len(row.name) for row in rows), default=0)
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row.name:{width}}  {_said(row, version)}")
        lines += [f"  repaired: {it}" for it in row.repairs]
    if problems:
        lines += ["", f"a runtime of PyTorch {version} cannot have what is needed:"]
        lines += [f"    {problem}" for problem in problems]
        lines.append(f"  fix: {advice(problems)}")
    for row in rows:
        lines += ["", str(row.error)] if row.error is not None else []
    return "\n".join(lines)


def _said(row: _Row, version: str) -> str:
    if row.error is not None:
        return "cannot be read"
    if row.operators is None:
        return f"refused: {row.problems} that cannot be had"
    wrong = f"{row.problems} that cannot be had" if row.problems else f"all in PyTorch {version}"
    return f"{row.operators:4} operators, {wrong}"
