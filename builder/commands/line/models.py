"""`check`, `inspect` and `lock`: what models need, told without a toolchain."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option, part, repeated
from builder.commands.line.command import Command
from builder.commands.line.given import Inputs, Models, Wanted, asked_of, checked_models, inputs_of
from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import Abi, Platform, make_target, parse_abi

if TYPE_CHECKING:
    from builder.extensions.reading import Extension


def _extension(session: Session) -> "Extension":
    """Return the operators of the user's own that the settings name."""
    settings = session.resolved.settings.build
    from builder.extensions.reading import NOTHING, read_extension

    if not settings.ops_source and not settings.ops_library:
        return NOTHING
    return read_extension(settings.ops_source, settings.ops_library)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What `check` takes."""

    wanted: Wanted = part(Wanted)


def _check(options: CheckOptions, session: Session) -> Answer:
    asked = asked_of(options.wanted, CHECK.title)
    from builder.commands import checking

    return checking.check(asked, session.host, _extension(session))


CHECK: Final = Command(
    name="check",
    description="Say whether the pinned release of PyTorch runs the models, and list all that is in"
    " the way. It needs no source and no toolchain. The exit code is 3 if anything is in the way.",
    options=CheckOptions,
    run=_check,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """On what models are run in desktop torch."""

    inputs: Inputs = part(Inputs)
    bundled: bool = flag("--bundled", "run models on the inputs that come with them")


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectOptions:
    """What `inspect` takes. `diff` is empty where the first model is the base."""

    models: Models = part(Models)
    methods: bool = flag("--methods", "also list what each method calls")
    diff: str | None = option(
        "--diff", "BASE",
        "compare with BASE, a model or an artifact of a build: say what the models need beyond it,"
        " and whether its runtime runs them; without BASE, the first model is the base",
        parse=str, default=None, bare="",
    )  # fmt: skip
    converted: bool = flag(
        "--converted", "say what the conversion repaired, and which operators that changed"
    )
    sizes: Abi | None = option(
        "--sizes", "ABI",
        "predict the size of the library for an ABI, what each operator brings, and which lines of"
        " the models call the dearest", parse=parse_abi, default=None,
    )  # fmt: skip
    what_if: tuple[str, ...] = repeated(
        "--what-if", "CHANGE",
        "with --sizes, also predict with a change: drop=OPERATOR, add=MODEL or optimize=GOAL;"
        " repeatable", str,
    )  # fmt: skip
    traced: Traced = part(Traced, "what is executed, and on which dtypes")


def _inspect(options: InspectOptions, session: Session) -> Answer:
    models = checked_models(options.models.models, INSPECT.title)
    if options.diff is not None and options.converted:
        raise UsageError(
            "--diff compares models, --converted tells of each on its own",
            hint="leave one of them out",
        )
    if options.what_if and options.sizes is None:
        raise UsageError(
            "--what-if changes a prediction, and none is asked for", hint="add --sizes ABI"
        )
    if options.sizes is not None:
        return _sizes(options, options.sizes, session)
    if options.diff is not None:
        return _diff(options, options.diff, session)
    if options.converted:
        return _converted(options, session)
    given = options.traced.inputs
    inputs = inputs_of(given, models) if given.given else ()
    from builder.commands.inspecting import inspection, inspection_text

    question = inspection.Question(
        models, inputs, bundled=options.traced.bundled, extension=_extension(session)
    )
    document = inspection.inspect(question, session.host, session.console)
    return Answer(document, inspection_text.to_text(document, methods=options.methods))


def _sizes(options: InspectOptions, abi: Abi, session: Session) -> Answer:
    if options.diff is not None or options.converted or _more_than_files(options):
        raise UsageError(
            "--sizes predicts what files ask for: it takes no inputs and no --methods, --diff or"
            " --converted",
            hint="leave them out, or leave --sizes out",
        )
    from builder.commands.inspecting import sizing

    build = session.resolved.settings.build
    platform = Platform.LINUX if build.platform == "auto" else Platform(build.platform)
    target = make_target(platform, abi, build.android_api)
    document = sizing.sizing(
        options.models.models, target, options.what_if, build, session.host,
        extension=_extension(session),
    )  # fmt: skip
    return Answer(document, sizing.to_text(document))


def _more_than_files(options: InspectOptions) -> bool:
    traced = options.traced
    return traced.inputs.given or traced.bundled or options.methods


def _converted(options: InspectOptions, session: Session) -> Answer:
    if _more_than_files(options):
        raise UsageError(
            "--converted compares what files ask for: it takes no inputs and no --methods",
            hint="leave them out, or leave --converted out",
        )
    from builder.commands.inspecting import conversion

    rewrite = session.resolved.settings.build.conversion
    models = options.models.models
    document = conversion.conversion(models, session.host, rewrite, _extension(session))
    return Answer(document, conversion.to_text(document))


def _diff(options: InspectOptions, named: str, session: Session) -> Answer:
    models = options.models.models
    base, compared = (Path(named), models) if named else (models[0], models[1:])
    if not compared:
        raise UsageError(
            f"nothing to compare {base} with", hint="build-runtime inspect BASE MODEL --diff"
        )
    if _more_than_files(options):
        raise UsageError(
            "--diff compares what files ask for: it takes no inputs and no --methods",
            hint="leave them out, or leave --diff out",
        )
    if not base.exists():
        raise UsageError(
            f"no such model or artifact: {base}",
            hint="name a model, or an archive or folder that a build wrote",
        )
    from builder.commands.inspecting import difference

    rewrite = session.resolved.settings.build.conversion
    document = difference.difference(base, compared, session.host, rewrite, _extension(session))
    return Answer(document, difference.to_text(document))


INSPECT: Final = Command(
    name="inspect",
    description="List the operators that models call. With inputs, also list what they execute in"
    " desktop torch, and on which dtypes.",
    options=InspectOptions,
    run=_inspect,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """What `lock` takes."""

    wanted: Wanted = part(Wanted)
    file: Path = option(
        "--output", "FILE", "the file (default operators.lock.yaml)",
        parse=Path, default=Path("operators.lock.yaml"), short="-o",
    )  # fmt: skip
    check: bool = flag("--check", "compare with the file; write nothing")


def _lock(options: LockOptions, session: Session) -> Answer:
    asked = asked_of(options.wanted, LOCK.title)
    from builder.commands import locking

    run = locking.check if options.check else locking.lock
    rewrite = session.resolved.settings.build.conversion
    return run(asked, options.file, session.host, rewrite, _extension(session))


LOCK: Final = Command(
    name="lock",
    description="Write down which model needs which operator, in a file to commit. A build takes"
    " that file instead of the models. With --check, compare the file with what the models need,"
    " and say what differs; the exit code is then 6.",
    options=LockOptions,
    run=_lock,
)
