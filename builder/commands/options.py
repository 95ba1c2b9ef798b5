"""Options of the command line: their parsers, and the values the stages are given."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

from builder.foundation.machine import usable_cores
from builder.foundation.process import Host, SubprocessRunner
from builder.foundation.settings import DEFAULTS, Setting, read_table, resolve
from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.operators import Selection
from builder.vocabulary.targets import parse_abis
from builder.vocabulary.tolerances import Limits

if TYPE_CHECKING:  # the stages load only for the commands that run them
    from builder.pipeline.request import Request
    from builder.source.request import SourceRequest
    from builder.vocabulary.models import InputSpec

_LIST_SUFFIXES: Final = frozenset({".yaml", ".yml", ".txt"})
WANTED: Final = "TorchScript .pt, lite .ptl, or an operator list .yaml or .txt"
_PLATFORMS: Final = ("auto", "android", "linux")


@dataclass(frozen=True, slots=True)
class Asked:
    """The files that say what a runtime holds; `extra` are lists of what the app calls from C++."""

    models: tuple[Path, ...]
    lists: tuple[Path, ...]
    extra: tuple[Path, ...]


class Parser(argparse.ArgumentParser):
    """argparse with our shape of errors: what, and near names for options nobody knows."""

    def __init__(self, prog: str, **other: object) -> None:
        """Take whole option names only, so that a new option never changes what an old one is."""
        super().__init__(prog=prog, allow_abbrev=False, **other)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong as a `UsageError`."""
        raise UsageError(message, hint=f"{self.prog} --help lists what there is")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse everything; one error names all unknown options with the near ones."""
        known, rest = self.parse_known_args(words)
        if rest:
            options = [option for action in self._actions for option in action.option_strings]
            unknown = [word.split("=", 1)[0] for word in rest if word.startswith("-")] or rest
            names = ", ".join(f"{word}{did_you_mean(word, options)}" for word in unknown)
            self.error(f"unknown argument {names}")
        return known


def add_common(parser: Parser) -> None:
    """Add what every command takes."""
    group = parser.add_argument_group("what is shown, what is kept")
    group.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    group.add_argument(
        "-v", "--verbose", action="store_true", help="also say where settings come from"
    )
    group.add_argument(
        "--cache-dir", metavar="DIR", help="where sources and objects are kept (setting)"
    )


def add_models(parser: Parser, help_text: str = "TorchScript .pt or lite .ptl") -> None:
    """Add the models, which are all the positional arguments."""
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL", help=help_text)


def add_extra(parser: Parser) -> None:
    """Add operators that no model asks for."""
    parser.add_argument(
        "--extra-ops", action="append", default=[], type=Path, metavar="FILE",
        help="operators the app calls from C++: one a line, or a selection file; repeatable",
    )  # fmt: skip


def add_target(parser: Parser) -> None:
    """Add what is built, out of what."""
    group = parser.add_argument_group("what is built, out of what")
    group.add_argument(
        "--abi", action="append", metavar="ABI[,ABI]",
        help="arm64-v8a, armeabi-v7a, x86_64, x86 (setting)",
    )  # fmt: skip
    group.add_argument(
        "--platform", metavar="NAME", help="auto, android or linux (setting; default auto)"
    )
    group.add_argument(
        "--dtypes", metavar="NAME[,NAME]",
        help="scalar types kernels are compiled for, or `all` (setting; default: what float models"
        " use, and what the models store)",
    )  # fmt: skip
    group.add_argument("--source", metavar="DIR", help="a PyTorch 2.6 tree to build from (setting)")
    group.add_argument(
        "--source-provider", metavar="NAME",
        help="auto, cache, git or debian (setting; default auto)",
    )  # fmt: skip
    group.add_argument("--offline", action="store_true", help="never touch the network")
    group.add_argument(
        "-j", "--jobs", metavar="N", help="parallel compilations (setting; default: all cores)"
    )


def add_output(parser: Parser) -> None:
    """Add where the results go."""
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="where the archives go (setting; default dist)"
    )


def add_inputs(parser: Parser) -> None:
    """Add how the models are run."""
    group = parser.add_argument_group("how the result is proven")
    _add_inputs(group)
    group.add_argument(
        "--require-run", action="store_true", help="fail when the models cannot be run here"
    )
    group.add_argument(
        "--exact", action="store_true", help="answers must be equal to those of torch bit for bit"
    )
    group.add_argument("--rtol", metavar="X", help="relative tolerance of every dtype that has one")
    group.add_argument("--atol", metavar="X", help="absolute tolerance of every dtype that has one")


def add_traced_inputs(parser: Parser) -> None:
    """Add on what the models are run in desktop torch."""
    group = parser.add_argument_group("what is executed, and on which dtypes")
    _add_inputs(group)
    group.add_argument(
        "--bundled", action="store_true", help="run models on the inputs that are bundled with them"
    )


def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--input", action="append", default=[], metavar="[MODEL=]FILE",
        help="arguments to run it on: what torch.save wrote of a tuple, or .npz; repeatable (one"
        " per model in order, or several for one model)",
    )  # fmt: skip
    group.add_argument(
        "--input-shape", action="append", default=[], metavar="1,3,224,224",
        help="make an argument of this shape instead; repeatable, for models with several"
        " arguments",
    )  # fmt: skip
    group.add_argument(
        "--input-dtype", action="append", default=[], metavar="DTYPE",
        help="dtype of the --input-shape at the same place (default float32)",
    )  # fmt: skip


def add_no_verify(parser: Parser) -> None:
    """Add how a build does without a run."""
    parser.add_argument(
        "--no-verify", action="store_true", help="do not run the models; the manifest says so"
    )


def settings_of(options: argparse.Namespace, env: Mapping[str, str]) -> dict[str, Setting]:
    """Return every setting with its origin."""
    flags: dict[str, str | None] = {}
    for name in DEFAULTS:
        value = getattr(options, name.replace("-", "_"), None)
        flags[name] = ",".join(value) if isinstance(value, list) else value
    return resolve(flags, env, read_table(Path.cwd()))


def host_of(settings: Mapping[str, Setting], env: Mapping[str, str]) -> Host:
    """Return the machine as the user wants it used."""
    if chosen := settings["cache-dir"].value:
        cache = Path(chosen).expanduser().resolve()
    else:
        from platformdirs import user_cache_path  # noqa: PLC0415  seldom needed

        cache = user_cache_path("build-runtime")
    jobs = settings["jobs"].value or str(usable_cores())
    if not jobs.isdecimal() or int(jobs) < 1:
        raise UsageError(
            f"jobs must be a positive number, not {jobs!r} ({settings['jobs'].origin})",
            hint="leave it out to use every core",
        )
    return Host(MappingProxyType(dict(env)), SubprocessRunner(), cache, int(jobs))


def models_of(options: argparse.Namespace, command: str) -> tuple[Path, ...]:
    """Return the models; raise `UsageError` when there are none or files are missing."""
    models = tuple(options.models)
    if not models:
        raise UsageError("no model given", hint=f"{command} MODEL.pt")
    missing = [str(path) for path in models if not path.exists()]
    if missing:
        raise UsageError(
            f"no such model: {', '.join(missing)}",
            looked_in=[str(Path.cwd())],
            hint="check the path of the model",
        )
    return models


def asked_of(options: argparse.Namespace, command: str) -> Asked:
    """Return which files are asked for; raise `UsageError` for none, or when some are missing."""
    paths = models_of(options, command)
    extra = tuple(getattr(options, "extra_ops", ()))
    if missing := [str(path) for path in extra if not path.is_file()]:
        raise UsageError(f"no such operator list: {', '.join(missing)}", hint="check --extra-ops")
    return Asked(
        tuple(path for path in paths if not is_list(path)),
        tuple(path for path in paths if is_list(path)),
        extra,
    )


def is_list(path: Path) -> bool:
    """Whether a file, by the end of its name, is an operator list and no model."""
    return path.suffix.lower() in _LIST_SUFFIXES


def request_of(options: argparse.Namespace, settings: Mapping[str, Setting]) -> "Request":
    """Return what the pipeline is asked to do; raise `UsageError` for what it cannot be asked."""
    from builder.pipeline.request import Request  # noqa: PLC0415  the stages load for commands that run them

    asked = asked_of(options, "build-runtime")
    if not asked.models and getattr(options, "require_run", False):
        raise UsageError(
            "--require-run needs a model: an operator list cannot be run",
            hint="name the model too, or leave --require-run out",
        )
    if not settings["abi"].value:
        raise UsageError(
            "no ABI given",
            hint="add --abi arm64-v8a, or set it in [tool.build-runtime] of pyproject.toml",
        )
    return Request(
        models=asked.models,
        abis=parse_abis([settings["abi"].value]),
        platform=choice(settings["platform"], _PLATFORMS, "platform"),
        output=Path(settings["output"].value).expanduser(),
        source=_source(options, settings),
        dtypes=_dtypes(settings["dtypes"]),
        inputs=inputs_of(options, asked.models) if hasattr(options, "input") else (),
        verify=not getattr(options, "no_verify", False),
        require_run=getattr(options, "require_run", False),
        limits=limits_of(options) if hasattr(options, "exact") else Limits(),
        lists=asked.lists,
        extra=asked.extra,
    )


def choice(setting: Setting, known: Sequence[str], name: str) -> str:
    """Return the value of a setting that must be one of a few."""
    if setting.value not in known:
        near = did_you_mean(setting.value, known)
        raise UsageError(
            f"unknown {name} {setting.value!r} ({setting.origin}){near}",
            hint=f"use one of {', '.join(known)}",
        )
    return setting.value


def _source(options: argparse.Namespace, settings: Mapping[str, Setting]) -> "SourceRequest":
    from builder.source.request import SourceProvider, SourceRequest  # noqa: PLC0415

    directory = settings["source"].value
    provider = choice(
        settings["source-provider"], [it.value for it in SourceProvider], "source provider"
    )
    return SourceRequest(
        directory=Path(directory).expanduser() if directory else None,
        provider=SourceProvider(provider),
        offline=options.offline,
    )


def _dtypes(setting: Setting) -> frozenset[str] | None:
    from builder.models.selection import KNOWN_DTYPES, make_profile  # noqa: PLC0415

    if not setting.value:
        return None
    if setting.value == "all":
        return KNOWN_DTYPES
    names = frozenset(part.strip() for part in setting.value.split(","))
    return make_profile(Selection(), names).dtypes


def limits_of(options: argparse.Namespace) -> Limits:
    """Return how near answers must be; raise `UsageError` for what is no tolerance."""
    given = {"--rtol": options.rtol, "--atol": options.atol}
    if options.exact and any(text is not None for text in given.values()):
        raise UsageError(
            "--exact allows no difference: it cannot be combined with --rtol or --atol",
            hint="leave one of them out",
        )
    return Limits(options.exact, *(_tolerance(name, text) for name, text in given.items()))


def _tolerance(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UsageError(
            f"{name} {text!r}: not a number from 0 on", hint=f"write it like {name} 1e-4"
        )
    return number


def inputs_of(options: argparse.Namespace, models: Sequence[Path]) -> "tuple[InputSpec, ...]":
    """Give every model its inputs: by name (`MODEL=FILE`), in order, or by shape."""
    from builder.vocabulary.models import InputSpec  # noqa: PLC0415

    if not models and (options.input or options.input_shape):
        raise UsageError(
            "inputs are given, but no model: an operator list cannot be run",
            hint="name the model too, or leave --input and --input-shape out",
        )
    files = _input_files(options.input, [path.stem for path in models])
    missing = [str(path) for paths in files for path in paths if not path.is_file()]
    if missing:
        raise UsageError(f"no such input file: {', '.join(missing)}", hint="check --input")
    shapes, dtypes = _shapes(options.input_shape, options.input_dtype)
    return tuple(
        InputSpec(files=tuple(paths)) if paths else InputSpec(shapes=shapes, dtypes=dtypes)
        for paths in files
    )


def _input_files(texts: Sequence[str], names: list[str]) -> list[list[Path]]:
    """Return the files of each model, in the order of the models."""
    files: dict[str, list[Path]] = {name: [] for name in names}
    plain: list[Path] = []
    for text in texts:
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
    return [files[name] for name in names]


def _shapes(
    texts: Sequence[str], dtypes: Sequence[str]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    from builder.vocabulary.value_files import DTYPES  # noqa: PLC0415

    wrong = [text for text in texts if not all(it.isdecimal() for it in text.split(","))]
    if wrong:
        raise UsageError(
            f"--input-shape {', '.join(map(repr, wrong))}: not sizes separated by commas",
            hint="write it like 1,3,224,224",
        )
    if len(dtypes) > len(texts):
        raise UsageError("more --input-dtype than --input-shape", hint="give one shape per dtype")
    unknown = [f"{it}{did_you_mean(it, DTYPES)}" for it in dtypes if it not in DTYPES]
    if unknown:
        raise UsageError(
            f"unknown dtype {', '.join(unknown)}", hint=f"use one of {', '.join(DTYPES)}"
        )
    shapes = tuple(tuple(int(it) for it in text.split(",")) for text in texts)
    return shapes, (*dtypes, *("float32" for _ in shapes[len(dtypes) :]))
