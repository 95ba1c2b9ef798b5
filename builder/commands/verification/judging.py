"""`verify`: whether an artifact that was built earlier runs these models."""

import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from builder.artifact.opening import open_artifacts, unpacking
from builder.artifact.reading import Artifact, changed_files
from builder.commands.exchange import Answer
from builder.commands.verification.rebuilding import (
    Rebuild,
    rebuild,
    refuse_other_models,
    refuse_overlap,
)
from builder.extensions.libraries import refuse_unloadable
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.files import check_file_writable, write_atomic
from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.models.conversion.torchscript import reader
from builder.models.selection import make_profile, select
from builder.pipeline.request import Events
from builder.pipeline.wanted import read_models
from builder.proof.execution import refuse_unfit
from builder.proof.junit import to_junit
from builder.proof.needs import unmet_needs
from builder.proof.proving import Run, Subject, Wish, prove
from builder.vocabulary.checks import (
    FILES,
    NEEDS,
    OUTPUTS,
    PROVENANCE,
    REBUILD,
    RUN,
    Check,
    Element,
    Outcome,
    failures,
)
from builder.vocabulary.dtypes import KNOWN_DTYPES
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.models import DEFAULT_REWRITE, InputSpec, Model
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import Isa, Java, Kernels, Messages
from builder.vocabulary.targets import Target

_TITLES: Final = {
    FILES: "its files are not those that were built",
    PROVENANCE: "it is not the archive that its statement is about",
    NEEDS: "it does not hold what the models need",
    OUTPUTS: "it does not answer as desktop torch does",
    REBUILD: "a build of the same gives other bytes",
}

_UNTOLD: Final = "prim::tolist"
"""LibTorch registers it without being asked; manifests did not tell of such operators at first."""


@dataclass(frozen=True, slots=True)
class Question:
    """What `verify` is asked. `inputs` has one entry per model, in order; `junit` is a file.

    With `rebuild` it is built again, too.
    """

    artifact: Path
    models: tuple[Path, ...]
    inputs: tuple[InputSpec, ...]
    wish: Wish
    junit: Path | None
    extension: Extension = NOTHING
    rebuild: Rebuild | None = None


def verify(question: Question, host: Host, events: Events) -> Answer:
    """Check an artifact, and that it runs the models; write the JUnit file if one is wanted."""
    if question.junit is not None:
        check_file_writable(question.junit, option="--junit")
    events.step("reading the artifact")
    with open_artifacts(question.artifact, host.cache / "scratch") as artifacts:
        if question.wish.runner and not question.wish.without_run:
            targets = [it.target for it in artifacts if not it.is_app]
            refuse_unfit(question.wish.runner, targets, host)
        events.step("reading models")
        rewrite = artifacts[0].rewrite
        models = read_models(question.models, host, reader(rewrite, question.extension))
        if not question.wish.without_run:
            refuse_unloadable(models, host)
        if question.rebuild is not None:
            refuse_other_models(artifacts[0], question.models, question.rebuild.lists)
            refuse_overlap(artifacts, question.rebuild.folder, host)
        judged = [(it.target, _judged(it, models, question, host, events)) for it in artifacts]
        if question.rebuild is not None and not failures(judged[0][1]):
            wish = question.rebuild
            again = rebuild(artifacts, question.models, question.inputs, wish, host, events)
            judged[0][1].append(again)
    if question.junit is not None:
        write_atomic(question.junit, _junit(judged))
    verdicts = [it for _, found in judged for it in found]
    failed = failures(verdicts)
    document = {
        "artifact": str(question.artifact),
        "target": ", ".join(str(target) for target, _ in judged),
        "passed": not failed,
        "checks": [_describe(it, target) for target, found in judged for it in found],
    }
    text = "\n".join(_text(target, found, len(judged)) for target, found in judged)
    return Answer(document, text, _error(question, failed) if failed else None)


def _judged(
    artifact: Artifact,
    models: tuple[Model, ...],
    question: Question,
    host: Host,
    events: Events,
) -> list[Check]:
    """Return all verdicts on one target, in the user's words."""
    verdicts = _judge(artifact, models, question, host, events)
    if artifact.root == question.artifact.resolve():
        return list(verdicts)
    # an archive was unpacked to a place that is gone when the user reads this
    return [replace(it, hint=it.hint.replace(f"{artifact.root}/", "")) for it in verdicts]


def _junit(judged: Sequence[tuple[Target, Sequence[Check]]]) -> str:
    """Return the XML of all verdicts; names tell targets apart where there are several."""
    suite = ", ".join(str(target) for target, _ in judged)
    return to_junit(
        suite,
        [
            it if len(judged) == 1 else replace(it, name=f"{it.name} ({target.abi})")
            for target, found in judged
            for it in found
        ],
    )


def _text(target: Target, verdicts: Sequence[Check], targets: int) -> str:
    """Return the verdicts on one target for people, who are told which if there are several."""
    return to_text(verdicts) if targets == 1 else f"{target}\n{to_text(verdicts)}"


def _judge(
    artifact: Artifact,
    models: tuple[Model, ...],
    question: Question,
    host: Host,
    events: Events,
) -> tuple[Check, ...]:
    """Return all verdicts: what can be told without running anything comes first."""
    events.step("verifying")
    files = (*artifact.found, *_files(artifact))
    needs = _needs(models, artifact)
    if any(it.name in {FILES, PROVENANCE} for it in failures(files)):
        reason = "the library was not run: it may not be the one that was built"
        unsafe = Check(name=RUN, outcome=Outcome.SKIPPED, reasons=(reason,))
        return (*files, *needs, unsafe)
    fit = {it.model for it in needs if it.outcome is Outcome.PASSED}
    runs = [
        Run(model, spec)
        for model, spec in zip(models, question.inputs, strict=True)
        if model.name in fit
    ]
    subject = Subject(
        target=artifact.target,
        library=artifact.library,
        program=artifact.program or artifact.library,  # of an app nothing is run
        selected=artifact.selected,
        held=frozenset(str(it.name) for it in artifact.holdings.operators) | {_UNTOLD},
    )
    wish = question.wish
    if artifact.is_app and not wish.without_run:
        wish = replace(wish, without_run="an app holds no program that runs models")
    proven = prove(subject, runs, wish, host, events)
    unfit = [
        Check(
            name=OUTPUTS,
            outcome=Outcome.SKIPPED,
            model=model.name,
            reasons=("not run: the runtime does not hold what it needs",),
        )
        for model in models
        if model.name not in fit
    ]
    return (*files, *needs, *proven, *unfit)


def _files(artifact: Artifact) -> Iterator[Check]:
    """Yield how the files compare with the manifest; those of an app are not listed there."""
    if artifact.is_app:
        return
    started = time.monotonic()
    changed = changed_files(artifact)
    yield Check(
        name=FILES,
        outcome=Outcome.FAILED if changed else Outcome.PASSED,
        reasons=changed,
        hint="take the archive as it was built, or build it again" if changed else "",
        seconds=time.monotonic() - started,
    )


def _needs(models: Sequence[Model], artifact: Artifact) -> list[Check]:
    """Compare what each model needs with what the artifact holds; one command helps them all."""
    verdicts: list[Check] = []
    for model in models:
        started = time.monotonic()
        unmet = unmet_needs(model, select((model,)), artifact.holdings)
        verdicts.append(
            Check(
                name=NEEDS,
                outcome=Outcome.FAILED if unmet else Outcome.PASSED,
                model=model.name,
                reasons=unmet,
                seconds=time.monotonic() - started,
            )
        )
    unfit = {it.model for it in failures(verdicts)}
    command = _rebuild(artifact, [it for it in models if it.name in unfit])
    hint = f"build a runtime that holds it, too: {command}"
    return [replace(it, hint=hint) if it.model in unfit else it for it in verdicts]


def _rebuild(artifact: Artifact, models: Sequence[Model]) -> str:
    """Return the command that builds the runtime again with models added.

    A model of the name of a packaged one takes its place, as names tell models apart.
    """
    added = {model.name for model in models}
    packed = [path for name, path in artifact.models if name not in added]
    missing = artifact.wanted_by - {name for name, _ in artifact.models}
    if missing and artifact.places.selection is not None:
        packed.append(artifact.places.selection)  # operators that no model in it asked for
        missing = frozenset()
    words = ["build-runtime"]
    unpack = ""
    if artifact.source.is_dir():
        words += [str(artifact.source / path) for path in packed]
    else:
        words += [str(path) for path in packed]
        unpack = f"{shlex.join(unpacking(artifact.source, packed))} && " if packed else ""
    words += [str(model.source) for model in models]
    words += [*_place(artifact), *_profile(artifact, models)]
    others = f"     (and {', '.join(sorted(missing - added))}, which are not in it)"
    return unpack + shlex.join(words) + (others if missing - added else "")


def _place(artifact: Artifact) -> Iterator[str]:
    """Yield the options that say what an artifact is for, and how it is packed."""
    yield from ("--abi", ",".join(artifact.abis), "--platform", str(artifact.target.platform))
    if artifact.target.api_level is not None:
        yield from ("--android-api", str(artifact.target.api_level))
    if artifact.coordinates is not None:
        usual, its = BuildSettings().coordinates, artifact.coordinates
        for part in ("group", "artifact", "version"):
            if getattr(its, part) != getattr(usual, part):
                yield from (f"--maven-{part}", getattr(its, part))
        if artifact.models:
            yield "--bundle-models"
    if artifact.java is not Java.AUTO.resolved(artifact.target.platform):
        yield from ("--java", artifact.java)


def _profile(artifact: Artifact, models: Sequence[Model]) -> Iterator[str]:
    """Yield the options that say how an artifact is compiled, where that is not the default."""
    default = make_profile(Selection(dtypes=artifact.stored_dtypes), None).dtypes
    if artifact.kernel_dtypes != default:  # it was built with --dtypes, and the default differs
        wanted = (artifact.kernel_dtypes | select(models).dtypes) & KNOWN_DTYPES
        yield from ("--dtypes", ",".join(sorted(wanted)))
    if artifact.messages is not Messages.SHORT:
        yield from ("--messages", artifact.messages)
    if artifact.kernels is not Kernels.AUTO:
        yield from ("--kernels", artifact.kernels)
    if artifact.isa is not Isa.AVX2:
        yield from ("--isa", artifact.isa)
    if artifact.rewrite is not DEFAULT_REWRITE:
        yield from ("--rewrite", artifact.rewrite)


def _error(question: Question, failed: tuple[Check, ...]) -> VerificationError:
    """Return one error that lists everything that is wrong."""
    titles = dict.fromkeys(_TITLES.get(it.name, f"the check '{it.name}' failed") for it in failed)
    lines = [
        f"{it.model}: {reason}" if it.model else reason for it in failed for reason in it.reasons
    ]
    hints = dict.fromkeys(it.hint for it in failed if it.hint)
    return VerificationError(
        f"{question.artifact} does not pass: {'; '.join(titles)}\n    " + "\n    ".join(lines),
        hint="\n       ".join(hints),
    )


def _describe(verdict: Check, target: Target) -> dict[str, Any]:
    return {
        "target": str(target),
        "name": verdict.name,
        "outcome": verdict.outcome.value,
        "model": verdict.model,
        "reasons": list(verdict.reasons),
        "hint": verdict.hint,
        "runner": verdict.runner,
        "cases": verdict.cases,
        "seconds": round(verdict.seconds, 3),
        "worst": _describe_element(verdict.worst) if verdict.worst is not None else None,
    }


def _describe_element(worst: Element) -> dict[str, Any]:
    """Return plain data; JSON has no infinity, so a share of nothing that is allowed is null."""
    return {
        "place": worst.place,
        "dtype": worst.dtype,
        "actual": worst.actual,
        "expected": worst.expected,
        "error": worst.error if worst.error < float("inf") else None,
        "share_of_tolerance": worst.share if worst.share < float("inf") else None,
    }


def to_text(verdicts: Sequence[Check]) -> str:
    """Return the verdicts for people; what failed is explained by the error."""
    lines: list[str] = []
    for it in verdicts:
        about = " ".join(word for word in (it.model, it.runner) if word)
        cases = f", {it.cases} case{'s' if it.cases != 1 else ''}" if it.cases else ""
        reason = f": {it.reasons[0]}" if it.outcome is Outcome.SKIPPED else ""
        lines.append(f"{it.outcome:8} {it.name}{f' ({about}{cases})' if about else ''}{reason}")
        if it.cases:
            worst = "all numbers are equal" if it.worst is None else f"worst {it.worst}"
            lines.append(f"           {worst}")
    return "\n".join(lines)
