"""What a build ended with, as a document and for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder.commands.exchange import Answer
from builder.pipeline.request import Built
from builder.vocabulary.models import Repair


def answer(built: Sequence[Built]) -> Answer:
    """Return the answer of a build that made all its targets."""
    return Answer(
        {"targets": [it.summary for it in built]}, "\n".join(describe(it) for it in built)
    )


def describe(built: Built) -> str:
    """Return a few lines about one target, below its table of sizes."""
    summary = built.summary
    objects = summary["objects"]
    lines = [
        built.text.rstrip(),
        "",
        *(line for model in summary["models"] for line in _describe_model(model)),
        *(_describe_check(check) for check in summary["checks"]),
    ]
    lines.append(
        f"{len(summary['operators'])} operators, {objects['linked']} objects linked:"
        f" {objects['reused']} reused, {objects['compiled']} compiled"
    )
    lines.append(
        f"{'up to date' if built.reused else 'wrote'}: {built.archive} and {built.prefix}/"
    )
    return "\n".join(lines)


def _describe_model(model: Mapping[str, Any]) -> Iterator[str]:
    name = model["name"]
    yield from (f"repaired {name}: {Repair(**it)}" for it in model["repairs"])
    yield from (f"rewritten {name}: {Repair(**it)}" for it in model["rewrites"])
    yield from (f"{name}: {it}" for it in model["notes"])


def _describe_check(check: Mapping[str, str | int]) -> str:
    about = " ".join(str(it) for it in (check["model"], check["runner"]) if it)
    count = check["cases"]
    cases = f", {count} case{'s' if count != 1 else ''}" if count else ""
    reason = f": {check['reason']}" if check["reason"] else ""
    return f"{check['outcome']:8} {check['name']}{f' ({about}{cases})' if about else ''}{reason}"
