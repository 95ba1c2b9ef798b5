"""The loader, the interpreter and the kernels of the examples under AddressSanitizer and UBSan."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.process import Host
from builder.proof.executor import Executor
from builder.proof.model_run import run_model
from builder.vocabulary.models import InputSpec
from tests.coverage.runs import run_by
from tests.coverage.suite import SUITES
from tests.sanitizers import fuzz_run
from tests.sanitizers.build import EXAMPLES, Instrumented, build
from tests.sanitizers.fuzz import OPTIONS, compile_target
from tests.sanitizers.malformed import malformed, seeds, variations
from tests.sanitizers.toolchain import Sanitizer

SANITIZED: Final = Executor(
    ("env", *(f"{name}={value}" for name, value in OPTIONS.items())), "under AddressSanitizer"
)


@pytest.fixture(scope="session")
def instrumented(host: Host) -> Instrumented:
    """Return the operators of all examples in one runtime; the first time takes half an hour."""
    return build(Sanitizer.ADDRESS, host)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_clean_and_answers_as_torch(
    name: str, instrumented: Instrumented, host: Host
) -> None:
    spec = InputSpec(files=(instrumented.inputs[name],))
    result = run_model(instrumented.model(name), spec, SANITIZED, instrumented.program, host)
    assert result.cases == 1
    assert not result.comparison.differences


@pytest.mark.parametrize("name", [it.name for it in SUITES["dense"].models])
def test_a_coverage_model_runs_clean_and_answers_as_torch(
    name: str, instrumented: Instrumented, tmp_path: Path
) -> None:
    for prepared in instrumented.covered:
        if prepared.coverage.name == name:  # the others need dtypes that are not compiled in
            model = instrumented.model(name).path
            assert run_by(SANITIZED, prepared, instrumented.program, model, tmp_path) == []


@pytest.mark.parametrize(
    ("source", "in_full"),
    [
        ("pytorch:c10/core/TensorImpl.cpp", True),
        ("pytorch:aten/src/ATen/core/ivalue.cpp", True),
        ("pytorch:torch/csrc/jit/serialization/unpickler.cpp", True),
        ("native:src/loading/pickle_check.cpp", True),
        ("pytorch:aten/src/ATen/native/TensorShape.cpp", False),
    ],
)
def test_what_a_loader_runs_is_instrumented_in_full_and_kernels_steer_the_fuzzer(
    *, source: str, in_full: bool, instrumented: Instrumented
) -> None:
    data = instrumented.objects[source].read_bytes()
    assert b"__asan_report" in data
    assert (b"__ubsan_handle_type_mismatch" in data) == in_full
    assert b"__sanitizer_cov_8bit_counters_init" in data


def replay(target: Path, files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    """Load every file once in one process, which ends with the first report."""
    for number, (_, data) in enumerate(files):
        (folder / f"{number:05}").write_bytes(data)
    done = subprocess.run(
        [target, "-rss_limit_mb=3072", "-malloc_limit_mb=1024", *sorted(folder.iterdir())],
        env={**os.environ, **OPTIONS}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-8000:]


@pytest.mark.parametrize("files", [malformed, seeds, variations])
def test_no_file_is_read_beyond_its_end(
    files: object, instrumented: Instrumented, host: Host, tmp_path: Path
) -> None:
    assert callable(files)
    replay(compile_target(instrumented, host), files(), tmp_path)


def test_no_operator_leaves_its_memory_on_what_the_fuzzer_found(
    instrumented: Instrumented, host: Host, tmp_path: Path
) -> None:
    program = compile_target(instrumented, host, fuzz_run.SOURCE)
    targets = fuzz_run.write_targets(instrumented, tmp_path)
    assert not fuzz_run.unread(fuzz_run.FOUND, targets)  # would pass without a run
    assert fuzz_run.replay(program, targets, sorted(fuzz_run.FOUND.iterdir())) == ""


def test_every_operator_but_few_can_be_called_with_forged_arguments(
    instrumented: Instrumented,
) -> None:
    listed = subprocess.run([instrumented.program, "--operators"], capture_output=True, check=True)
    called = {str(it.name) for it in fuzz_run.operators_of(instrumented)}
    assert {*json.loads(listed.stdout)} - called == {
        "aten::format", "aten::percentFormat", "prim::Print", "prim::TupleIndex",
        "prim::TupleUnpack", "prim::Uninitialized", "prim::tolist", "prim::unchecked_cast",
    }  # fmt: skip
