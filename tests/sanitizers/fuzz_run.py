"""Fuzz runs: forged arguments into dense operators and coverage models, under sanitizers.

    python -m tests.sanitizers.fuzz_run FOLDER --seconds 1800

One process loads the models once, and runs them with arguments that are changed again and again,
steered by the code they reach. FOLDER keeps what reached new code in `corpus`. What ended the
process is written there as `crash-*`, and belongs into `tests/sanitizers/corpus/runs` once it is
fixed. Errors are what should happen, and endless loops may. What is undefined but goes on is listed
at the end, place by place: sizes that overflow are among it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder import RELEASE
from builder.foundation.files import write_atomic
from builder.libtorch.codegen import pinned_catalogue
from builder.vocabulary.value_files import Value, encode
from tests.coverage.suite import SUITES
from tests.sanitizers.build import Instrumented, build, cache_folder, make_host
from tests.sanitizers.fuzz import HERE, OPTIONS, compile_target
from tests.sanitizers.observed import observed_calls
from tests.sanitizers.operators import Called, callable_operators, operators_model, seeds
from tests.sanitizers.toolchain import Sanitizer

SOURCE: Final = HERE / "fuzz_run.cpp"
FOUND: Final = HERE / "corpus" / "runs"
"""Inputs that ended the process once: the name of a target, and its arguments."""

LIMITS: Final = (
    "-print_funcs=0",
    "-timeout=5",
    "-rss_limit_mb=3072",
    "-malloc_limit_mb=3072",
    "-max_len=70000",
)
_RUNS: Final = re.compile(r"^#(\d+): cov:", re.MULTILINE)
_UNDEFINED: Final = re.compile(r"^(\S+: runtime error: [^\d\n'-]+)", re.MULTILINE)


def run_options(log: Path | None = None) -> dict[str, str]:
    """Return the environment of a run: what is undefined is told, and the process goes on.

    Allocations fail early, so that sizes made up cost no time.
    """
    told = f":log_path={log}" if log else ""
    return {
        **os.environ,
        "ASAN_OPTIONS": f"{OPTIONS['ASAN_OPTIONS']}:max_allocation_size_mb=64:detect_leaks=0{told}",
        "UBSAN_OPTIONS": OPTIONS["UBSAN_OPTIONS"].replace("halt_on_error=1", "halt_on_error=0"),
    }


def operators_of(made: Instrumented) -> tuple[Called, ...]:
    """Return the operators of a runtime that a method can call."""
    done = subprocess.run([made.program, "--operators"], capture_output=True, check=True)
    return callable_operators(json.loads(done.stdout), pinned_catalogue(RELEASE))


def write_targets(made: Instrumented, folder: Path) -> dict[str, str]:
    """Write the model of all operators and the list of what can be called; return its variable."""
    operators = operators_of(made)
    write_atomic(folder / "operators.ptl", operators_model(operators))
    rows = (
        *((str(it.name), folder / "operators.ptl", it.method) for it in operators),
        *(
            (it.coverage.name, made.model(it.coverage.name).path, it.coverage.method)
            for it in made.covered
        ),
    )
    listed = folder / "targets"
    write_atomic(listed, "".join("\t".join(map(str, row)) + "\n" for row in rows).encode())
    return {"FUZZ_TARGETS": str(listed.resolve())}


def write_seeds(made: Instrumented, folder: Path) -> None:
    """Write arguments of each operator, as models give them too, and the cases of these models."""
    operators = operators_of(made)
    calls = {str(it.name): list(seeds(it)) for it in operators}
    with tempfile.TemporaryDirectory() as scratch:
        for operator, case in observed_calls(operators, SUITES["dense"], Path(scratch)):
            calls[str(operator.name)].append(case)
    for name, cases in calls.items():
        _write(folder, name, cases)
    for it in made.covered:
        _write(folder, it.coverage.name, it.cases)


def _write(folder: Path, target: str, cases: Iterable[tuple[Value, ...]]) -> None:
    for number, case in enumerate(cases):
        name = f"{target.replace(':', '_')}-{number}"
        write_atomic(folder / name, f"{target}\n".encode() + encode(case))


def unread(folder: Path, targets: Mapping[str, str]) -> list[str]:
    """Return the files that no target reads: their first line names none."""
    rows = Path(targets["FUZZ_TARGETS"]).read_text(encoding="utf-8").splitlines()
    known = {row.partition("\t")[0].encode() for row in rows}
    files = sorted(folder.iterdir())
    return [it.name for it in files if it.read_bytes().partition(b"\n")[0] not in known]


def replay(program: Path, targets: Mapping[str, str], files: Iterable[Path]) -> str:
    """Run every file once in one process; return what it said when it did not end well."""
    done = subprocess.run(
        [program, *LIMITS, *files],
        env={**run_options(), **targets}, capture_output=True, check=False,
    )  # fmt: skip
    return done.stderr.decode(errors="replace") if done.returncode else ""


@dataclass(frozen=True)
class Fuzzed:
    """How many runs there were, and the folder with the logs of their processes."""

    runs: int
    logs: Path


def fuzz(program: Path, targets: Mapping[str, str], folder: Path, seconds: int) -> Fuzzed:
    """Run the fuzzer in one process after another, until the time is over."""
    (folder / "corpus").mkdir(exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix="logs-", dir=folder))
    going_on = ("-fork=1", "-ignore_crashes=1", "-ignore_timeouts=1", "-ignore_ooms=1")
    words = (f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", *going_on, *LIMITS)
    with (folder / "fuzzer.log").open("wb") as log:
        subprocess.run(
            [program, *words, folder / "corpus", folder / "seeds", FOUND],
            env={**run_options(logs / "process"), **targets},
            stdout=log, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    told = _RUNS.findall((folder / "fuzzer.log").read_text(errors="replace"))
    return Fuzzed(int(told[-1]) if told else 0, logs)


def undefined_places(logs: Path) -> Counter[str]:
    """Count in how many processes each place did what is undefined."""
    found = Counter[str]()
    for log in sorted(logs.iterdir()):
        found.update(_UNDEFINED.findall(log.read_text(errors="replace")))
    return found


def main() -> int:
    """Run the command line; exit 1 when something was found, or nothing was run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=1800)
    options = parser.parse_args()
    host = make_host(cache_folder())
    made = build(Sanitizer.ADDRESS, host)
    program = compile_target(made, host, SOURCE)
    folder = options.folder.resolve()
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    write_seeds(made, folder / "seeds")
    fuzzed = fuzz(program, write_targets(made, folder), folder, options.seconds)
    for place, count in undefined_places(fuzzed.logs).most_common():
        sys.stdout.write(f"{count:6} {place}\n")
    found = sorted(folder.glob("crash-*"))
    for path in found:
        sys.stdout.write(f"{path}: {path.read_bytes().partition(bytes((10,)))[0].decode()}\n")
    sys.stdout.write(f"{fuzzed.runs} runs, {len(found)} findings\n")
    if not fuzzed.runs:
        sys.stdout.write(f"the fuzzer did not run: {folder / 'fuzzer.log'} says why\n")
    return 1 if found or not fuzzed.runs else 0


if __name__ == "__main__":
    sys.exit(main())
