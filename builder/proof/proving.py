"""Check a linked runtime and run the models in it; the same for a build and for `verify`."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from builder.foundation.fetching.progress import Progress
from builder.foundation.process import Host
from builder.foundation.resources import NATIVE
from builder.proof.compare import Comparison
from builder.proof.execution import fetch_executor, find_executor, reach, registered_operators
from builder.proof.executor import Executor
from builder.proof.model_run import Answers, run_model
from builder.proof.policy import NOTHING, Known, check_policy
from builder.proof.registered import read_registered
from builder.vocabulary.checks import OUTPUTS, POLICY, REGISTRY, RUN, Check, Outcome, failures
from builder.vocabulary.errors import ModelError, VerificationError
from builder.vocabulary.models import InputSpec, Model
from builder.vocabulary.targets import Target
from builder.vocabulary.tolerances import Limits

NOT_RUN: Final = "loaded, but not run: no inputs were given and none are bundled"

AS_READ: Final = "as its file names them"
"""How the registered operators are known of a library that was not run."""

_EXPORT: Final = re.compile(r"^\s+(br_\w+);$", re.MULTILINE)


class Events(Progress, Protocol):
    """Told what a proof fetches, and what the user should know."""

    def note(self, text: str) -> None:
        """Say it in one line."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be proven right. `selected` and `held` are operators: asked for, and allowed.

    `known` is what its build knows of it.
    """

    target: Target
    library: Path
    program: Path
    selected: frozenset[str]
    held: frozenset[str]
    known: Known = NOTHING


@dataclass(frozen=True, slots=True)
class Run:
    """A model and what it is run on, with what desktop torch answered if it was asked before."""

    model: Model
    spec: InputSpec
    answers: Answers | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How far a proof goes. `without_run` is why the models are not to be run, if so.

    `fetch` allows to fetch an emulator where the system has none. `runner` is the user's own.
    """

    without_run: str = ""
    require_run: bool = False
    fetch: bool = True
    runner: str = ""
    limits: Limits = field(default_factory=Limits)


def prove(
    subject: Subject,
    runs: Iterable[Run],
    wish: Wish,
    host: Host,
    events: Events,
) -> tuple[Check, ...]:
    """Check the library and run the models in it; return a verdict for each check made."""
    verdicts = [_policy(subject)]
    if failures(verdicts):
        return (*verdicts, _skipped(RUN, "the library was not run: it breaks the rules above"))
    if wish.without_run:
        events.note(f"the models were not run: {wish.without_run}")
        return (*verdicts, *_read_registry(subject), _skipped(RUN, wish.without_run))
    find = partial(fetch_executor, progress=events) if wish.fetch else find_executor
    executor = reach(find(subject.target, host, wish.runner), subject.target, host)
    if isinstance(executor, str):
        if wish.require_run:
            reason = f"the models cannot be run for {subject.target}: {executor}"
            hint = "install what is missing, or leave --require-run out"
            return (*verdicts, _failed(RUN, (reason,), hint))
        events.note(f"the models were not run: {executor}")
        return (*verdicts, *_read_registry(subject), _skipped(RUN, executor))
    executor = executor.showing(subject.library)
    verdicts.append(_registry(subject, executor, host))
    if failures(verdicts):
        return (*verdicts, _skipped(RUN, "the models were not run: see the operators above"))
    verdicts += [_outputs(subject, run, wish, executor, host, events) for run in runs]
    return tuple(verdicts)


def _policy(subject: Subject) -> Check:
    started = time.monotonic()
    exports = frozenset(_EXPORT.findall((NATIVE / "build_runtime.map").read_text()))
    try:
        broken = check_policy(subject.library, subject.target, exports, subject.known)
    except VerificationError as error:
        return _failed(POLICY, (error.message,), error.hint, seconds=time.monotonic() - started)
    outcome = Outcome.FAILED if broken else Outcome.PASSED
    return Check(name=POLICY, outcome=outcome, reasons=broken, seconds=time.monotonic() - started)


def _registry(subject: Subject, executor: Executor, host: Host) -> Check:
    """Compare what is registered with what was selected; the interpreter has a few itself."""
    started = time.monotonic()
    try:
        registered = registered_operators(executor, subject.program, host)
    except VerificationError as error:
        return _failed(REGISTRY, (error.message,), error.hint, runner=executor.how)
    return _compared(subject, registered, executor.how, started)


def _read_registry(subject: Subject) -> Iterator[Check]:
    """Compare what the file names in its registrations with what was selected."""
    started = time.monotonic()
    try:
        named = read_registered(subject.library)
    except VerificationError as error:
        yield _failed(REGISTRY, (error.message,), error.hint, runner=AS_READ)
        return
    if named is not None:
        yield _compared(subject, named, AS_READ, started)


def _compared(subject: Subject, registered: frozenset[str], how: str, started: float) -> Check:
    missing = sorted(subject.selected - registered)
    extra = sorted(registered - subject.selected - subject.held)
    reasons = (
        *(f"selected but not registered: {it}" for it in missing),
        *(f"registered but not selected: {it}" for it in extra),
    )
    return Check(
        name=REGISTRY,
        outcome=Outcome.FAILED if reasons else Outcome.PASSED,
        reasons=reasons,
        hint="please report it" if reasons else "",
        runner=how,
        seconds=time.monotonic() - started,
    )


def _outputs(  # noqa: PLR0917  what, on what, how, and where
    subject: Subject,
    run: Run,
    wish: Wish,
    executor: Executor,
    host: Host,
    events: Events,
) -> Check:
    started = time.monotonic()
    model = run.model
    try:
        result = run_model(
            model, run.spec, executor, subject.program, host, wish.limits, answers=run.answers
        )
    except (VerificationError, ModelError) as error:
        return _failed(
            OUTPUTS, (error.message,), error.hint, model=model.name, runner=executor.how,
            seconds=time.monotonic() - started,
        )  # fmt: skip
    if not result.cases:
        reason = NOT_RUN
        events.note(f"{model.name}: {reason} (--input FILE or --input-shape 1,3,224,224)")
        outcome = Outcome.FAILED if wish.require_run else Outcome.SKIPPED
        return Check(
            name=OUTPUTS, outcome=outcome, model=model.name, reasons=(reason,), runner=executor.how
        )
    differences = tuple(str(it) for it in result.comparison.differences)
    if result.unanswered and not differences:
        reason = f"ran, but not compared: desktop torch has no {', '.join(result.unanswered)}"
        events.note(f"{model.name}: {reason} (--ops-library FILE)")
        return Check(
            name=OUTPUTS, outcome=Outcome.SKIPPED, model=model.name, reasons=(reason,),
            runner=executor.how, cases=result.cases, seconds=time.monotonic() - started,
        )  # fmt: skip
    return Check(
        name=OUTPUTS,
        outcome=Outcome.FAILED if differences else Outcome.PASSED,
        model=model.name,
        reasons=differences,
        hint=_hint(model, result.comparison),
        runner=executor.how,
        cases=result.cases,
        seconds=time.monotonic() - started,
        worst=result.comparison.worst,
    )


def _hint(model: Model, comparison: Comparison) -> str:
    """Return what to do about the differences; most often it is not what people think of first."""
    if not comparison.differences:
        return ""
    if any(it.failed for it in comparison.differences):
        return "if a kernel misses a dtype, add it with --dtypes"
    if model.rounds:
        return (
            "the answers expected are rounded to 8 bits as PyTorch 2.6.0 does with QNNPACK, so that"
            " rounding does not explain the difference: please report it, with the model"
        )
    return "--rtol and --atol set other limits; if the answers are wrong, please report it"


def _skipped(name: str, reason: str) -> Check:
    return Check(name=name, outcome=Outcome.SKIPPED, reasons=(reason,))


def _failed(
    name: str,
    reasons: tuple[str, ...],
    hint: str,
    *,
    model: str = "",
    runner: str = "",
    seconds: float = 0.0,
) -> Check:
    return Check(
        name=name, outcome=Outcome.FAILED, model=model, reasons=reasons, hint=hint, runner=runner,
        seconds=seconds,
    )  # fmt: skip
