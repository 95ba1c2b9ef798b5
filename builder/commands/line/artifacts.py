"""`verify` and `report`: what an artifact runs that was built earlier, and how large it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option, part, place
from builder.commands.line.command import Command
from builder.commands.line.given import PROOF, Models, Proof, checked_models, inputs_of, limits_of
from builder.foundation.settings import one_of
from builder.vocabulary.errors import UsageError

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
    proof: Proof = part(Proof, PROOF)


def _verify(options: VerifyOptions, session: Session) -> Answer:
    if options.no_run and options.proof.require_run:
        raise UsageError(
            "--no-run and --require-run exclude each other",
            hint=f"{VERIFY.title} --help lists what there is",
        )
    models = checked_models(options.models.models, f"{VERIFY.title} ARTIFACT")
    inputs, limits = inputs_of(options.proof.inputs, models), limits_of(options.proof)
    from builder.commands import verification
    from builder.proof.proving import Wish

    wish = Wish(
        "--no-run" if options.no_run else "",
        options.proof.require_run,
        fetch=not options.offline,
        limits=limits,
    )
    question = verification.Question(options.artifact, models, inputs, wish, options.junit)
    return verification.verify(question, session.host, session.console)


VERIFY: Final = Command(
    name="verify",
    usage="build-runtime verify ARTIFACT MODEL... [options]",
    description="Say whether an artifact that was built earlier runs these models, also models it"
    " was not built for. It lists what the artifact lacks, then compares the answers.",
    options=VerifyOptions,
    run=_verify,
)

_FORMATS: Final = ("text", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What `report` takes."""

    artifact: Path = place("ARTIFACT", _ARTIFACT, Path)
    form: str = option(
        "--format", "NAME", "text (default) or json",
        parse=one_of("format", _FORMATS, str), default="text",
    )  # fmt: skip


def _report(options: ReportOptions, session: Session) -> Answer:
    del session
    from builder.commands import reporting

    return reporting.size_report(options.artifact, as_json=options.form == "json")


REPORT: Final = Command(
    name="report",
    description="Show where the bytes of an artifact went.",
    options=ReportOptions,
    run=_report,
)
