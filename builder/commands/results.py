"""What a build ended with, as a document and for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder.commands.exchange import Answer
from builder.pipeline.request import Built, Made
from builder.vocabulary.models import Repair


def answer(built: Sequence[Built]) -> Answer:
    """Return the answer of a build that made all its targets."""
    return Answer(
        {
            "targets": [made.summary for it in built for made in it.targets],
            "packages": [it.package for it in built if it.package is not None],
        },
        "\n".join(describe(it) for it in built),
    )


def describe(built: Built) -> str:
    """Return a few lines about each target, below its table of sizes, and about all together."""
    lines = [
        *(line for it in built.targets for line in _describe_target(it)),
        f"{'up to date' if built.reused else 'wrote'}: {built.archive} and {built.prefix}/",
        *([built.text] if built.text else []),
    ]
    return "\n".join(lines)


def _describe_target(made: Made) -> Iterator[str]:
    summary = made.summary
    objects = summary["objects"]
    yield made.text.rstrip()
    yield ""
    for model in summary["models"]:
        yield from _describe_model(model)
    yield from map(_describe_check, summary["checks"])
    yield (
        f"{len(summary['operators'])} operators, {objects['linked']} objects linked:"
        f" {objects['reused']} reused{_of_packs(objects['packed'])}, {objects['compiled']} compiled"
    )
    if summary["launcher"]:
        yield _describe_launcher(summary["launcher"])


def _of_packs(count: int) -> str:
    return f" ({count} from packs)" if count else ""


def _describe_launcher(launcher: Mapping[str, Any]) -> str:
    told, trouble = launcher["statistics"], launcher["trouble"]
    parts = [
        *([f"{told['hits']} of {told['requests']} objects from its cache"] if told else []),
        *([f"{told['errors']} errors of its cache"] if told and told["errors"] else []),
        *([f"given up, {trouble}"] if trouble else []),
    ]
    return f"{launcher['name']}: {'; '.join(parts) or 'called for what was compiled'}"


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
