"""`check`: will the pinned source run these models? Answered from the files alone, in a second."""

from pathlib import Path
from typing import Any

from builder import pipeline
from builder.model import Model
from builder.preflight import Problem, advice
from builder.process import Host
from builder.source import SourceRequest


def check(paths: tuple[Path, ...], host: Host) -> tuple[dict[str, Any], str]:
    """Return what the pinned release cannot do for the models: a document, and text for people.

    Neither its source nor a toolchain is needed. Raise `ModelError` for a file that is no model.
    """
    version = SourceRequest(directory=None).version
    models = pipeline.read_models(paths, host)
    problems = pipeline.preflight(models, version)
    rows = [(model, _count(model, problems)) for model in models]
    document = {
        "source": version,
        "models": [
            {"name": model.name, "operators": len(model.operators), "problems": count}
            for model, count in rows
        ],
        "problems": [problem.document() for problem in problems],
    }
    return document, _to_text(rows, problems, version)


def _count(model: Model, problems: tuple[Problem, ...]) -> int:
    return sum(any(use.model == model.name for use in problem.uses) for problem in problems)


def _to_text(rows: list[tuple[Model, int]], problems: tuple[Problem, ...], version: str) -> str:
    width = max(len(model.name) for model, _ in rows)
    lines = [
        f"{model.name:{width}}  {len(model.operators):4} operators, "
        + (f"{count} that cannot be had" if count else f"all in PyTorch {version}")
        for model, count in rows
    ]
    if problems:
        lines += ["", f"a runtime of PyTorch {version} cannot have what is needed:"]
        lines += [f"    {problem}" for problem in problems]
        lines.append(f"  fix: {advice(problems)}")
    return "\n".join(lines)
