"""Prove what was built: the subject of the proof, and the error when it fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.artifact.staging import JavaFiles
from builder.compilation.output import BuildOutput
from builder.foundation.process import Host
from builder.foundation.resources import NATIVE
from builder.libtorch.closure.libraries import LINKER_SYMBOLS, shared_symbols
from builder.libtorch.closure.objects import read_object
from builder.models.preflight.interpreter import read_interpreter
from builder.pipeline.executing import Rehearsed
from builder.pipeline.planning import Planned
from builder.pipeline.request import Events, Request
from builder.proof.policy import Known
from builder.proof.proving import Run, Subject, Wish, prove
from builder.report.linkmap import defined_symbols
from builder.vocabulary.checks import OUTPUTS, POLICY, REGISTRY, RUN, Check, Outcome, failures
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.models import Model
from builder.vocabulary.operators import Holdings
from builder.vocabulary.targets import Target

_TITLES: Final = {
    POLICY: "the library breaks the rules for what may ship",
    REGISTRY: "the operators in the library are not those selected",
    RUN: "what --require-run asks for cannot be done here",
}


@dataclass(frozen=True, slots=True)
class Proven:
    """A library that was built for one target and passed every check that could be made."""

    planned: Planned
    models: tuple[Model, ...]
    output: BuildOutput
    checks: tuple[Check, ...]
    java: JavaFiles | None = None

    @property
    def target(self) -> Target:
        """What it was built for."""
        return self.planned.plan.target


def check_built(  # noqa: PLR0917  one value of each stage before
    request: Request,
    rehearsed: Rehearsed,
    planned: Planned,
    output: BuildOutput,
    host: Host,
    events: Events,
) -> tuple[Check, ...]:
    """Prove what was built; raise `VerificationError` with everything that failed."""
    subject = Subject(
        target=planned.plan.target,
        library=output.library,
        program=output.program,
        selected=frozenset(str(name) for name in planned.plan.selection.names),
        held=frozenset(str(use.name) for use in holdings(planned).operators),
        known=_known(planned, output, host),
    )
    models = rehearsed.wanted.models
    runs = map(Run, models, request.inputs, rehearsed.answers) if request.verify else ()
    wish = Wish(
        "" if request.verify else "--no-verify",
        request.require_run,
        fetch=not request.source.offline,
        runner=request.runner,
        limits=request.limits,
    )
    checks = prove(subject, runs, wish, host, events)
    if not models:
        reason = "no model was given: the operators are those of a list"
        checks = (*checks, Check(name=OUTPUTS, outcome=Outcome.SKIPPED, reasons=(reason,)))
    if failed := failures(checks):
        raise _against(subject, failed)
    return checks


def _known(planned: Planned, output: BuildOutput, host: Host) -> Known:
    """Return what this build knows of its library beyond what the file tells."""
    compiler = planned.plan.toolchain.compiler.path
    ours = (host.cache, NATIVE.parent, Path.home(), compiler)
    text = output.link_map.read_text(encoding="utf-8", errors="replace")
    system = shared_symbols(output.link_line.shared)
    # bionic has some functions once for all and once for each library, which calls its own
    meant = frozenset[str]().union(*(read_object(it).strong for it in output.link_line.start_files))
    return Known(
        forbidden_paths=tuple(map(str, ours)),
        replaced=defined_symbols(text) & system - meant,
        provided=system | LINKER_SYMBOLS,
    )


def holdings(planned: Planned) -> Holdings:
    """Return what the planned runtime will hold."""
    plan = planned.plan
    interpreter = read_interpreter(plan.source.version)
    return Holdings(
        operators=planned.catalogue.held(plan.selection.names),
        classes=plan.selection.classes,
        dtypes=plan.profile.dtypes | plan.selection.dtypes,
        left_out=frozenset(cut.feature for cut in planned.cuts),
        upgraders=plan.selection.upgraders,
        opcodes=interpreter.instructions,
        bytecode_versions=interpreter.bytecode,
        operator_versions=interpreter.operator_sets,
    )


def _against(subject: Subject, failed: tuple[Check, ...]) -> VerificationError:
    """Return one error for all verdicts against a runtime that was built."""
    default = f"the runtime for {subject.target} does not answer as desktop torch does"
    titles = dict.fromkeys(_TITLES.get(it.name, default) for it in failed)
    lines = [
        f"{it.model}: {reason}" if it.model else reason for it in failed for reason in it.reasons
    ]
    hints = dict.fromkeys(it.hint for it in failed if it.hint)
    return VerificationError(
        f"{'; '.join(titles)}:\n    " + "\n    ".join(lines),
        hint="; ".join((*hints, f"the library is kept at {subject.library}")),
    )
