"""`bench` refuses what would be no figure, and tells the rest as a table and as a document."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from builder.benching.peers.job import PeerName, to_json
from builder.commands import benching
from builder.commands.benching import Question, bench
from builder.commands.exchange import Answer
from builder.foundation.process import Command, Completed, Host
from builder.pipeline.wanted import read_models
from builder.proof.executor import Executor
from builder.vocabulary.errors import ModelError, ToolchainError, UsageError, VerificationError
from builder.vocabulary.models import InputSpec, Model, OwnOperators
from tests.conftest import FakeRunner
from tests.documents import validate
from tests.unit.artifact import forge
from tests.unit.benching.forge import sample, told
from tests.unit.commands.verification.test_judging import Events
from tests.unit.commands.verification.test_judging import model as write_model

SHAPES: Final = InputSpec(shapes=((1,),), dtypes=("float32",))
PYTHON: Final = Path(sys.executable).name


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Executor | str], None]:
    """Let programs of the artifact run like this."""

    def run(how: Executor | str) -> None:
        monkeypatch.setattr(benching, "find_executor", lambda *_: how)

    run(Executor((), "natively"))
    return run


@pytest.fixture
def ask(
    tmp_path: Path, host: Host, runner: FakeRunner, runs: Callable[[Executor | str], None]
) -> Callable[..., Answer]:
    """Ask about a model that the artifact holds, on one thread and for one round."""
    del runs
    runner.answer("build-runtime-run", told(sample(250, wall=500)))
    artifact = forge.write_folder(tmp_path / "dist")
    model = write_model(tmp_path / "net.ptl", ("aten::add", "Tensor", 3))

    def answer(**other: Any) -> Answer:
        usual: dict[str, Any] = {
            "artifact": artifact, "model": model, "inputs": SHAPES, "threads": (1,), "rounds": 1,
            "against": None, "per_op": False, "instructions": False,
        }  # fmt: skip
        return bench(Question(**{**usual, **other}), host, Events())

    return answer


def test_each_number_of_threads_is_a_row(ask: Callable[..., Answer]) -> None:
    answer = ask(threads=(1, 2), rounds=3)
    document = {"version": 1, **answer.document}
    validate("bench", document)
    assert [(it["threads"], it["rounds"]) for it in document["rows"]] == [(1, 3), (2, 3)]
    assert document["rows"][0]["cpu_us"] == 250
    told = (
        "1           2.00 ms     0.30 ms     0.50 ms     1.00 ms     1.50 ms     0.25 ms     4.0 MB"
    )
    assert told in answer.text
    assert document["rows"][0]["samples"] == {"cpu_us": [250] * 3, "wall_us": [500] * 3}


def test_an_earlier_result_is_what_it_is_better_or_worse_than(
    ask: Callable[..., Answer], runner: FakeRunner, tmp_path: Path
) -> None:
    base = tmp_path / "base.json"
    base.write_text(json.dumps(ask(rounds=9).document))
    answer = ask(rounds=9, base=base)
    validate("bench", {"version": 1, **answer.document})
    assert f"1 thread / {base}: processor 1.000 (noise), clock 1.000 (noise)" in answer.text
    runner.answer("build-runtime-run", told(sample(200, wall=600)))
    answer = ask(rounds=9, base=base)
    assert f"1 thread / {base}: processor 0.800 (better), clock 1.200 (worse)" in answer.text
    asked = len(runner.commands)
    with pytest.raises(UsageError, match="no times for 2, 4 threads") as caught:
        ask(threads=(4, 1, 2), base=base)
    assert caught.value.looked_in == ("numbers of threads: 1",)
    assert len(runner.commands) == asked, "before anything is run"


def test_a_base_is_of_the_same_inputs(ask: Callable[..., Answer], tmp_path: Path) -> None:
    """Of files it is the content that counts, not where they lie."""
    files = [tmp_path / "one.pt", tmp_path / "same.pt", tmp_path / "other.pt"]
    for path, content in zip(files, ("1", "1", "2"), strict=True):
        path.write_text(content)
    one, same, other = (InputSpec(files=(it,)) for it in files)
    base = tmp_path / "base.json"
    base.write_text(json.dumps(ask(rounds=9, inputs=one).document))
    ask(rounds=9, inputs=same, base=base)
    for inputs in (other, SHAPES):
        with pytest.raises(UsageError, match="is of other inputs: sha256:6b86b273ff34fce1,"):
            ask(rounds=9, inputs=inputs, base=base)


def test_a_runner_runs_the_program_elsewhere(
    ask: Callable[..., Answer], runner: FakeRunner, tmp_path: Path
) -> None:
    there = tmp_path / "bin" / "ssh-board"
    there.parent.mkdir(exist_ok=True)
    there.touch(mode=0o755)
    runner.answer("ssh-board", told(sample(70)))
    answer = ask(runner=f"{there} --fast")
    validate("bench", {"version": 1, **answer.document})
    assert answer.document["runner"] == f"by {there}"
    base = tmp_path / "base.json"
    base.write_text(json.dumps(answer.document))
    with pytest.raises(UsageError, match=r"of another runner: by .*ssh-board, and not natively"):
        ask(base=base)
    assert answer.document["rows"][0]["cpu_us"] == 70
    command = next(it for it in runner.commands if it.argv[0] == str(there))
    assert command.argv[1] == "--fast"
    assert command.env["LD_LIBRARY_PATH"].endswith("/lib")
    for other in ({"against": PeerName.TORCH}, {"instructions": True}):
        with pytest.raises(UsageError, match="--runner runs programs elsewhere"):
            ask(runner=str(there), **other)


def test_torch_is_no_peer_for_operators_that_it_lacks(
    ask: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnOperators(("shop::twice(Tensor x) -> Tensor",))

    def read(*given: Any) -> tuple[Model, ...]:
        return tuple(replace(it, own=own) for it in read_models(*given))

    monkeypatch.setattr(benching, "read_models", read)
    assert ask().document["rows"]
    with pytest.raises(UsageError, match=r"no shop::twice, which net calls") as caught:
        ask(against=PeerName.TORCH)
    assert "--ops-library" in caught.value.hint


def test_a_peer_is_told_as_ratios(ask: Callable[..., Answer], runner: FakeRunner) -> None:
    def torch(command: Command) -> Completed:
        if "builder.benching.peers" not in command.argv:
            return Completed(0, "", "")  # it made the inputs
        return Completed(0, to_json("torch 2.13", (sample(1),), (sample(4),)), "")

    runner.answer_with(PYTHON, torch)
    answer = ask(against=PeerName.TORCH)
    validate("bench", {"version": 1, **answer.document})
    assert "1 thread / torch 2.13: processor 0.250 (0.250 to 0.250), clock 1.000" in answer.text


def test_an_emulated_runtime_is_counted_and_not_timed(
    ask: Callable[..., Answer],
    runs: Callable[[Executor | str], None],
    runner: FakeRunner,
) -> None:
    def emulate(command: Command) -> Completed:
        if "--help" in command.argv:
            return Completed(0, "-plugin", "")
        runs_made = int(command.argv[command.argv.index("--bench") + 1])
        return Completed(0, "{}", f"instructions: {1000 + 77 * runs_made}\n")

    def python(command: Command) -> Completed:
        if "ziglang" in command.argv:
            Path(command.argv[-1]).touch()
        return Completed(0, "", "")

    runner.answer_with("qemu-arm", emulate)
    runner.answer_with(PYTHON, python)
    runs(Executor(("qemu-arm", "-L", "/sysroot"), "under qemu-arm"))
    answer = ask(instructions=True)
    validate("bench", {"version": 1, **answer.document})
    assert answer.document["rows"] == []
    assert answer.document["instructions"] == 77
    assert "instructions of one run: 77" in answer.text


def test_nothing_is_timed_that_a_base_could_be_compared_with(
    ask: Callable[..., Answer], runs: Callable[[Executor | str], None], tmp_path: Path
) -> None:
    runs(Executor(("qemu-arm", "-L", "/sysroot"), "under qemu-arm"))
    told = r"--base compares times, and .* are only counted"
    with pytest.raises(UsageError, match=told) as raised:
        ask(instructions=True, base=tmp_path / "base.json")
    assert raised.value.hint.startswith("leave out --base; or measure on a device")


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"instructions": True, "against": PeerName.TORCH},
        {"instructions": True, "per_op": True},
    ],
)
def test_times_of_an_emulator_are_refused(
    other: dict[str, Any], ask: Callable[..., Answer], runs: Callable[[Executor | str], None]
) -> None:
    runs(Executor(("qemu-arm", "-L", "/sysroot"), "under qemu-arm"))
    with pytest.raises(UsageError, match="say nothing about a device"):
        ask(**other)


def test_what_does_not_run_here_is_for_a_device(
    ask: Callable[..., Answer], runs: Callable[[Executor | str], None]
) -> None:
    runs("no qemu-arm on PATH")
    with pytest.raises(ToolchainError, match="do not run here") as raised:
        ask()
    assert raised.value.looked_in == ("no qemu-arm on PATH",)


def test_a_model_needs_inputs(ask: Callable[..., Answer]) -> None:
    with pytest.raises(UsageError, match="brings no inputs"):
        ask(inputs=InputSpec())


def test_a_model_must_fit(ask: Callable[..., Answer], tmp_path: Path) -> None:
    model = write_model(tmp_path / "other.ptl", ("aten::relu", "", 1))
    with pytest.raises(ModelError, match=r"does not hold what other needs: .*aten::relu"):
        ask(model=model)


def test_a_changed_library_is_not_run(ask: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "dist" / forge.LIBRARY).write_text("another")
    with pytest.raises(VerificationError, match="is not what was built"):
        ask()


def test_instructions_of_this_processor_need_its_emulator(ask: Callable[..., Answer]) -> None:
    with pytest.raises(ToolchainError, match="qemu-x86_64, which is not here"):
        ask(instructions=True)


def test_operators_need_a_runtime_that_warns(ask: Callable[..., Answer]) -> None:
    with pytest.raises(ModelError, match="built without warnings"):
        ask(per_op=True)
