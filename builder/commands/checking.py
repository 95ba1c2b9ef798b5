"""`check`: will the pinned source run these models? Answered from the files alone, in a second."""

from collections.abc import Mapping

from builder.commands.exchange import Answer, Asked
from builder.foundation.process import Host
from builder.libtorch.codegen import pinned_catalogue
from builder.models.preflight.problems import Problem, advice
from builder.pipeline.wanted import read_wanted
from builder.source.request import SourceRequest
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import Repair


def check(asked: Asked, host: Host) -> Answer:
    """Return what the pinned release cannot do for the models; exit code 3 if there is anything.

    Neither its source nor a toolchain is needed. Raise `ModelError` for a file that is no model,
    `UsageError` for one that is no operator list.
    """
    wanted = read_wanted(asked.models, asked.lists, asked.extra, host)
    version = SourceRequest(directory=None).version
    catalogue = pinned_catalogue(version)
    problems = wanted.problems(version, catalogue)
    counts: dict[str, int] = {model.name: 0 for model in wanted.models}
    for operator in wanted.selection(version, catalogue).operators:
        for name in operator.models:
            counts[name] = counts.get(name, 0) + 1
    rows = [(name, count, _concerned(name, problems)) for name, count in counts.items()]
    repairs = {model.name: model.repairs for model in wanted.models}
    document = {
        "source": version,
        "models": [
            {
                "name": name,
                "operators": count,
                "problems": wrong,
                "repairs": [it.document() for it in repairs.get(name, ())],
            }
            for name, count, wrong in rows
        ],
        "problems": [problem.document() for problem in problems],
    }
    text = _to_text(rows, repairs, problems, version)
    return Answer(document, text, exit_code=ModelError.exit_code if problems else 0)


def _concerned(name: str, problems: tuple[Problem, ...]) -> int:
    return sum(any(use.model == name for use in problem.uses) for problem in problems)


def _to_text(
    rows: list[tuple[str, int, int]],
    repairs: Mapping[str, tuple[Repair, ...]],
    problems: tuple[Problem, ...],
    version: str,
) -> str:
    width = max((len(name) for name, _, _ in rows), default=0)
    lines: list[str] = []
    for name, count, wrong in rows:
        lines.append(
            f"{name:{width}}  {count:4} operators, "
            + (f"{wrong} that cannot be had" if wrong else f"all in PyTorch {version}")
        )
        lines += [f"  repaired: {it}" for it in repairs.get(name, ())]
    if problems:
        lines += ["", f"a runtime of PyTorch {version} cannot have what is needed:"]
        lines += [f"    {problem}" for problem in problems]
        lines.append(f"  fix: {advice(problems)}")
    return "\n".join(lines)
