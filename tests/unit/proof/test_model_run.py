import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.proof.compare import Comparison
from builder.proof.executor import Executor
from builder.proof.model_run import Answers, ask_torch, refuse_other_answers, run_model
from builder.vocabulary.errors import ModelError, UsageError, VerificationError
from builder.vocabulary.models import InputSpec, Method, Model, ModelFormat, Repair
from builder.vocabulary.operators import OperatorName, OperatorUse
from builder.vocabulary.tolerances import Limits
from builder.vocabulary.value_files import Failure, Tensor, Value, encode
from tests.conftest import FakeRunner

NATIVE = Executor((), "natively")
PROGRAM = Path("/prefix/bin/my run")
SHAPES = InputSpec(shapes=((1, 3),), dtypes=("float32",))
ONE = Tensor("float32", (1,), bytes(4))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    source = tmp_path / "net.pt"
    source.touch()
    return Model(
        name="net", source=source, path=tmp_path / "net.ptl", sha256="0", bytecode_version=8,
        format=ModelFormat.TORCHSCRIPT, operator_version=10, methods=(), classes=frozenset(),
        dtypes=frozenset(), bundled_inputs=False,
    )  # fmt: skip


class World:
    """Scripted answers of desktop torch and of the runtime, and what both were asked."""

    def __init__(
        self, runner: FakeRunner, expected: Value, actual: Value, allowed: Value = None
    ) -> None:
        self.spec: dict[str, Any] = {}
        self.asked: tuple[str, ...] = ()
        self._expected = expected
        self._actual = actual
        self._allowed = allowed
        runner.answer_with(Path(sys.executable).name, self.reference)
        runner.answer_with(PROGRAM.name, self.runtime)

    def reference(self, command: Command) -> Completed:
        self.spec = json.loads(command.argv[4])
        Path(command.argv[5]).write_bytes(encode([()]))
        Path(command.argv[6]).write_bytes(encode(self._expected))
        if self._allowed is not None:
            Path(command.argv[7]).write_bytes(encode(self._allowed))
        return Completed(0, "", "")

    def runtime(self, command: Command) -> Completed:
        self.asked = command.argv
        Path(command.argv[-1]).write_bytes(encode(self._actual))
        failed = isinstance(self._actual, list) and any(
            isinstance(it, Failure) for it in self._actual
        )
        return Completed(6 if failed else 0, "", "")


def test_equal_answers_prove_the_model(model: Model, runner: FakeRunner, host: Host) -> None:
    world = World(runner, [ONE], [ONE])
    result = run_model(model, SHAPES, NATIVE, PROGRAM, host)
    assert (result.model, result.cases, result.comparison) == ("net", 1, Comparison())
    assert world.spec == {
        "lite": False, "ptl": str(model.path), "rounds": False, "shapes": [[1, 3]],
        "dtypes": ["float32"],
    }  # fmt: skip
    assert world.asked[:3] == (str(PROGRAM), str(model.path), "--inputs")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(it, "net.ptl" if it is ModelFormat.LITE else "net.pt") for it in ModelFormat],
)
def test_torch_runs_the_model_that_it_can_load(
    model: Model, runner: FakeRunner, host: Host, kind: ModelFormat, name: str
) -> None:
    """A lite model of another device was written anew: as it was exported it loads nowhere here."""
    World(runner, [ONE], [ONE])
    run_model(replace(model, format=kind), SHAPES, NATIVE, PROGRAM, host)
    assert Path(runner.commands[0].argv[3]).name == name


def test_differences_name_the_case(model: Model, runner: FakeRunner, host: Host) -> None:
    World(runner, [ONE, 2, 3], [ONE, 5, Failure("no kernel for Half")])
    result = run_model(model, SHAPES, NATIVE, PROGRAM, host)
    assert result.cases == 3
    assert [str(it) for it in result.comparison.differences] == [
        "case 1: is 5, torch answers 2",
        "case 2: the runtime failed: no kernel for Half",
    ]


def test_what_a_case_may_be_off_is_what_the_reference_says(
    model: Model, runner: FakeRunner, host: Host
) -> None:
    World(runner, [2.0, 2.0], [2.5, 2.5], [(0.6, 0.6), None])
    result = run_model(model, SHAPES, NATIVE, PROGRAM, host)
    assert [it.path for it in result.comparison.differences] == ["case 1"]


@pytest.mark.parametrize(
    ("operator", "rounds"),
    [
        ("aten::add.Tensor", False), ("aten::dequantize.self", False), ("quantized::conv2d", True),
        ("aten::quantize_per_tensor", True), ("aten::quantized_lstm.input", True),
    ],
)  # fmt: skip
def test_desktop_torch_is_told_whether_the_model_rounds(
    model: Model, runner: FakeRunner, host: Host, operator: str, *, rounds: bool
) -> None:
    world = World(runner, [ONE], [ONE])
    method = Method("forward", (OperatorUse(OperatorName.parse(operator)),), frozenset())
    run_model(replace(model, methods=(method,)), SHAPES, NATIVE, PROGRAM, host)
    assert world.spec["rounds"] == rounds


def test_desktop_torch_uses_the_kernels_without_vectors(
    model: Model, runner: FakeRunner, host: Host
) -> None:
    World(runner, [ONE], [ONE])
    run_model(model, SHAPES, NATIVE, PROGRAM, host)
    assert dict(runner.commands[0].env)["ATEN_CPU_CAPABILITY"] == "default"


@pytest.mark.parametrize("actual", [[ONE], [ONE, ONE, ONE], ONE])
def test_too_few_or_too_many_answers_are_no_proof(
    model: Model, runner: FakeRunner, host: Host, actual: Value
) -> None:
    World(runner, [ONE, ONE], actual)
    with pytest.raises(VerificationError, match="net"):
        run_model(model, SHAPES, NATIVE, PROGRAM, host)


def test_a_damaged_answer_is_no_proof(model: Model, runner: FakeRunner, host: Host) -> None:
    World(runner, [ONE], [ONE])

    def damaged(command: Command) -> Completed:
        Path(command.argv[-1]).write_bytes(b"BRVF")
        return Completed(0, "", "")

    runner.answer_with(PROGRAM.name, damaged)
    with pytest.raises(VerificationError, match="net"):
        run_model(model, SHAPES, NATIVE, PROGRAM, host)


def test_without_inputs_the_model_is_only_loaded(
    model: Model, runner: FakeRunner, host: Host
) -> None:
    result = run_model(model, InputSpec(), NATIVE, PROGRAM, host)
    assert result.cases == 0
    (command,) = runner.commands
    assert command.argv == (str(PROGRAM), str(model.path), "--methods")


def test_bundled_inputs_are_used_when_none_are_given(
    model: Model, runner: FakeRunner, host: Host
) -> None:
    world = World(runner, [ONE], [ONE])
    bundled = replace(model, bundled_inputs=True)
    assert run_model(bundled, InputSpec(), NATIVE, PROGRAM, host).cases == 1
    assert world.spec == {
        "lite": False, "ptl": str(model.path), "rounds": False, "bundled": True,
    }  # fmt: skip
    run_model(bundled, SHAPES, NATIVE, PROGRAM, host)
    assert "bundled" not in world.spec


@pytest.mark.parametrize("form", [ModelFormat.LITE, ModelFormat.FLATBUFFER])
def test_files_are_given_to_torch(
    model: Model, runner: FakeRunner, host: Host, tmp_path: Path, form: ModelFormat
) -> None:
    world = World(runner, [ONE], [ONE])
    spec = InputSpec(files=(tmp_path / "a.pt", tmp_path / "b.npz"))
    run_model(replace(model, format=form), spec, NATIVE, PROGRAM, host)
    files = [str(tmp_path / "a.pt"), str(tmp_path / "b.npz")]
    assert world.spec == {
        "lite": True, "ptl": str(model.path), "rounds": False, "files": files,
    }  # fmt: skip


def test_wrong_inputs_are_the_users_mistake(model: Model, runner: FakeRunner, host: Host) -> None:
    runner.answer(Path(sys.executable).name, stderr="noise\nValueError: no tuple\n", status=2)
    with pytest.raises(UsageError) as caught:
        run_model(model, SHAPES, NATIVE, PROGRAM, host)
    assert caught.value.message == (
        "cannot use the inputs of net (float32[1,3]): ValueError: no tuple"
    )


@pytest.mark.parametrize(
    ("stderr", "reason"), [("RuntimeError: bad shape\n", "bad shape"), ("", "status 3")]
)
def test_a_model_that_fails_in_torch_is_named(
    model: Model, runner: FakeRunner, host: Host, stderr: str, reason: str
) -> None:
    runner.answer(Path(sys.executable).name, stderr=stderr, status=3)
    with pytest.raises(ModelError, match=f"does not run in desktop torch.*{reason}"):
        run_model(model, SHAPES, NATIVE, PROGRAM, host)


def test_torch_is_not_asked_again(
    model: Model, runner: FakeRunner, host: Host, tmp_path: Path
) -> None:
    World(runner, [ONE], [ONE])
    answers = ask_torch(model, SHAPES, tmp_path, host)
    assert runner.programs == [Path(sys.executable).name]
    assert run_model(model, SHAPES, NATIVE, PROGRAM, host, answers=answers).cases == 1
    assert runner.programs == [Path(sys.executable).name, PROGRAM.name]


@pytest.mark.parametrize("spec", [SHAPES, InputSpec()])
def test_a_runtime_that_does_not_load_the_model_is_repeatable_by_hand(
    model: Model, runner: FakeRunner, host: Host, spec: InputSpec
) -> None:
    World(runner, [ONE], [ONE])
    runner.answer(PROGRAM.name, stderr="unknown operator\n", status=3)
    with pytest.raises(VerificationError, match="does not run net: unknown operator") as caught:
        run_model(model, spec, NATIVE, PROGRAM, host)
    assert f"repeat it by hand: '{PROGRAM}' {model.path} --" in caught.value.hint


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (InputSpec(files=(Path("/x/a.pt"), Path("b.npz"))), "a.pt, b.npz"),
        (InputSpec(shapes=((1, 2), (3,)), dtypes=("int64", "bool")), "int64[1,2], bool[3]"),
        (InputSpec(bundled=True), "bundled inputs"),
    ],
)
def test_inputs_are_described_in_a_few_words(spec: InputSpec, text: str) -> None:
    assert spec.given
    assert spec.describe() == text


def test_nothing_is_given_by_default() -> None:
    assert not InputSpec().given


REWRITTEN = (Repair("packing", "aten::linear became prepacked::linear_clamp_run", 1),)


def test_what_a_model_was_rewritten_to_answers_too(
    model: Model, runner: FakeRunner, host: Host, tmp_path: Path
) -> None:
    """But for models of 8-bit numbers, of which only the original would round as runtimes do."""
    world = World(runner, [ONE], [ONE])
    ask_torch(replace(model, rewrites=REWRITTEN), SHAPES, tmp_path, host)
    assert world.spec["rewritten"]
    uses = (OperatorUse(OperatorName.parse("aten::quantize_per_tensor")),)
    method = Method("forward", uses, frozenset())
    ask_torch(replace(model, rewrites=REWRITTEN, methods=(method,)), SHAPES, tmp_path, host)
    assert "rewritten" not in world.spec


def test_a_rewrite_that_changes_an_answer_is_refused(model: Model, tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    refuse_other_answers(model, answers, Limits())  # nothing was rewritten
    answers.expected.write_bytes(encode([1.0, 2.0]))
    answers.rewritten.write_bytes(encode([1.0, 2.0 + 1e-7]))
    refuse_other_answers(model, answers, Limits())
    answers.rewritten.write_bytes(encode([1.0, 2.5]))
    refuse_other_answers(model, answers, Limits(relative=0.5))
    with pytest.raises(VerificationError, match="net answers otherwise once it is") as caught:
        refuse_other_answers(model, answers, Limits())
    assert "case 1" in caught.value.message
    assert caught.value.hint == "build it as it was exported: --rewrite off"
