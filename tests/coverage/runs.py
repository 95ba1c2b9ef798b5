"""Build the runtime of the coverage models for an ABI, and run them in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from builder.foundation.process import Host, SubprocessRunner
from builder.proof.execution import find_executor
from builder.proof.executor import Executor
from builder.vocabulary.targets import Abi, Platform, Target
from builder.vocabulary.value_files import decode, encode
from tests.coverage.suite import Prepared, differences
from tests.e2e.real import Runtime, Tool, built


def build(
    tool: Tool, abi: str, prepared: Sequence[Prepared], output: Path, *, all_dtypes: bool
) -> Runtime:
    """Build one runtime with what all the models call; they are run later, one by one."""
    output.mkdir(parents=True, exist_ok=True)
    words = [*(it.path for it in prepared), "--abi", abi, "-o", output, "--no-verify", "--json"]
    if all_dtypes:
        words += ["--dtypes", "all"]
    (made,) = built(tool.run(*words, cwd=output), output)
    return made


def run(prepared: Prepared, runtime: Runtime, scratch: Path) -> list[str]:
    """Run one model on all its cases; return where it differs from desktop torch."""
    host = Host(os.environ, SubprocessRunner(), scratch, 1)
    executor = find_executor(Target(Platform.LINUX, Abi(runtime.abi)), host)
    assert not isinstance(executor, str), executor
    model = runtime.model(prepared.coverage.name)
    return run_by(executor, prepared, runtime.program, model, scratch)


def run_by(
    executor: Executor, prepared: Prepared, program: Path, model: Path, scratch: Path
) -> list[str]:
    """Let an executor run a model in a runtime; return where it differs from desktop torch."""
    inputs = scratch / f"{prepared.coverage.name}.in"
    outputs = inputs.with_suffix(".out")
    inputs.write_bytes(encode(list(prepared.cases)))
    outputs.unlink(missing_ok=True)
    method = ("--method", prepared.coverage.method)
    words = (str(model), *method, "--inputs", str(inputs), "--outputs", str(outputs))
    host = Host(os.environ, SubprocessRunner(), scratch, 1)
    done = executor.run(program, *words, host=host)
    if done.status not in (0, 6):
        return [f"status {done.status}: {done.stderr.strip()}"]
    answers = decode(outputs.read_bytes())
    assert isinstance(answers, list)
    return differences(prepared, answers)
