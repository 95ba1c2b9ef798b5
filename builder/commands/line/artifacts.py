"""`verify`, `bench`, `report`: what an artifact runs, how fast, and how large it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option, part, place, repeated
from builder.commands.line.command import Command
from builder.commands.line.given import (
    PROOF,
    Inputs,
    Models,
    Proof,
    checked_models,
    inputs_of,
    is_list,
    limits_of,
)
from builder.foundation.amounts import parse_budget
from builder.foundation.settings import Settings, one_of
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Budget
from builder.vocabulary.targets import Abi

if TYPE_CHECKING:
    from builder.commands.verification.rebuilding import Rebuild

_ARTIFACT: Final = "an archive or a folder that a build wrote"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What `verify` takes."""

    artifact: Path = place("ARTIFACT", _ARTIFACT, Path)
    models: Models = part(Models)
    no_run: bool = flag("--no-run", "run nothing: only say what the artifact lacks")
    offline: bool = flag("--offline", "never touch the network: fetch no emulator")
    junit: Path | None = option(
        "--junit", "FILE", "also write JUnit XML, for CI", parse=Path, default=None
    )
    again: str | None = option(
        "--rebuild", "DIR",
        "also build it again, and compare the bytes; in DIR, which keeps what is compiled, or in a"
        " folder that is removed; needs what it was built of",
        parse=str, default=None, bare="",
    )  # fmt: skip
    proof: Proof = part(Proof, PROOF)


def _verify(options: VerifyOptions, session: Session) -> Answer:
    if options.no_run and options.proof.require_run:
        raise UsageError(
            "--no-run and --require-run exclude each other",
            hint=f"{VERIFY.title} --help lists what there is",
        )
    paths = checked_models(options.models.models, f"{VERIFY.title} ARTIFACT")
    lists = tuple(it for it in paths if options.again is not None and is_list(it))
    models = tuple(it for it in paths if it not in lists)
    inputs, limits = inputs_of(options.proof.inputs, models), limits_of(options.proof)
    from builder.commands.verification import judging
    from builder.extensions.reading import read_extension
    from builder.proof.proving import Wish

    settings = session.resolved.settings.build
    wish = Wish(
        "--no-run" if options.no_run else "",
        options.proof.require_run,
        fetch=not options.offline,
        runner=settings.runner,
        limits=limits,
    )
    extension = read_extension(settings.ops_source, settings.ops_library)
    question = judging.Question(
        options.artifact, models, inputs, wish, options.junit, extension,
        rebuild=_rebuild(options, lists, session.resolved.settings),
    )  # fmt: skip
    return judging.verify(question, session.host, session.console)


def _rebuild(
    options: VerifyOptions, lists: tuple[Path, ...], settings: Settings
) -> "Rebuild | None":
    if options.again is None:
        return None
    from builder.commands.verification.rebuilding import Rebuild
    from builder.source.request import SourceRequest

    source = SourceRequest(
        directory=settings.source.directory,
        provider=settings.source.provider,
        offline=options.offline,
    )
    folder = Path(options.again) if options.again else None
    return Rebuild(folder, settings.build, source, lists)


VERIFY: Final = Command(
    name="verify",
    usage="build-runtime verify ARTIFACT MODEL... [options]",
    description="Say whether an artifact that was built earlier runs these models, also models it"
    " was not built for. It lists what the artifact lacks, then compares the answers.",
    options=VerifyOptions,
    run=_verify,
)

_PEERS: Final = ("torch", "onnxruntime")
_MOST_THREADS: Final = 256
_MOST_ROUNDS: Final = 1000


def _counts(most: int) -> Callable[[str], tuple[int, ...]]:
    """Return what reads numbers from 1 to `most`, separated by commas."""

    def parse(text: str) -> tuple[int, ...]:
        words = [word.strip() for word in text.split(",")]
        if not all(word.isdecimal() and 1 <= int(word) <= most for word in words):
            raise UsageError(
                f"{text!r} is not a number from 1 to {most}, or several separated by commas",
                hint="write it like 1,2",
            )
        return tuple(dict.fromkeys(int(word) for word in words))

    return parse


def _rounds(text: str) -> int:
    counts = _counts(_MOST_ROUNDS)(text)
    if len(counts) > 1:
        raise UsageError(f"{text!r}: there is one number of rounds", hint="write it like 9")
    return counts[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What `bench` takes."""

    artifact: Path = place("ARTIFACT", _ARTIFACT, Path)
    models: Models = part(Models)
    inputs: Inputs = part(Inputs, "what it is run on")
    threads: tuple[int, ...] = option(
        "--threads", "N[,N]", "threads one run may use; several are measured one after the other"
        " (default 1)", parse=_counts(_MOST_THREADS), default=(1,),
    )  # fmt: skip
    against: str | None = option(
        "--against", "NAME", "take turns with the same model in torch or onnxruntime",
        parse=one_of("peer", _PEERS, str), default=None,
    )  # fmt: skip
    rounds: int = option(
        "--rounds", "N", "how often it is measured; figures are medians (default 9)",
        parse=_rounds, default=9,
    )  # fmt: skip
    base: Path | None = option(
        "--base", "FILE", "what `bench --json` printed earlier: tell what became better or worse,"
        " and what is noise", parse=Path, default=None,
    )  # fmt: skip
    per_op: bool = flag("--per-op", "also tell what each operator takes, on one thread")
    instructions: bool = flag(
        "--instructions", "count the instructions of one run under qemu, also for other processors"
    )


def _bench(options: BenchOptions, session: Session) -> Answer:
    models = checked_models(options.models.models, f"{BENCH.title} ARTIFACT")
    if len(models) > 1:
        raise UsageError(
            f"one model is measured at a time, and {len(models)} are given",
            hint=f"{BENCH.title} ARTIFACT MODEL",
        )
    (inputs,) = inputs_of(options.inputs, models)
    from builder.benching.peers.job import PeerName
    from builder.commands import benching
    from builder.extensions.reading import read_extension

    settings = session.resolved.settings.build
    question = benching.Question(
        options.artifact, models[0], inputs, options.threads, options.rounds,
        PeerName(options.against) if options.against else None, options.per_op,
        options.instructions, options.base, settings.runner,
        read_extension(settings.ops_source, settings.ops_library),
    )  # fmt: skip
    return benching.bench(question, session.host, session.console)


BENCH: Final = Command(
    name="bench",
    usage="build-runtime bench ARTIFACT MODEL [options]",
    description="Measure how fast an artifact runs a model: loading, the first run, later runs, and"
    " memory. A peer takes turns with it, so that a busy machine disturbs both alike. Times are"
    " taken natively only; for other processors it counts instructions.",
    options=BenchOptions,
    run=_bench,
)

# builder.report.formats has the same, and is loaded when a report is made; a test compares them
_FORMATS: Final = ("text", "markdown", "json", "csv", "html")
_SBOM_FORMATS: Final = ("cyclonedx", "notice")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What `report` takes."""

    artifact: Path = place("ARTIFACT", _ARTIFACT, Path)
    form: str = option(
        "--format", "NAME", "text (default), markdown, json, csv (bloaty's columns) or html",
        parse=one_of("format", _FORMATS, str), default="text",
    )  # fmt: skip
    base: Path | None = option(
        "--base", "ARTIFACT", "an earlier artifact, or its report: tell what grew, and why",
        parse=Path, default=None,
    )  # fmt: skip
    budgets: tuple[Budget, ...] = repeated(
        "--budget", "[METRIC=]SIZE", "how large it may be, such as 2.2MB, download=900kB or"
        " growth=10kB; exit code 7 if it is larger", parse_budget,
    )  # fmt: skip
    output: Path | None = option(
        "--output", "FILE", "write the report to a file", parse=Path, default=None, short="-o"
    )


def _report(options: ReportOptions, session: Session) -> Answer:
    from builder.commands import reporting
    from builder.report.budgets import in_force

    project = session.resolved.budgets
    question = reporting.Question(
        options.artifact,
        options.form,
        options.base,
        in_force(options.budgets, project if options.base else reporting.without_base(project)),
        options.output,
    )
    return reporting.size_report(question, as_json=options.form == "json")


REPORT: Final = Command(
    name="report",
    description="Show where the bytes of an artifact went, what grew since an earlier one and why,"
    " and whether it keeps its budgets.",
    options=ReportOptions,
    run=_report,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomOptions:
    """What `sbom` takes."""

    artifact: Path = place("ARTIFACT", _ARTIFACT, Path)
    form: str = option(
        "--format", "NAME", "cyclonedx (default) or notice, the licences for people",
        parse=one_of("format", _SBOM_FORMATS, str), default="cyclonedx",
    )  # fmt: skip
    abi: Abi | None = option(
        "--for", "ABI", "of which ABI, where an artifact has several",
        parse=one_of("ABI", tuple(Abi), Abi), default=None,
    )  # fmt: skip


def _sbom(options: SbomOptions, session: Session) -> Answer:
    from builder.commands.verification import composition

    form = composition.Form(options.form)
    question = composition.Question(options.artifact, form, options.abi)
    return composition.composition(question, session.host)


SBOM: Final = Command(
    name="sbom",
    description="Print what an artifact was made of, as its link map proved it: a bill of materials"
    " (CycloneDX 1.6), or the licences.",
    options=SbomOptions,
    run=_sbom,
)
