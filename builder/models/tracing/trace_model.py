"""Trace a model in a child process, once: equal models on equal inputs are remembered."""

import importlib.metadata
import json
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from builder.foundation.cache import note_use
from builder.foundation.files import sha256_file, write_atomic
from builder.foundation.process import Command, Host
from builder.foundation.resources import IMPORT_PATH
from builder.models.tracing.execution_trace import Trace
from builder.vocabulary.errors import ModelError, ToolchainError, UsageError
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.models import InputSpec, Model, OwnOperators

TRACER: Final = 1
"""Revision of the child's output; a change makes earlier traces in the cache unused."""

_TIMEOUT: Final = 900.0  # seconds; recording makes a call about three times slower
_WRONG_INPUTS: Final = 2  # the child's documented codes
_DOES_NOT_RUN: Final = 3


@dataclass(frozen=True, slots=True)
class _Question:
    """Everything that decides a trace; `model` is the hash of the one that ships."""

    tracer: int
    torch: str
    model: str
    inputs: InputSpec
    own: OwnOperators = field(default_factory=OwnOperators)


def trace_model(model: Model, spec: InputSpec, host: Host) -> Trace:
    """Return what `model` executes on the inputs of `spec`, which must be given.

    Raise `UsageError` for inputs that cannot be read, `ModelError` for a model that does not run
    on them, and `ToolchainError` where there is no torch or the run cannot be recorded.
    """
    kept = _place(model, spec, host)
    note_use(host.cache, kept)
    with suppress(OSError, ValueError):  # absent, or damaged: it is made anew
        return Trace.from_json(kept.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as folder:
        destination = Path(folder) / "trace.json"
        _run(model, spec, destination, host)
        text = destination.read_text(encoding="utf-8")
    trace = Trace.from_json(text)
    write_atomic(kept, text)
    return trace


def _place(model: Model, spec: InputSpec, host: Host) -> Path:
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError as error:
        raise ToolchainError(
            f"{model.name} cannot be traced: torch is not installed", hint="pip install torch"
        ) from error
    name = fingerprint(_Question(TRACER, torch, model.sha256, spec, model.own), content=sha256_file)
    return host.cache / "traces" / f"{name}.json"


def _run(model: Model, spec: InputSpec, destination: Path, host: Host) -> None:
    document = {**model.own.document(), **spec.document()}
    argv = (
        sys.executable, "-m", "builder.models.reference.recorder",
        str(model.path.resolve()), json.dumps(document), str(destination),
    )  # fmt: skip
    # torch announces the recorder on stderr, where the last line has to be ours
    env = host.child_env(PYTHONPATH=str(IMPORT_PATH), TORCH_CPP_LOG_LEVEL="ERROR")
    result = host.runner.capture(Command(argv, Path.cwd(), env), timeout=_TIMEOUT)
    if result.status == 0:
        return
    reason = (result.stderr.strip().splitlines() or [result.ending])[-1]
    if result.status == _WRONG_INPUTS:
        raise UsageError(
            f"cannot use the inputs of {model.name} ({spec.describe()}): {reason}",
            hint="--input takes what torch.save wrote of a tuple of arguments, or an .npz archive",
        )
    if result.status == _DOES_NOT_RUN:
        raise ModelError(
            f"{model.name} does not run in desktop torch on {spec.describe()}: {reason}",
            hint="give inputs the model accepts: --input FILE or --input-shape 1,3,224,224",
        )
    raise ToolchainError(
        f"the run of {model.name} on {spec.describe()} cannot be recorded: {reason}",
        hint="give smaller inputs, or leave them out",
    )
