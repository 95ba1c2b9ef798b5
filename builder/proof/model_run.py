"""Run one model on given inputs, in desktop torch and in the runtime."""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.files import copy_atomic
from builder.foundation.process import Command, Completed, Host
from builder.foundation.resources import IMPORT_PATH
from builder.proof.compare import Comparison, compare
from builder.proof.executor import Executor
from builder.vocabulary.errors import ModelError, UsageError, VerificationError
from builder.vocabulary.models import InputSpec, Model, ModelFormat, inputs_for
from builder.vocabulary.tolerances import Limits
from builder.vocabulary.value_files import Failure, Value, decode

_LITE: Final = frozenset({ModelFormat.LITE, ModelFormat.FLATBUFFER})
_FAILED_CASES: Final = 6
"""The program's documented code: the answers are written, some say why they failed."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A folder of value files: the arguments of each case, and what desktop torch answers to it."""

    folder: Path

    @property
    def inputs(self) -> Path:
        """The arguments."""
        return self.folder / "inputs"

    @property
    def expected(self) -> Path:
        """The answers."""
        return self.folder / "expected"

    @property
    def allowed(self) -> Path:
        """What the answers may be off; there is no such file if their dtypes say all."""
        return self.folder / "allowed"

    @property
    def rewritten(self) -> Path:
        """What desktop torch answers for a model that was rewritten for speed, if it was."""
        return self.folder / "rewritten"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a model did. Without inputs it was loaded only: `cases` is 0.

    `unanswered` are the operators for which desktop torch could not say what is right.
    """

    model: str
    cases: int
    comparison: Comparison
    unanswered: tuple[str, ...] = ()


def run_model(  # noqa: PLR0917  what, on what, how, and where
    model: Model,
    spec: InputSpec,
    executor: Executor,
    program: Path,
    host: Host,
    limits: Limits | None = None,
    *,
    answers: Answers | None = None,
) -> RunResult:
    """Run a model both ways; raise `VerificationError` when the runtime does not even load it.

    Without given inputs the model's own are used, if there are any. Desktop torch is asked unless
    it has answered before; see `ask_torch` for what is raised then.
    """
    spec = inputs_for(model, spec)
    if not spec.given:
        result = executor.run(program, model.path.resolve(), "--methods", host=host)
        if result.status != 0:
            raise _failed(model, executor.line(program, str(model.path), "--methods"), result)
        return RunResult(model.name, 0, Comparison())
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as name:
        answers = answers or ask_torch(model, spec, Path(name), host)
        inputs, outputs = answers.inputs, Path(name, "outputs")
        result = executor.run(
            program, model.path.resolve(), "--inputs", inputs, "--outputs", outputs, host=host,
        )  # fmt: skip
        if result.status not in (0, _FAILED_CASES):
            kept = host.cache / "logs" / f"{model.name}.inputs"
            copy_atomic(inputs, kept)
            again = ("--inputs", str(kept), "--outputs", "/dev/null")
            raise _failed(model, executor.line(program, str(model.path), *again), result)
        actual = _results(model, outputs)
        if model.own.unanswered:
            return _uncompared(model, actual)
        return RunResult(model.name, *_compared(model, actual, answers, limits))


def refuse_other_answers(model: Model, answers: Answers, limits: Limits) -> None:
    """Raise `VerificationError` if a model answers otherwise since it was rewritten for speed."""
    if not answers.rewritten.exists():
        return
    _, comparison = _compared(model, _results(model, answers.rewritten), answers, limits)
    if comparison.differences:
        raise VerificationError(
            f"{model.name} answers otherwise once it is rewritten for speed\n"
            f"    {comparison.differences[0]}",
            hint="build it as it was exported: --rewrite off",
        )


def _compared(
    model: Model, actual: list[Value], answers: Answers, limits: Limits | None
) -> tuple[int, Comparison]:
    """Return the number of cases, and how answers compare with those of the original."""
    wanted = _results(model, answers.expected)
    more = answers.allowed
    allowed = _results(model, more) if more.exists() else [None] * len(wanted)
    if len(actual) != len(wanted):
        raise VerificationError(
            f"{model.name}: the runtime answers {len(actual)} cases of {len(wanted)}",
            hint="please report it",
        )
    total = Comparison()
    for number, case in enumerate(zip(actual, wanted, allowed, strict=True)):
        place = "output" if len(wanted) == 1 else f"case {number}"
        one, other, allowance = case
        total += compare(one, other, place, limits, allowance)
    return len(wanted), total


def _uncompared(model: Model, actual: list[Value]) -> RunResult:
    """Return how a model did that nothing can be compared with; a case that failed is a failure."""
    failed = Comparison()
    for number, answer in enumerate(actual):
        if isinstance(answer, Failure):
            failed += compare(answer, None, f"case {number}")
    return RunResult(model.name, len(actual), failed, model.own.unanswered)


def _results(model: Model, path: Path) -> list[Value]:
    try:
        value = decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise VerificationError(
            f"{model.name}: the answers cannot be read ({error})", hint="please report it"
        ) from error
    if not isinstance(value, list):
        raise VerificationError(
            f"{model.name}: the answers are no list of cases", hint="please report it"
        )
    return value


def _failed(model: Model, line: str, result: Completed) -> VerificationError:
    reason = result.stderr.strip() or result.ending
    return VerificationError(
        f"the runtime does not run {model.name}: {reason}", hint=f"repeat it by hand: {line}"
    )


def ask_torch(model: Model, spec: InputSpec, folder: Path, host: Host) -> Answers:
    """Run the model as it was exported in desktop torch; the answers are written to a folder.

    Raise `UsageError` for inputs that cannot be read or compared, `ModelError` for a model that
    does not run on them.
    """
    answers = Answers(folder)
    # a lite model of another device cannot be loaded here as it was exported
    moved = model.format is ModelFormat.LITE and not model.rewrites
    named = model.path if moved else model.source
    document = {
        "lite": model.format in _LITE,
        "ptl": str(model.path),
        "rounds": model.rounds,
        **model.own.document(),
        **({"unanswered": True} if model.own.unanswered else {}),
        **({"exported": True} if model.format is ModelFormat.EXPORTED else {}),
        **({"rewritten": True} if model.rewrites and not model.rounds else {}),
        **spec.document(),
    }
    argv = (
        sys.executable, "-m", "builder.models.reference",
        str(named.resolve()), json.dumps(document),
        str(answers.inputs), str(answers.expected), str(answers.allowed), str(answers.rewritten),
    )  # fmt: skip
    # vector kernels of the machine's own add in another order than those of a runtime
    env = host.child_env(PYTHONPATH=str(IMPORT_PATH), ATEN_CPU_CAPABILITY="default")
    command = Command(argv, Path.cwd(), env)
    result = host.runner.capture(command)
    if result.status == 0:
        return answers
    reason = (result.stderr.strip().splitlines() or [result.ending])[-1]
    if result.status == 2:  # noqa: PLR2004  the child's documented code for wrong inputs
        raise UsageError(
            f"cannot use the inputs of {model.name} ({spec.describe()}): {reason}",
            hint="--input takes what torch.save wrote of a tuple of arguments, or an .npz archive",
        )
    raise ModelError(
        f"{model.name} does not run in desktop torch on {spec.describe()}: {reason}",
        hint="give inputs the model accepts: --input FILE or --input-shape 1,3,224,224",
    )
