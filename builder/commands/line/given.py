"""Files, inputs and tolerances that several commands take, as the values that stages are given."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.commands.exchange import Asked
from builder.commands.line.arguments import flag, option, part, places, repeated
from builder.vocabulary.dtypes import BY_NAME, VALUE_DTYPES, parse_dtypes
from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.tolerances import Limits

if TYPE_CHECKING:
    from builder.vocabulary.models import InputSpec

_SIZE: Final = re.compile("[0-9]{1,9}")
_LIST_SUFFIXES: Final = frozenset({".yaml", ".yml", ".txt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models a command is about."""

    models: tuple[Path, ...] = places(
        "MODEL", "TorchScript .pt, torch.export .pt2 or lite .ptl", Path
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Models and operator lists, and operators that no model asks for."""

    models: tuple[Path, ...] = places(
        "MODEL",
        "TorchScript .pt, torch.export .pt2, lite .ptl, or an operator list .yaml or .txt",
        Path,
    )
    extra_ops: tuple[Path, ...] = repeated(
        "--extra-ops", "FILE",
        "operators the app calls from C++: one a line, or a selection file; repeatable", Path,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What models are run on."""

    files: tuple[str, ...] = repeated(
        "--input", "[MODEL=]FILE",
        "arguments to run it on: what torch.save wrote of a tuple, or .npz; repeatable (one per"
        " model in order, or several for one model)", str,
    )  # fmt: skip
    shapes: tuple[str, ...] = repeated(
        "--input-shape", "1,3,224,224",
        "make an argument of this shape instead; repeatable, for models with several arguments",
        str,
    )  # fmt: skip
    dtypes: tuple[str, ...] = repeated(
        "--input-dtype", "DTYPE",
        "dtype of the --input-shape at the same place (default float32)", str,
    )  # fmt: skip

    @property
    def given(self) -> bool:
        """Whether there is anything to run on."""
        return bool(self.files or self.shapes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How models are run to prove a runtime, and how near their answers must be."""

    inputs: Inputs = part(Inputs)
    require_run: bool = flag("--require-run", "fail when the models cannot be run here")
    exact: bool = flag("--exact", "answers must equal those of torch, bit for bit")
    rtol: str | None = option(
        "--rtol", "X", "relative tolerance of every dtype that has one", parse=str, default=None
    )
    atol: str | None = option(
        "--atol", "X", "absolute tolerance of every dtype that has one", parse=str, default=None
    )


PROOF: Final = "how the result is proven"


def checked_models(models: tuple[Path, ...], command: str) -> tuple[Path, ...]:
    """Return the models; raise `UsageError` when there are none or files are missing."""
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


def asked_of(wanted: Wanted, command: str) -> Asked:
    """Return which files are asked for; raise `UsageError` for none, or when some are missing."""
    paths = checked_models(wanted.models, command)
    if missing := [str(path) for path in wanted.extra_ops if not path.is_file()]:
        raise UsageError(f"no such operator list: {', '.join(missing)}", hint="check --extra-ops")
    return Asked(
        tuple(path for path in paths if not is_list(path)),
        tuple(path for path in paths if is_list(path)),
        wanted.extra_ops,
    )


def is_list(path: Path) -> bool:
    """Whether a file, by the end of its name, is an operator list and no model."""
    return path.suffix.lower() in _LIST_SUFFIXES


def limits_of(proof: Proof) -> Limits:
    """Return how near answers must be; raise `UsageError` for what is no tolerance."""
    given = {"--rtol": proof.rtol, "--atol": proof.atol}
    if proof.exact and any(text is not None for text in given.values()):
        raise UsageError(
            "--exact allows no difference: it cannot be combined with --rtol or --atol",
            hint="leave one of them out",
        )
    return Limits(proof.exact, *(_tolerance(name, text) for name, text in given.items()))


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


def inputs_of(inputs: Inputs, models: Sequence[Path]) -> "tuple[InputSpec, ...]":
    """Give every model its inputs: by name (`MODEL=FILE`), in order, or by shape."""
    from builder.vocabulary.models import InputSpec

    if not models and inputs.given:
        raise UsageError(
            "inputs are given, but no model: an operator list cannot be run",
            hint="name the model too, or leave --input and --input-shape out",
        )
    files = _input_files(inputs.files, [path.stem for path in models])
    missing = [str(path) for paths in files for path in paths if not path.is_file()]
    if missing:
        raise UsageError(f"no such input file: {', '.join(missing)}", hint="check --input")
    shapes, dtypes = _shapes(inputs.shapes, inputs.dtypes)
    return tuple(
        InputSpec(files=tuple(paths)) if paths else InputSpec(shapes=shapes, dtypes=dtypes)
        for paths in files
    )


def _input_files(texts: Sequence[str], names: list[str]) -> list[list[Path]]:
    """Return the files of each model, in the order of the models."""
    files: list[list[Path]] = [[] for _ in names]
    plain: list[Path] = []
    for text in texts:
        name, separator, rest = text.partition("=")
        if separator and names.count(name) > 1:
            raise UsageError(
                f"--input {text}: {names.count(name)} models are named {name}",
                hint="give one --input per model, in the order of the models",
            )
        if separator and name in names:
            files[names.index(name)].append(Path(rest))
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
        files[number if len(names) > 1 else 0].append(path)
    return files


def _shapes(
    texts: Sequence[str], dtypes: Sequence[str]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    wrong = [text for text in texts if not all(map(_SIZE.fullmatch, text.split(",")))]
    if wrong:
        raise UsageError(
            f"--input-shape {', '.join(map(repr, wrong))}: not sizes separated by commas",
            hint="write it like 1,3,224,224",
        )
    if len(dtypes) > len(texts):
        raise UsageError("more --input-dtype than --input-shape", hint="give one shape per dtype")
    names = [BY_NAME[it].torch for it in parse_dtypes(dtypes, VALUE_DTYPES)]
    shapes = tuple(tuple(int(it) for it in text.split(",")) for text in texts)
    return shapes, (*names, *("float32" for _ in shapes[len(names) :]))
