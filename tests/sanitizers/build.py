"""Build the instrumented runtime: the operators of all examples and dense coverage models.

    python -m tests.sanitizers.build address

The folder it prints holds `lib/libbuild_runtime.so`, `bin/build-runtime-run` and the models.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch

from builder.foundation.console import make_console
from builder.foundation.files import copy_atomic
from builder.foundation.machine import usable_cores
from builder.foundation.process import Host, SubprocessRunner
from builder.foundation.settings import BuildSettings
from builder.pipeline.building import compile_plan
from builder.pipeline.planning import make_plan
from builder.pipeline.wanted import Wanted, read_models
from builder.source.opening import open_source
from builder.source.request import SourceRequest
from builder.vocabulary.models import Model
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.coverage.suite import SUITES, Prepared, Suite
from tests.coverage.suite import prepare as prepare_coverage
from tests.places import ROOT
from tests.sanitizers.toolchain import InstrumentingClang, Sanitizer
from tests.turns import Tally

EXAMPLES: Final = ("classifier", "mobilenet_v2", "lstm_text", "control_flow", "image_bytes")


@dataclass(frozen=True)
class Instrumented:
    """A runtime under a sanitizer, with the models it was built for.

    `inputs` are those of the examples by their name, `covered` what the coverage models answer.
    """

    prefix: Path
    toolchain: Path
    models: tuple[Model, ...]
    inputs: dict[str, Path]
    covered: tuple[Prepared, ...]
    objects: Mapping[str, Path]

    @property
    def program(self) -> Path:
        return self.prefix / "bin" / "build-runtime-run"

    def model(self, name: str) -> Model:
        """Return one of the models."""
        (found,) = (it for it in self.models if it.name == name)
        return found


def make_host(cache: Path) -> Host:
    """Return this machine with the cache that all builds share."""
    jobs = usable_cores()
    return Host(MappingProxyType(dict(os.environ)), SubprocessRunner(), cache, jobs)


def cache_folder() -> Path:
    """Return the cache that a command was given; end it when it was given none."""
    chosen = os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    if not chosen:
        raise SystemExit(
            "no cache for the instrumented objects: set BUILD_RUNTIME_CACHE_DIR to a folder that "
            "is kept, such as .pytest_cache/d/build-runtime"
        )
    return Path(chosen).resolve()


def build(sanitizer: Sanitizer, host: Host) -> Instrumented:
    """Compile (once) and link; raises what builds raise. Races are looked for in one example and
    a model that keeps state."""
    events = make_console(quiet=False, ci=True)
    folder = host.cache / "sanitizers" / "models"
    examples = EXAMPLES if sanitizer is Sanitizer.ADDRESS else EXAMPLES[:1]
    suite = SUITES["dense"] if sanitizer is Sanitizer.ADDRESS else Suite(())
    paths = _write_models(examples, folder)
    if sanitizer is Sanitizer.THREAD:
        paths.append(folder / "tally.pt")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about the age of TorchScript
            torch.jit.script(Tally()).save(str(paths[-1]))  # type: ignore[no-untyped-call]
    covered = tuple(prepare_coverage(folder, suite))
    models = read_models([*paths, *(it.path for it in covered)], host)
    target = make_target(Platform.LINUX, Abi.X86_64)
    source = open_source(SourceRequest(), host, events)
    provider = InstrumentingClang(sanitizer)
    planned = make_plan(
        Wanted(models), source, target, BuildSettings(), host, events, provider=provider
    )
    output = compile_plan(planned, host, events)
    return Instrumented(
        output.library.parents[1],
        planned.plan.toolchain.cc.parent,
        models,
        {name: folder / f"{name}_inputs.pt" for name in examples},
        covered,
        output.sources,
    )


def _write_models(examples: Iterable[str], folder: Path) -> list[Path]:
    """Write the models of examples, each under its own name."""
    names = tuple(examples)
    for name in names:
        if (folder / f"{name}.pt").is_file():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            script = ROOT / "examples" / name / "make_model.py"
            subprocess.run([sys.executable, "-W", "ignore", script, scratch], check=True)
            copy_atomic(Path(scratch, "inputs.pt"), folder / f"{name}_inputs.pt")
            copy_atomic(Path(scratch, "model.pt"), folder / f"{name}.pt")
    return [folder / f"{name}.pt" for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sanitizer", type=Sanitizer, choices=list(Sanitizer))
    options = parser.parse_args()
    made = build(options.sanitizer, make_host(cache_folder()))
    sys.stdout.write(f"{made.prefix}\n")


if __name__ == "__main__":
    main()
