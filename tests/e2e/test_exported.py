"""An exported program becomes a runtime that answers as the program does, at several sizes."""

import importlib
import runpy
from pathlib import Path
from typing import Any, Final

import pytest

from builder.vocabulary.value_files import Failure, Tensor, Value
from tests.e2e.real import Runtime, Tool, built, ones
from tests.places import EXAMPLES

torch: Final[Any] = importlib.import_module("torch")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classifier, with a batch of any size up to eight; its answer is a dictionary."""
    parts = runpy.run_path(str(EXAMPLES / "classifier" / "make_model.py"))

    class Named(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.classifier = parts["Classifier"]()

        def forward(self, images: Any) -> Any:
            scores = self.classifier(images)
            return {"scores": scores, "count": images.shape[0]}

    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    batch = torch.export.Dim("batch", min=1, max=8)
    made = torch.export.export(
        Named().eval(), (torch.rand(2, 3, 32, 32),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(made, path)
    return path


@pytest.fixture(scope="module")
def runtime(program: Path, tool: Tool) -> Runtime:
    output = program.parent / "dist"
    done = tool.run(program, "--abi", "x86_64", "-o", output, "--json", cwd=program.parent)
    (made,) = built(done, output)
    return made


def test_it_is_proven_without_inputs(runtime: Runtime) -> None:
    """Those it was exported with, and others made of them, come with the program."""
    check = runtime.check("outputs", "net")
    assert check["outcome"] == "passed"
    assert check["cases"] >= 4
    (model,) = runtime.manifest["models"]
    assert model["format"] == "exported"


def test_any_declared_size_runs(runtime: Runtime, tmp_path: Path) -> None:
    cases: list[tuple[Value, ...]] = [(ones(size, 3, 32, 32),) for size in (1, 5, 8)]
    answers = runtime.run_cases(runtime.model("net"), cases, tmp_path)
    for answer, size in zip(answers, (1, 5, 8), strict=True):
        assert isinstance(answer, dict)
        assert answer["count"] == size
        scores = answer["scores"]
        assert isinstance(scores, Tensor)
        assert scores.shape == (size, 10)


def test_other_sizes_are_errors_with_a_reason(runtime: Runtime, tmp_path: Path) -> None:
    (answer,) = runtime.run_cases(runtime.model("net"), [(ones(9, 3, 32, 32),)], tmp_path)
    assert isinstance(answer, Failure)
    assert "dimension 0 of input images is 9, the program was exported for 1 to 8" in str(answer)
