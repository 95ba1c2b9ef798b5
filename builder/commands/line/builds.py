"""`build` and `plan`: what is made of models, and what would be."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder import RELEASE
from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option, part
from builder.commands.line.command import Command
from builder.commands.line.given import PROOF, Proof, Wanted, asked_of, inputs_of, limits_of
from builder.foundation.coordinates import drop_in
from builder.foundation.settings import SOURCE_GROUP, BuildSettings, Settings
from builder.vocabulary.errors import UsageError

if TYPE_CHECKING:
    from builder.pipeline.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where sources may come from, besides the settings."""

    offline: bool = flag("--offline", "never touch the network")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What `build` takes."""

    wanted: Wanted = part(Wanted)
    no_verify: bool = flag("--no-verify", "do not run the models; the manifest says so")
    prove_twin: bool = flag(
        "--prove-twin", "where nothing runs programs of the target, also build the same for Linux,"
        " and run the models in that",
    )  # fmt: skip
    bundle_models: bool = flag(
        "--bundle-models", "put the models into the AAR, from where apps have them as assets"
    )
    maven_drop_in: bool = flag(
        "--maven-drop-in", "publish as PyTorch's own org.pytorch:pytorch_android_lite, in a later"
        " version, so that Gradle takes it also where plugins ask for that",
    )  # fmt: skip
    source: Source = part(Source, SOURCE_GROUP)
    proof: Proof = part(Proof, PROOF)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What `plan` takes."""

    wanted: Wanted = part(Wanted)
    write: Path | None = option(
        "--write", "DIR", "also write the CMake project that makes the runtime without this tool;"
        " to know its files, they are compiled", parse=Path, default=None,
    )  # fmt: skip
    source: Source = part(Source, SOURCE_GROUP)


def request_of(options: BuildOptions, settings: Settings) -> "Request":
    """Return what the pipeline is asked to do; raise `UsageError` for what it cannot be asked."""
    from builder.pipeline.request import Request
    from builder.source.request import SourceRequest

    asked = asked_of(options.wanted, "build-runtime")
    if not asked.models and options.proof.require_run:
        raise UsageError(
            "--require-run needs a model: an operator list cannot be run",
            hint="name the model too, or leave --require-run out",
        )
    if options.prove_twin and options.no_verify:
        raise UsageError(
            "--prove-twin and --no-verify exclude each other", hint="leave one of them out"
        )
    if not settings.build.abis:
        raise UsageError(
            "no ABI given",
            hint="add --abi arm64-v8a, or set it in [tool.build-runtime] of pyproject.toml",
        )
    build = _as_drop_in(settings.build) if options.maven_drop_in else settings.build
    return Request(
        # by name, so that a new setting reaches the pipeline without a line here
        **{it.name: getattr(build, it.name) for it in fields(build)},
        models=asked.models,
        lists=asked.lists,
        extra=asked.extra,
        source=SourceRequest(
            directory=settings.source.directory,
            provider=settings.source.provider,
            offline=options.source.offline,
        ),
        inputs=inputs_of(options.proof.inputs, asked.models),
        verify=not options.no_verify,
        require_run=options.proof.require_run,
        prove_twin=options.prove_twin,
        bundle_models=options.bundle_models,
        limits=limits_of(options.proof),
    )


def _as_drop_in(settings: BuildSettings) -> BuildSettings:
    its = drop_in(settings.coordinates, BuildSettings().coordinates, RELEASE)
    return replace(
        settings, maven_group=its.group, maven_artifact=its.artifact, maven_version=its.version
    )


def _build(options: BuildOptions, session: Session) -> Answer:
    request = request_of(options, session.resolved.settings)
    from builder.commands import results
    from builder.pipeline.run import run

    built = run(request, session.host, session.console)
    answer = results.answer(built)
    if session.resolved.budgets:
        from builder.commands import reporting

        error = reporting.check_built((it.archive for it in built), session.resolved.budgets)
        answer = replace(answer, error=error)
    limit = session.resolved.settings.machine.cache_size
    if limit is not None:
        from builder.commands.keeping import shelves

        shelves.keep_within(limit, session.host.cache, session.console.note)
    return answer


def _plan(options: PlanOptions, session: Session) -> Answer:
    whole = BuildOptions(wanted=options.wanted, source=options.source)
    request = request_of(whole, session.resolved.settings)
    from builder.commands import planning

    return planning.plan(request, session, options.write)


BUILD: Final = Command(
    name="build",
    usage="build-runtime MODEL... --abi ABI[,ABI] [options]",
    description="""\
Build a LibTorch-lite runtime that holds exactly the operators your models call,
prove that it runs them, and package it with the models.""",
    options=BuildOptions,
    run=_build,
)

PLAN: Final = Command(
    name="plan",
    description="Say what a build would compile, and how large the result would be. Nothing is"
    " compiled, unless the project is to be written.",
    options=PlanOptions,
    run=_plan,
)
