import json
from pathlib import Path

import pytest

from builder.benching.marks import Marked
from builder.benching.operators import OperatorTime, measure_operators, operator_times
from builder.benching.programs import Program
from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import VerificationError
from tests.conftest import FakeRunner
from tests.unit.benching.forge import PROGRAM, sample, told
from tests.unit.models import forge

MARKED = Marked(b"", ("", "", "aten::relu", "aten::add.Tensor", "aten::relu"))


def test_times_are_those_of_a_run_without_the_marks() -> None:
    noted = [(0, 10, 50.0), (1, 10, 10.0), (2, 10, 30.0), (3, 10, 60.0), (4, 20, 100.0)]
    assert operator_times(MARKED, noted, 10) == (
        OperatorTime("aten::relu", 3, 10.0),  # 130 us less 30 marks of 1 us, in 10 runs
        OperatorTime("aten::add.Tensor", 1, 5.0),
    )


def test_nothing_takes_less_than_nothing() -> None:
    assert operator_times(MARKED, [(1, 1, 5.0), (2, 1, 1.0)], 1)[0].time == 0


@pytest.fixture
def program(tmp_path: Path) -> Program:
    operators = (("aten::relu", "", 1),)
    steps = (("STORE", 1, 0), *forge.calls(operators), ("RET", 0, 0))
    code = forge.bytecode(forge.function(operators=operators, instructions=steps))
    model = forge.write(tmp_path / "net.ptl", {**forge.lite(), "bytecode.pkl": code})
    return Program((), PROGRAM.path, model, PROGRAM.inputs)


def test_a_copy_of_the_model_is_run(
    program: Program, host: Host, runner: FakeRunner, tmp_path: Path
) -> None:
    def run(command: Command) -> Completed:
        runs = int(command.argv[command.argv.index("--bench") + 1])
        summary = json.loads(told(sample(1, wall=50_000)))
        return Completed(0, json.dumps({**summary, "marks": [[2, runs, runs * 7.0]]}), "")

    runner.answer_with("build-runtime-run", run)
    assert measure_operators(program, host, tmp_path) == (OperatorTime("aten::relu", 1, 7.0),)
    assert all(it.argv[1] == str(tmp_path / "marked.ptl") for it in runner.commands)
    assert all("--marks" in it.argv for it in runner.commands)


def test_a_program_that_tells_nothing_is_an_error(
    program: Program, host: Host, runner: FakeRunner, tmp_path: Path
) -> None:
    runner.answer("build-runtime-run", "")
    with pytest.raises(VerificationError, match="does not tell"):
        measure_operators(program, host, tmp_path)
