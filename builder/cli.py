"""The command line: argv, environment, stdout and the exit code; the only `print`."""

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from builder.commands.main_help import COMMANDS, main_parser
from builder.commands.options import (
    WANTED,
    Parser,
    add_common,
    add_extra,
    add_inputs,
    add_models,
    add_target,
    add_traced_inputs,
    asked_of,
    choice,
    host_of,
    inputs_of,
    limits_of,
    models_of,
    request_of,
    settings_of,
)
from builder.foundation.console import Console, make_console
from builder.foundation.settings import Setting
from builder.vocabulary.errors import BuildRuntimeError, ModelError, UsageError, did_you_mean


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911  one for each way to end
    """Run the command line; return the exit code. The only place that catches everything."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # CI cancels with SIGTERM: end what runs below, as for Ctrl-C
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _dispatch(words)
    except SystemExit as ended:  # argparse, after it printed --help
        return int(ended.code or 0)
    except BuildRuntimeError as error:
        return _show_error(error, as_json="--json" in words)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # what is left in the buffer must not be written, and fail, once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        wrapped = UsageError(
            f"{error.strerror or error}{where}",
            hint="make room or change the path, then run the same command again",
        )
        return _show_error(wrapped, as_json="--json" in words)
    except Exception:  # noqa: BLE001  whatever is left is our bug, and says so
        traceback.print_exc()
        print(
            "\nthis is a bug in build-runtime: please report it with the text above",
            file=sys.stderr,
        )
        return 1


def _show_error(error: BuildRuntimeError, *, as_json: bool) -> int:
    print(f"error: {error}", file=sys.stderr)
    if as_json:
        document = {
            "version": 1,
            "error": error.message,
            "looked_in": list(error.looked_in),
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        print(json.dumps(document, indent=2))
    return error.exit_code


def _dispatch(words: list[str]) -> int:
    if not words:
        print(main_parser().format_help())
        return 2
    if words[0] in _HANDLERS:
        return _HANDLERS[words[0]](words[1:])
    _refuse_misspelled_command(words[0])
    return _build(words)


def _refuse_misspelled_command(word: str) -> None:
    """Refuse a first word that is no file but nearly a command: it was meant as one."""
    if "." in word or "/" in word or word.startswith("-") or Path(word).exists():
        return
    if near := did_you_mean(word, COMMANDS):
        raise UsageError(
            f"no such model or command: {word}{near}",
            hint="build-runtime --help lists the commands",
        )


def _build(words: list[str]) -> int:
    options = main_parser().parse(words)
    settings = settings_of(options, os.environ)
    request, host = request_of(options, settings), host_of(settings, os.environ)
    from builder.commands import results  # noqa: PLC0415
    from builder.pipeline.run import run  # noqa: PLC0415  the stages load for commands that run them

    console = _console(options)
    if options.verbose:
        _show_settings(settings, console)
    try:
        built = run(request, host, console)
    finally:
        console.close()
    summaries = [it.summary for it in built]
    _answer(options, {"targets": summaries}, "\n".join(map(results.describe, built)))
    return 0


def _plan(words: list[str]) -> int:
    parser = Parser(
        "build-runtime plan", description="Say what a build would compile; compile nothing."
    )
    add_models(parser, WANTED)
    add_extra(parser)
    add_target(parser)
    add_common(parser)
    options = parser.parse(words)
    settings = settings_of(options, os.environ)
    request, host = request_of(options, settings), host_of(settings, os.environ)
    from builder.commands import planning  # noqa: PLC0415

    console = _console(options)
    try:
        document = planning.plan(request, host, console)
    finally:
        console.close()
    document["settings"] = {
        name: {"value": it.value, "origin": it.origin} for name, it in settings.items()
    }
    _answer(options, document, planning.to_text(document))
    return 0


def _verify(words: list[str]) -> int:
    parser = Parser(
        "build-runtime verify",
        usage="build-runtime verify ARTIFACT MODEL... [options]",
        description="Say whether an artifact that was built earlier runs these models, also models"
        " it was not built for: first what it lacks, then what it answers.",
    )
    parser.add_argument(
        "artifact", type=Path, metavar="ARTIFACT", help="an archive or folder a build wrote"
    )
    add_models(parser)
    add_inputs(parser)
    parser.add_argument(
        "--no-run", action="store_true", help="run nothing: only say what the artifact lacks"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write JUnit XML, for CI")
    add_common(parser)
    options = parser.parse(words)
    if options.no_run and options.require_run:
        parser.error("--no-run and --require-run exclude each other")
    models = models_of(options, "build-runtime verify ARTIFACT")
    inputs, limits = inputs_of(options, models), limits_of(options)
    host = host_of(settings_of(options, os.environ), os.environ)
    from builder.commands import verification  # noqa: PLC0415
    from builder.proof.proving import Wish  # noqa: PLC0415

    wish = Wish("--no-run" if options.no_run else "", options.require_run, limits)
    question = verification.Question(options.artifact, models, inputs, wish, options.junit)
    console = _console(options)
    try:
        answer = verification.verify(question, host, console)
    finally:
        console.close()
    _answer(options, answer.document, answer.text)
    return 0 if answer.error is None else _show_error(answer.error, as_json=False)


def _inspect(words: list[str]) -> int:
    parser = Parser(
        "build-runtime inspect",
        description="List the operators models call; with inputs, also what they execute in desktop"
        " torch, and on which dtypes.",
    )
    add_models(parser)
    add_traced_inputs(parser)
    parser.add_argument("--methods", action="store_true", help="also list what each method calls")
    parser.add_argument(
        "--diff", nargs="?", const="", metavar="BASE",
        help="say what the models need beyond BASE, a model or an artifact of a build, and whether"
        " they run on its runtime; without BASE, beyond the first model",
    )  # fmt: skip
    add_common(parser)
    options = parser.parse(words)
    models = models_of(options, "build-runtime inspect")
    if options.diff is not None:
        return _diff(options, models)
    inputs = inputs_of(options, models) if options.input or options.input_shape else ()
    host = host_of(settings_of(options, os.environ), os.environ)
    from builder.commands import inspection, inspection_text  # noqa: PLC0415

    question = inspection.Question(models, inputs, bundled=options.bundled)
    console = _console(options)
    try:
        document = inspection.inspect(question, host, console)
    finally:
        console.close()
    text = inspection_text.to_text(document, methods=options.methods)
    _answer(options, document, text)
    return 0


def _diff(options: argparse.Namespace, models: tuple[Path, ...]) -> int:
    base, compared = (Path(options.diff), models) if options.diff else (models[0], models[1:])
    if not compared:
        raise UsageError(
            f"nothing to compare {base} with", hint="build-runtime inspect BASE MODEL --diff"
        )
    if options.input or options.input_shape or options.bundled or options.methods:
        raise UsageError(
            "--diff compares what files ask for: it takes no inputs and no --methods",
            hint="leave them out, or leave --diff out",
        )
    if not base.exists():
        raise UsageError(
            f"no such model or artifact: {base}",
            hint="name a model, or an archive or folder that a build wrote",
        )
    host = host_of(settings_of(options, os.environ), os.environ)
    from builder.commands import difference  # noqa: PLC0415

    document = difference.difference(base, compared, host)
    _answer(options, document, difference.to_text(document))
    return 0


def _check(words: list[str]) -> int:
    parser = Parser(
        "build-runtime check",
        description="Say whether the pinned source runs the models, and all that is in the way;"
        " needs neither the source nor a toolchain. Exit code 3 when something is.",
    )
    add_models(parser, WANTED)
    add_extra(parser)
    add_common(parser)
    options = parser.parse(words)
    asked = asked_of(options, "build-runtime check")
    host = host_of(settings_of(options, os.environ), os.environ)
    from builder.commands import checking  # noqa: PLC0415

    document, text = checking.check(asked, host)
    _answer(options, document, text)
    return ModelError.exit_code if document["problems"] else 0


def _lock(words: list[str]) -> int:
    parser = Parser(
        "build-runtime lock",
        description="Write down which operators are needed and by which model, in a file to commit;"
        " builds take it instead of the models. With --check, fail when it is not what the models"
        " need (exit code 6), and say what differs.",
    )
    add_models(parser, WANTED)
    add_extra(parser)
    parser.add_argument(
        "-o", "--output", dest="file", type=Path, default=Path("operators.lock.yaml"),
        metavar="FILE", help="the file (default operators.lock.yaml)",
    )  # fmt: skip
    parser.add_argument("--check", action="store_true", help="compare with the file; write nothing")
    add_common(parser)
    options = parser.parse(words)
    asked = asked_of(options, "build-runtime lock")
    host = host_of(settings_of(options, os.environ), os.environ)
    from builder.commands import locking  # noqa: PLC0415

    run = locking.check if options.check else locking.lock
    document, text = run(asked, options.file, host)
    _answer(options, document, text)
    return 0


def _targets(words: list[str]) -> int:
    parser = Parser("build-runtime targets", description="List platforms and ABIs.")
    add_common(parser)
    options = parser.parse(words)
    from builder.commands import diagnosis  # noqa: PLC0415

    rows = diagnosis.targets(host_of(settings_of(options, os.environ), os.environ))
    _answer(options, {"targets": rows}, diagnosis.table(rows))
    return 0


def _doctor(words: list[str]) -> int:
    parser = Parser("build-runtime doctor", description="Check what builds need.")
    add_common(parser)
    options = parser.parse(words)
    from builder.commands import diagnosis  # noqa: PLC0415

    rows = diagnosis.doctor(host_of(settings_of(options, os.environ), os.environ))
    _answer(options, {"checks": rows}, diagnosis.table(rows))
    return 4 if any(row["state"] == "missing" for row in rows) else 0


def _report(words: list[str]) -> int:
    parser = Parser("build-runtime report", description="Show where the bytes of an archive went.")
    parser.add_argument(
        "artifact", type=Path, metavar="ARTIFACT", help="an archive or folder a build wrote"
    )
    parser.add_argument("--format", default="text", metavar="NAME", help="text (default) or json")
    add_common(parser)
    options = parser.parse(words)
    from builder.commands import reporting  # noqa: PLC0415

    form = choice(Setting(options.format, "--format"), ("text", "json"), "format")
    wanted = "json" if options.json else form
    print(reporting.size_report(options.artifact, wanted).rstrip())
    return 0


def _cache(words: list[str]) -> int:
    parser = Parser("build-runtime cache", description="Show or clear what builds keep.")
    parser.add_argument(
        "action", nargs="?", default="show", metavar="ACTION", help="show (default) or clear"
    )
    add_common(parser)
    options = parser.parse(words)
    from builder.commands import diagnosis  # noqa: PLC0415

    action = choice(Setting(options.action, "ACTION"), ("show", "clear"), "action")
    host = host_of(settings_of(options, os.environ), os.environ)
    rows = diagnosis.clear_cache(host) if action == "clear" else diagnosis.cache(host)
    document = {"cache": str(host.cache), "entries": rows}
    _answer(options, document, f"{host.cache}\n{diagnosis.table(rows)}")
    return 0


def _answer(options: argparse.Namespace, document: Mapping[str, object], text: str) -> None:
    print(json.dumps({"version": 1, **document}, indent=2) if options.json else text)


def _console(options: argparse.Namespace) -> Console:
    ci = bool(os.environ.get("CI")) or os.environ.get("TERM") == "dumb"
    return make_console(quiet=options.quiet, ci=ci)


def _show_settings(settings: Mapping[str, Setting], console: Console) -> None:
    for name, setting in settings.items():
        console.note(f"{name} = {setting.value or '-'}   ({setting.origin})")


_HANDLERS: Final[Mapping[str, Callable[[list[str]], int]]] = {
    "build": _build,
    "cache": _cache,
    "check": _check,
    "doctor": _doctor,
    "inspect": _inspect,
    "lock": _lock,
    "plan": _plan,
    "report": _report,
    "targets": _targets,
    "verify": _verify,
}
