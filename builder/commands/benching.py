"""`bench`: how fast an artifact runs a model, alone or beside a peer, and what a run executes."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.artifact.opening import open_artifact
from builder.artifact.reading import Artifact, changed_files
from builder.benching.baseline import Baseline, Subject, read_baseline
from builder.benching.comparing import measure, measure_against
from builder.benching.counting import count_instructions, find_emulator, make_counter
from builder.benching.figures import Ratio, Row
from builder.benching.operators import WARN, OperatorTime, measure_operators
from builder.benching.peers.job import Job, PeerName
from builder.benching.programs import Program
from builder.commands.exchange import Answer
from builder.extensions.libraries import refuse_unloadable
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.files import sha256_file
from builder.foundation.process import Host
from builder.models.conversion.torchscript import reader
from builder.models.selection import select
from builder.pipeline.request import Events
from builder.pipeline.wanted import read_models
from builder.proof.execution import find_executor, find_runner
from builder.proof.executor import Executor
from builder.proof.model_run import ask_torch
from builder.proof.needs import unmet_needs
from builder.vocabulary.errors import ModelError, ToolchainError, UsageError, VerificationError
from builder.vocabulary.models import InputSpec, Model, ModelFormat, inputs_for
from builder.vocabulary.targets import target_facts

_KINDS: Final = {
    ModelFormat.LITE: ("lite",),
    ModelFormat.FLATBUFFER: ("lite",),
    ModelFormat.EXPORTED: ("exported",),
}
_ON_A_DEVICE: Final = "measure on a device: --runner adb, or another command that runs programs"
_DIGITS: Final = 16
_COMPILER: Final = (sys.executable, "-m", "ziglang", "cc")


@dataclass(frozen=True, slots=True)
class Question:
    """What `bench` is asked: so many rounds for each number of threads, and what else."""

    artifact: Path
    model: Path
    inputs: InputSpec
    threads: tuple[int, ...]
    rounds: int
    against: PeerName | None
    per_op: bool
    instructions: bool
    base: Path | None = None
    runner: str = ""
    extension: Extension = NOTHING


def bench(question: Question, host: Host, events: Events) -> Answer:
    """Measure an artifact with a model; raise what says why it cannot be."""
    events.step("reading the artifact")
    with open_artifact(question.artifact, host.cache / "scratch") as artifact:
        executor = _executor(artifact, question, host)
        events.step("reading the model")
        (model,) = read_models(
            (question.model,), host, reader(artifact.rewrite, question.extension)
        )
        refuse_unloadable((model,), host)
        _check(artifact, model, question)
        spec = inputs_for(model, question.inputs)
        if not spec.given:
            raise UsageError(
                f"{question.model} brings no inputs, and none are given",
                hint="--input FILE or --input-shape 1,3,224,224",
            )
        subject = Subject(str(artifact.target), model.name, executor.how, _identity(spec))
        base = _read_base(question, subject)
        with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
            events.step(f"running {model.name} in desktop torch on {spec.describe()}")
            inputs = ask_torch(model, spec, Path(scratch), host).inputs
            assert artifact.program is not None, "an artifact of one ABI is no app"
            program = Program(
                () if question.runner else executor.prefix,
                artifact.program, model.path.resolve(), inputs,
                executor if question.runner else None,
            )  # fmt: skip
            rows = tuple(_rows(question, model, program, host, events))
            operators = _operators(question, artifact, program, host, events)
            counted = _count(question, artifact, program, host, events)
        document = {
            "artifact": str(question.artifact),
            **subject.document(),
            "library_bytes": artifact.library.stat().st_size,
            "rows": [it.document() for it in rows],
            "operators": None if operators is None else [it.document() for it in operators],
            "instructions": counted,
            "base": None if base is None else _base(base, rows),
        }
    return Answer(document, to_text(document, rows, operators or ()))


def _identity(spec: InputSpec) -> str:
    """Return what tells inputs from others: of files it is the content, wherever they lie."""
    if not spec.files:
        return spec.describe()
    return ", ".join(f"sha256:{sha256_file(it)[:_DIGITS]}" for it in spec.files)


def _read_base(question: Question, subject: Subject) -> Baseline | None:
    if question.base is None:
        return None
    base = read_baseline(question.base, subject)
    base.refuse_without(question.threads, question.rounds)
    return base


def _base(base: Baseline, rows: Iterable[Row]) -> dict[str, Any]:
    changes = [
        {
            "threads": row.threads,
            **{it: change.document() for it, change in base.changes(row).items()},
        }
        for row in rows
    ]
    return {"file": str(base.path), "changes": changes}


def _executor(artifact: Artifact, question: Question, host: Host) -> Executor:
    """Return how programs run; raise for what would have to be timed in an emulator."""
    if question.runner:
        return _elsewhere(artifact, question, host)
    found = find_executor(artifact.target, host)
    if not isinstance(found, Executor):
        raise ToolchainError(
            f"programs of {artifact.target} do not run here", looked_in=[found], hint=_ON_A_DEVICE
        )
    if found.prefix and (not question.instructions or question.against or question.per_op):
        raise UsageError(
            f"programs of {artifact.target} run here {found.how}, whose times say nothing about a"
            " device",
            hint=f"--instructions alone counts what a run executes; or {_ON_A_DEVICE}",
        )
    if found.prefix and question.base is not None:
        raise UsageError(
            f"--base compares times, and programs of {artifact.target} run here {found.how}, where"
            " instructions are only counted",
            hint=f"leave out --base; or {_ON_A_DEVICE}",
        )
    return found


def _elsewhere(artifact: Artifact, question: Question, host: Host) -> Executor:
    if question.against or question.instructions:
        asked = "--against" if question.against else "--instructions"
        raise UsageError(
            f"{asked} measures on this machine, and --runner runs programs elsewhere",
            hint=f"leave out {asked}, or --runner",
        )
    return (
        find_runner(question.runner, host)
        .reach(artifact.target, host)
        .showing(artifact.library.resolve())
    )


def _check(artifact: Artifact, model: Model, question: Question) -> None:
    """Raise unless the artifact is as it was built, and holds what the model needs."""
    if changed := changed_files(artifact):
        raise VerificationError(
            f"{question.artifact} is not what was built: {'; '.join(changed)}",
            hint="take the archive as it was built, or build it again",
        )
    if unmet := unmet_needs(model, select((model,)), artifact.holdings):
        raise ModelError(
            f"{question.artifact} does not hold what {model.name} needs: {'; '.join(unmet)}",
            hint=f"build-runtime verify {question.artifact} {question.model} tells how to add it",
        )
    if question.against is PeerName.TORCH and model.own.unanswered:
        raise UsageError(
            f"desktop torch has no {', '.join(model.own.unanswered)}, which {model.name} calls",
            hint="name the library with these operators for desktop torch: --ops-library FILE",
        )


def _rows(
    question: Question, model: Model, program: Program, host: Host, events: Events
) -> Iterator[Row]:
    if program.prefix:  # emulated: nothing is timed
        return
    for threads in question.threads:
        events.step(f"timing {question.rounds} rounds, threads: {threads}")
        if question.against is None:
            yield measure(program, threads, question.rounds, host)
            continue
        original = model.path if model.format is ModelFormat.LITE else model.source
        kind = _KINDS.get(model.format, ())
        job = Job(
            question.against, original.resolve(), kind, program, threads, question.rounds, model.own
        )
        yield measure_against(job, host)


def _operators(
    question: Question, artifact: Artifact, program: Program, host: Host, events: Events
) -> tuple[OperatorTime, ...] | None:
    if not question.per_op:
        return None
    if WARN not in artifact.holdings.opcodes:
        raise ModelError(
            f"{question.artifact} was built without warnings, which tell operators apart",
            hint="build it again, or leave --per-op out",
        )
    events.step("timing operators")
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        return measure_operators(program, host, Path(scratch))


def _count(
    question: Question, artifact: Artifact, program: Program, host: Host, events: Events
) -> int | None:
    if not question.instructions:
        return None
    events.step("counting instructions")
    if program.prefix:
        emulator, _, sysroot = program.prefix
        counter = make_counter(Path(emulator), Path(sysroot), _COMPILER, host)
    else:
        name = target_facts(artifact.target).emulator
        found = find_emulator(name, host)
        if found is None:
            raise ToolchainError(
                f"instructions are counted by {name}, which is not here",
                looked_in=["PATH"],
                hint="Debian: apt install qemu-user",
            )
        counter = make_counter(found, None, _COMPILER, host)
    return count_instructions(program, counter, host)


def to_text(
    document: dict[str, Any], rows: tuple[Row, ...], operators: tuple[OperatorTime, ...]
) -> str:
    """Return the figures for people."""
    about = f"{document['target']}, {document['runner']}"
    lines = [f"{document['model']} ({about}), library: {document['library_bytes']:,} bytes"]
    if rows:
        lines += [
            "",
            "threads       load  first run        run        p90        p99   processor       peak",
        ]
    for row in rows:
        it = row.typical
        lines.append(
            f"{row.threads:<7} {_time(it.load)} {_time(it.first)} {_time(it.wall)} {_time(it.p90)}"
            f" {_time(it.p99)} {_time(it.cpu)}  {it.peak / 1024:6.1f} MB"
        )
    for row in rows:
        cpu, wall = row.ratio("cpu"), row.ratio("wall")
        if row.peer is not None and cpu is not None and wall is not None:
            lines.append(
                f"{_threads(row.threads)} / {row.peer.name}:"
                f" processor {_ratio(cpu)}, clock {_ratio(wall)}"
            )
    lines += _base_lines(document["base"])
    lines += _operator_lines(operators)
    if document["instructions"] is not None:
        lines += ["", f"instructions of one run: {document['instructions']:,}"]
    return "\n".join(lines)


def _base_lines(base: dict[str, Any] | None) -> Iterator[str]:
    for row in base["changes"] if base else ():
        processor, clock = row["cpu_us"], row["wall_us"]
        yield (
            f"{_threads(row['threads'])} / {base['file'] if base else ''}:"
            f" processor {processor['ratio']:.3f} ({processor['verdict']}),"
            f" clock {clock['ratio']:.3f} ({clock['verdict']})"
        )


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _operator_lines(operators: tuple[OperatorTime, ...]) -> Iterator[str]:
    total = sum(it.time for it in operators)
    if operators:
        yield ""
        yield "calls of a run        time  share  operator (one thread)"
    for it in operators:
        share = it.time / total if total else 0.0
        yield f"{it.calls:14.6g} {_time(it.time)} {share:6.1%}  {it.name}"


def _time(microseconds: float) -> str:
    return f"{microseconds / 1000:8.2f} ms"


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.median:.3f} ({ratio.least:.3f} to {ratio.most:.3f})"
