"""The command line: argv, environment, stdout and the exit code; the only `print`."""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from builder import VERSION
from builder.config import DEFAULTS, Setting, read_table, resolve
from builder.console import Console, make_console
from builder.errors import BuildRuntimeError, UsageError, did_you_mean
from builder.process import Host, SubprocessRunner
from builder.targets import parse_abis

_COMMANDS: Final = ("build", "inspect", "plan", "report", "targets", "doctor", "cache")
_EXIT_CODES: Final = """\
exit codes:
  0 ok                              5 compile or link failed
  1 our bug                         6 verification failed
  2 usage or configuration          7 size budget exceeded
  3 model or operator unsupported   130 interrupted
  4 toolchain or source not found
"""
_EPILOG: Final = f"""\
examples:
  build-runtime model.pt --abi arm64-v8a --input-shape 1,3,224,224
  build-runtime a.pt b.ptl --abi arm64-v8a,x86_64 --input a.npz --input b.pt -o dist/
  build-runtime plan model.pt --abi arm64-v8a      what would be compiled; compiles nothing
  build-runtime inspect model.pt                   the operators it calls; needs no toolchain

commands: {", ".join(_COMMANDS)}   (`build-runtime COMMAND --help`)
Every long option below is also a key of [tool.build-runtime] in pyproject.toml and an environment
variable (BUILD_RUNTIME_ABI, …) where it says so; flags win, then the environment, then the file.

{_EXIT_CODES}"""


class _Parser(argparse.ArgumentParser):
    """argparse with our shape of errors: what, and near names for an option nobody knows."""

    def error(self, message: str) -> Any:  # noqa: ANN401  argparse declares NoReturn, a raise is one
        raise UsageError(message, hint=f"{self.prog} --help lists what there is")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse everything; an unknown option is named with the near ones."""
        known, rest = self.parse_known_args(argv)
        if rest:
            options = [option for action in self._actions for option in action.option_strings]
            word = rest[0].split("=", 1)[0]
            near = did_you_mean(word, options)
            raise UsageError(
                f"unknown argument {word}{near}", hint=f"{self.prog} --help lists what there is"
            )
        return known


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code. The only place that catches everything."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except BuildRuntimeError as error:
        _show_error(error, as_json="--json" in words)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.close(sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        wrapped = UsageError(
            f"{error.strerror or error}{where}",
            hint="make room or change the path, then run the same command again",
        )
        _show_error(wrapped, as_json="--json" in words)
        return wrapped.exit_code
    except Exception:  # noqa: BLE001  whatever is left is our bug, and says so
        traceback.print_exc()
        print(
            "\nthis is a bug in build-runtime: please report it with the text above",
            file=sys.stderr,
        )
        return 1


def _show_error(error: BuildRuntimeError, *, as_json: bool) -> None:
    print(f"error: {error}", file=sys.stderr)
    if as_json:
        document = {
            "error": error.message,
            "looked_in": list(error.looked_in),
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        print(json.dumps(document, indent=2))


def _dispatch(words: list[str]) -> int:
    if not words:
        print(_build_parser("build-runtime").format_help())
        return 2
    if words[0] in ("-V", "--version"):
        print(f"build-runtime {VERSION}")
        return 0
    name = words[0] if words[0] in _COMMANDS else "build"
    rest = words[1:] if words[0] in _COMMANDS else words
    if name == "build" and words[0] != "build":
        _refuse_misspelled_command(words[0])
    return _HANDLERS[name](rest)


def _refuse_misspelled_command(word: str) -> None:
    """A first word that is no file but nearly a command was meant as one."""
    if "." in word or "/" in word or word.startswith("-") or Path(word).exists():
        return
    if near := did_you_mean(word, _COMMANDS):
        raise UsageError(
            f"no such model or command: {word}{near}",
            hint="build-runtime --help lists the commands",
        )


# ---- options shared by commands ----


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="also say where settings come from"
    )
    parser.add_argument(
        "--cache-dir", metavar="DIR", help="where sources and objects are kept (setting)"
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="*", type=Path, metavar="MODEL", help="TorchScript .pt or lite .ptl"
    )


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--abi",
        action="append",
        metavar="ABI[,ABI]",
        help="arm64-v8a, armeabi-v7a, x86_64, x86 (setting)",
    )
    parser.add_argument(
        "--platform", metavar="NAME", help="auto, android or linux (setting; default auto)"
    )
    parser.add_argument(
        "--dtypes", metavar="NAME[,NAME]",
        help="scalar types kernels are compiled for, or `all` (setting; default: what float models"
        " use, and what the models store)",
    )  # fmt: skip
    parser.add_argument(
        "--source", metavar="DIR", help="a PyTorch 2.6 tree to build from (setting)"
    )
    parser.add_argument(
        "--source-provider",
        metavar="NAME",
        help="auto, cache, git or debian (setting; default auto)",
    )
    parser.add_argument("--offline", action="store_true", help="never touch the network")
    parser.add_argument(
        "-j", "--jobs", metavar="N", help="parallel compilations (setting; default: all cores)"
    )


def _build_parser(prog: str) -> _Parser:
    parser = _Parser(
        prog=prog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="build-runtime MODEL... --abi ABI[,ABI] [options]",
        description="Build a LibTorch-lite runtime that holds exactly the operators your models call,\n"
        "prove that it runs them, and package it with the models.",
        epilog=_EPILOG,
    )
    _add_models(parser)
    _add_target(parser)
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="where the archives go (setting; default dist)"
    )
    _add_inputs(parser)
    parser.add_argument(
        "--no-verify", action="store_true", help="do not run the models; the manifest says so"
    )
    parser.add_argument(
        "--require-run", action="store_true", help="fail when the models cannot be run here"
    )
    _add_common(parser)
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", action="append", default=[], metavar="[MODEL=]FILE",
        help="arguments to verify with: what torch.save wrote of a tuple, or .npz; repeatable (one per"
        " model in order, or several for one model)",
    )  # fmt: skip
    parser.add_argument(
        "--input-shape", action="append", default=[], metavar="1,3,224,224",
        help="make an argument of this shape instead; repeatable, for models with several arguments",
    )  # fmt: skip
    parser.add_argument(
        "--input-dtype", action="append", default=[], metavar="DTYPE",
        help="dtype of the --input-shape at the same place (default float32)",
    )  # fmt: skip


# ---- from words to values ----


def _settings(options: argparse.Namespace) -> dict[str, Setting]:
    flags: dict[str, str | None] = {}
    for name in DEFAULTS:
        value = getattr(options, name.replace("-", "_"), None)
        flags[name] = ",".join(value) if isinstance(value, list) else value
    return resolve(flags, os.environ, read_table(Path.cwd()))


def _host(settings: Mapping[str, Setting]) -> Host:
    if chosen := settings["cache-dir"].value:
        cache = Path(chosen).expanduser().resolve()
    else:
        from platformdirs import user_cache_path  # noqa: PLC0415  not needed when the cache is named

        cache = user_cache_path("build-runtime")
    jobs = settings["jobs"].value or str(len(os.sched_getaffinity(0)))
    if not jobs.isdecimal() or int(jobs) < 1:
        raise UsageError(
            f"--jobs must be a positive number, not {jobs!r}", hint="leave it out to use every core"
        )
    return Host(MappingProxyType(dict(os.environ)), SubprocessRunner(), cache, int(jobs))


def _console(options: argparse.Namespace) -> Console:
    ci = bool(os.environ.get("CI")) or os.environ.get("TERM") == "dumb"
    return make_console(quiet=options.quiet, ci=ci)


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(
            f"{option} {text}: not a list of numbers", hint="write it like 1,3,224,224"
        ) from None


def _request(options: argparse.Namespace, settings: Mapping[str, Setting]) -> Any:  # noqa: ANN401  a pipeline.Request; its import waits
    from builder.pipeline import Request  # noqa: PLC0415  the stages load only for commands that run them

    if not options.models:
        raise UsageError("no model given", hint="build-runtime MODEL.pt --abi arm64-v8a")
    if not settings["abi"].value:
        raise UsageError(
            "no ABI given",
            hint="add --abi arm64-v8a, or set it in [tool.build-runtime] of pyproject.toml",
        )
    return Request(
        models=tuple(options.models),
        abis=parse_abis([settings["abi"].value]),
        platform=_choice(settings["platform"], ("auto", "android", "linux"), "platform"),
        output=Path(settings["output"].value if hasattr(options, "output") else "."),
        source=_source(options, settings),
        dtypes=_dtypes(settings["dtypes"]),
        inputs=_inputs(options) if hasattr(options, "input") else (),
        verify=not getattr(options, "no_verify", False),
        require_run=getattr(options, "require_run", False),
    )


def _choice(setting: Setting, known: Sequence[str], name: str) -> str:
    if setting.value not in known:
        raise UsageError(
            f"unknown {name} {setting.value!r} ({setting.origin}){did_you_mean(setting.value, known)}",
            hint=f"use one of {', '.join(known)}",
        )
    return setting.value


def _source(options: argparse.Namespace, settings: Mapping[str, Setting]) -> Any:  # noqa: ANN401  a source.SourceRequest
    from builder.source import SourceProvider, SourceRequest  # noqa: PLC0415

    directory = settings["source"].value
    provider = _choice(
        settings["source-provider"], [it.value for it in SourceProvider], "source provider"
    )
    return SourceRequest(
        directory=Path(directory).expanduser() if directory else None,
        provider=SourceProvider(provider),
        offline=options.offline,
    )


def _dtypes(setting: Setting) -> frozenset[str] | None:
    from builder.selection import KNOWN_DTYPES  # noqa: PLC0415

    if not setting.value:
        return None
    if setting.value == "all":
        return KNOWN_DTYPES
    return frozenset(part.strip() for part in setting.value.split(","))


def _inputs(options: argparse.Namespace) -> tuple[Any, ...]:
    """Give every model its inputs: by name (`MODEL=FILE`), in order, or by shape."""
    from builder.verify import InputSpec  # noqa: PLC0415

    names = [path.stem for path in options.models]
    files: dict[str, list[Path]] = {name: [] for name in names}
    plain: list[Path] = []
    for text in options.input:
        name, separator, rest = text.partition("=")
        if separator and name in files:
            files[name].append(Path(rest))
        elif separator and not Path(text).exists():
            raise UsageError(
                f"--input {text}: no model is named {name}{did_you_mean(name, names)}",
                hint=f"models here: {', '.join(names)}",
            )
        else:
            plain.append(Path(text))
    if plain and len(names) > 1 and len(plain) != len(names):
        raise UsageError(
            f"{len(plain)} --input for {len(names)} models",
            hint="give one per model in order, or say whose it is: --input MODEL=FILE",
        )
    for number, path in enumerate(plain):
        files[names[number if len(names) > 1 else 0]].append(path)
    missing = [str(path) for paths in files.values() for path in paths if not path.is_file()]
    if missing:
        raise UsageError(f"no such input file: {', '.join(missing)}", hint="check --input")
    shapes, dtypes = _shapes(options)
    return tuple(
        InputSpec(files=tuple(files[name]))
        if files[name]
        else InputSpec(shapes=shapes, dtypes=dtypes)
        for name in names
    )


def _shapes(options: argparse.Namespace) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    from builder.values import DTYPES  # noqa: PLC0415

    shapes = tuple(_numbers(text, "--input-shape") for text in options.input_shape)
    dtypes = tuple(options.input_dtype)
    if len(dtypes) > len(shapes):
        raise UsageError("more --input-dtype than --input-shape", hint="give one shape per dtype")
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise UsageError(
                f"unknown dtype {dtype}{did_you_mean(dtype, DTYPES)}",
                hint=f"use one of {', '.join(DTYPES)}",
            )
    return shapes, (*dtypes, *("float32" for _ in shapes[len(dtypes) :]))


# ---- commands ----


def _build(words: list[str]) -> int:
    options = _build_parser("build-runtime").parse(words)
    settings = _settings(options)
    request = _request(options, settings)
    from builder import pipeline  # noqa: PLC0415

    console = _console(options)
    if options.verbose:
        _show_settings(settings, console)
    try:
        built = pipeline.run(request, _host(settings), console)
    finally:
        console.close()
    if options.json:
        print(json.dumps({"version": 1, "targets": [it.summary for it in built]}, indent=2))
        return 0
    for result in built:
        print(_describe(result))
    return 0


def _show_settings(settings: Mapping[str, Setting], console: Console) -> None:
    for name, setting in settings.items():
        console.note(f"{name} = {setting.value or '-'}   ({setting.origin})")


def _describe(built: Any) -> str:  # noqa: ANN401  a pipeline.Built
    summary = built.summary
    objects = summary["objects"]
    lines = [built.text.rstrip(), ""]
    for check in summary["checks"]:
        about = " ".join(it for it in (check["model"], check["runner"]) if it)
        cases = (
            f", {check['cases']} case{'s' if check['cases'] != 1 else ''}" if check["cases"] else ""
        )
        reason = f": {check['reason']}" if check["reason"] else ""
        lines.append(
            f"{check['outcome']:8} {check['name']}{f' ({about}{cases})' if about else ''}{reason}"
        )
    lines.append(
        f"{len(summary['operators'])} operators, {objects['linked']} objects linked:"
        f" {objects['reused']} reused, {objects['compiled']} compiled"
    )
    lines.append(
        f"{'up to date' if built.reused else 'wrote'}: {built.archive} and {built.prefix}/"
    )
    return "\n".join(lines)


def _plan(words: list[str]) -> int:
    parser = _Parser(
        prog="build-runtime plan",
        allow_abbrev=False,
        description="Say what a build would compile; compile nothing.",
    )
    _add_models(parser)
    _add_target(parser)
    _add_common(parser)
    options = parser.parse(words)
    settings = _settings(options)
    request = _request(options, settings)
    from builder.commands import planning  # noqa: PLC0415

    console = _console(options)
    try:
        document = planning.plan(request, _host(settings), console)
    finally:
        console.close()
    document["settings"] = {
        name: {"value": it.value, "origin": it.origin} for name, it in settings.items()
    }
    print(json.dumps(document, indent=2) if options.json else planning.to_text(document))
    return 0


def _inspect(words: list[str]) -> int:
    parser = _Parser(
        prog="build-runtime inspect",
        allow_abbrev=False,
        description="List the operators models call.",
    )
    _add_models(parser)
    _add_common(parser)
    options = parser.parse(words)
    if not options.models:
        raise UsageError("no model given", hint="build-runtime inspect MODEL.pt")
    from builder.commands import inspection  # noqa: PLC0415

    document = inspection.inspect(tuple(options.models), _host(_settings(options)))
    print(json.dumps(document, indent=2) if options.json else inspection.to_text(document))
    return 0


def _targets(words: list[str]) -> int:
    parser = _Parser(
        prog="build-runtime targets", allow_abbrev=False, description="List platforms and ABIs."
    )
    _add_common(parser)
    options = parser.parse(words)
    from builder.commands import diagnosis  # noqa: PLC0415

    rows = diagnosis.targets(_host(_settings(options)))
    print(
        json.dumps({"version": 1, "targets": rows}, indent=2)
        if options.json
        else diagnosis.table(rows)
    )
    return 0


def _doctor(words: list[str]) -> int:
    parser = _Parser(
        prog="build-runtime doctor", allow_abbrev=False, description="Check what builds need."
    )
    _add_common(parser)
    options = parser.parse(words)
    from builder.commands import diagnosis  # noqa: PLC0415

    rows = diagnosis.doctor(_host(_settings(options)))
    print(
        json.dumps({"version": 1, "checks": rows}, indent=2)
        if options.json
        else diagnosis.table(rows)
    )
    return 4 if any(row["state"] == "missing" for row in rows) else 0


def _report(words: list[str]) -> int:
    parser = _Parser(
        prog="build-runtime report",
        allow_abbrev=False,
        description="Show where the bytes of an archive went.",
    )
    parser.add_argument(
        "artifact", type=Path, metavar="ARTIFACT", help="an archive or folder a build wrote"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    _add_common(parser)
    options = parser.parse(words)
    from builder.commands import inspection  # noqa: PLC0415

    wanted = "json" if options.json else options.format
    print(inspection.size_report(options.artifact, wanted).rstrip())
    return 0


def _cache(words: list[str]) -> int:
    parser = _Parser(
        prog="build-runtime cache",
        allow_abbrev=False,
        description="Show or clear what builds keep.",
    )
    parser.add_argument("action", choices=("show", "clear"), nargs="?", default="show")
    _add_common(parser)
    options = parser.parse(words)
    from builder.commands import diagnosis  # noqa: PLC0415

    host = _host(_settings(options))
    rows = diagnosis.clear_cache(host) if options.action == "clear" else diagnosis.cache(host)
    document = {"version": 1, "cache": str(host.cache), "entries": rows}
    print(
        json.dumps(document, indent=2) if options.json else f"{host.cache}\n{diagnosis.table(rows)}"
    )
    return 0


_HANDLERS: Final[Mapping[str, Callable[[list[str]], int]]] = {
    "build": _build,
    "cache": _cache,
    "doctor": _doctor,
    "inspect": _inspect,
    "plan": _plan,
    "report": _report,
    "targets": _targets,
}
