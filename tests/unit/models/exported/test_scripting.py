"""Programs with a scripted child: vetted first, written once, explained when it cannot be."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from builder import RELEASE
from builder.extensions.reading import read_extension
from builder.foundation.process import Command, Completed, Host
from builder.models.conversion.torchscript import read_model
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import InputSpec, ModelFormat, SizeRange, inputs_for
from tests.conftest import FakeRunner
from tests.unit.models import forge as lite
from tests.unit.models.exported import forge

PYTHON: Final = Path(sys.executable).name
TOLD: Final[dict[str, Any]] = {
    "call": {
        "arguments": [
            {
                "name": "x", "type": "Tensor", "keyword": False,
                "tensors": [{"path": "x", "dtype": "float32", "sizes": ["s77", "8"]}],
            }
        ],
        "returns": "Tensor",
        "sizes": [{"name": "s77", "least": 2, "most": None}],
    },
    "examples": ["example", "s77=4"],
}  # fmt: skip


def working(told: object = TOLD) -> Callable[[Command], Completed]:
    """Return both children: what writes a program, and what converts TorchScript."""

    def run(command: Command) -> Completed:
        if "builder.models.exported.writing" not in command.argv:
            place = command.argv.index("builder.models.conversion.convert")
            lite.write(Path(command.argv[place + 2]), lite.lite(), folder="model")
            return Completed(0, "", "")
        place = command.argv.index("builder.models.exported.writing")
        folder = Path(command.argv[place + 2])
        lite.write(folder / "model.pt", lite.torchscript())
        for title in ("example", "s77=4"):
            (folder / f"{title}.pt").write_bytes(b"tensors")
        (folder / "call.json").write_text(json.dumps(told), encoding="utf-8")
        return Completed(0, "", "")

    return run


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return forge.write(tmp_path / "net.pt2")


def test_a_program_is_written_once(program: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, working())
    model = read_model(program, host)
    assert (model.name, model.source, model.format) == ("net", program, ModelFormat.EXPORTED)
    assert model.path.name == "net.ptl"
    assert model.call is not None
    assert model.call.sizes == (SizeRange("s77", 2, None),)
    assert model.call.arguments[0].tensors[0].sizes == ("s77", "8")
    assert [it.read_bytes() for it in model.examples] == [b"tensors", b"tensors"]
    assert read_model(program, host) == model
    assert len(runner.commands) == 2


def test_its_examples_are_what_it_is_run_on(program: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, working())
    model = read_model(program, host)
    assert inputs_for(model, InputSpec()) == InputSpec(files=model.examples)


def test_files_that_ride_along_are_named(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, working())
    read_model(
        forge.write(tmp_path / "net.pt2", forge.records(**{"extra/labels.txt": b"cat"})), host
    )
    assert runner.commands[0].argv[-3:] == (RELEASE, "{}", "labels.txt")


def test_what_is_told_of_own_operators_decides_what_is_kept(
    program: Path, tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    runner.answer_with(PYTHON, working())
    (tmp_path / "tax.cpp").write_text(
        "#include <torch/library.h>\nat::Tensor tax(const at::Tensor& x) { return x; }\n"
        'TORCH_LIBRARY(shop, m) { m.def("tax(Tensor x) -> Tensor", tax); }\n',
        encoding="utf-8",
    )
    side = tmp_path / "tax.py"
    side.write_text("", encoding="utf-8")
    told = set()
    for libraries in ((), (side,), (side,)):
        read_model(program, host, extension=read_extension([tmp_path / "tax.cpp"], libraries))
    for command in runner.commands:
        if "builder.models.exported.writing" in command.argv:
            told.add(command.argv[-1])
    schemas = ["shop::tax(Tensor x) -> Tensor"]
    assert sorted(map(json.loads, told), key=str) == [
        {"own": {"schemas": schemas, "libraries": libraries}} for libraries in ([str(side)], [])
    ]
    side.write_text("pass", encoding="utf-8")
    before = len(runner.commands)
    read_model(program, host, extension=read_extension([tmp_path / "tax.cpp"], (side,)))
    assert len(runner.commands) > before


@pytest.mark.parametrize("lost", ["examples/s77=4.pt", "call.json", "net.pt"])
def test_what_the_cache_lost_is_written_again(
    program: Path, host: Host, runner: FakeRunner, lost: str
) -> None:
    runner.answer_with(PYTHON, working())
    model = read_model(program, host)
    (model.examples[0].parents[1] / lost).unlink()
    assert read_model(program, host) == model
    assert len(runner.commands) == 3


def test_the_child_says_what_cannot_be_written(
    program: Path, host: Host, runner: FakeRunner
) -> None:
    said = {"problems": [f"node n{it}: no such thing" for it in range(30)], "hint": "do this"}
    runner.answer(PYTHON, stdout=json.dumps(said), status=1)
    with pytest.raises(ModelError) as caught:
        read_model(program, host)
    assert caught.value.hint == "do this"
    assert "node n0: no such thing" in caught.value.message
    assert caught.value.message.endswith("and 10 more")


def test_a_child_that_dies_is_explained(program: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer(PYTHON, stderr="noise\nout of memory\n", status=-9)
    with pytest.raises(ModelError, match=r"ended by signal 9\n    out of memory"):
        read_model(program, host)


@pytest.mark.parametrize("told", [[], {"call": {}, "examples": []}, {"call": None}])
def test_a_child_that_says_nothing_is_explained(
    program: Path, host: Host, runner: FakeRunner, told: object
) -> None:
    runner.answer_with(PYTHON, working(told))
    with pytest.raises(ModelError, match="wrote nothing that can be read"):
        read_model(program, host)


def test_unsafe_programs_never_reach_torch(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    bomb = forge.samples(lite.called("os", "system", "true"))
    path = forge.write(tmp_path / "net.pt2", forge.records(**{"data/sample_inputs/model.pt": bomb}))
    with pytest.raises(ModelError, match=r"os\.system"):
        read_model(path, host)
    scan = forge.program(forge.node("torch.ops.higher_order.scan", name="scan"))
    with pytest.raises(ModelError, match=r"node scan: .* \(net\.py:7: x\.relu\(\)\)"):
        read_model(forge.write(path, forge.records(scan)), host)
    assert not runner.commands
