"""Each example writes a model that survives conversion, answers alike, and loads its inputs."""

import io
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import torch
import torch.jit.mobile

from tests.places import EXAMPLES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, about TorchScript

OPERATORS: Final = {"classifier": 7, "control_flow": 28, "detection": 35, "image_bytes": 13,
                    "lstm_text": 17, "mobilenet_v2": 17, "quantized": 23}  # fmt: skip
"""How many operators the README of each example speaks of, as torch counts them."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Run a script of the examples as `python PATH OUTDIR` does."""

    def run(path: str, folder: Path) -> None:
        monkeypatch.setattr(sys, "argv", [path, str(folder)])
        runpy.run_path(str(EXAMPLES / path), run_name="__main__")

    return run


def lite(model: torch.jit.ScriptModule) -> Any:
    buffer = io.BytesIO(model._save_to_buffer_for_lite_interpreter())
    return torch.jit.mobile._load_for_lite_interpreter(buffer)  # type: ignore[no-untyped-call]


def load(path: Path) -> torch.jit.ScriptModule:
    model: torch.jit.ScriptModule = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return model


def load_inputs(path: Path) -> tuple[Any, ...]:
    inputs = torch.load(path, weights_only=True)
    assert isinstance(inputs, tuple)
    return inputs


def assert_alike(actual: object, expected: object) -> None:
    if isinstance(expected, torch.Tensor):
        assert isinstance(actual, torch.Tensor)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    elif isinstance(expected, tuple):
        assert isinstance(actual, tuple)
        for left, right in zip(actual, expected, strict=True):
            assert_alike(left, right)
    else:
        assert actual == expected


def test_every_example_is_tested_and_explained() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if any(path.glob("*.py"))}
    assert folders == {*OPERATORS, "two_models"}
    for folder in folders:
        readme = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
        assert "build-runtime " in readme
        for scripted in (EXAMPLES / folder).glob("*.py"):
            assert f"examples/{folder}/{scripted.name}" in readme


@pytest.mark.parametrize("name", OPERATORS)
def test_the_lite_model_answers_as_the_model_does(
    name: str, tmp_path: Path, script: Callable[[str, Path], None]
) -> None:
    script(f"{name}/make_model.py", tmp_path / "out")
    model = load(tmp_path / "out" / "model.pt")
    converted = lite(model)
    inputs = load_inputs(tmp_path / "out" / "inputs.pt")
    assert_alike(converted(*inputs), model(*inputs))
    assert len(torch.jit.mobile._export_operator_list(converted)) == OPERATORS[name]


def test_the_shipped_classifier_is_what_its_script_writes(
    tmp_path: Path, script: Callable[[str, Path], None]
) -> None:
    shipped = EXAMPLES / "classifier" / "model.pt"
    assert shipped.stat().st_size < 100_000
    script("classifier/make_model.py", tmp_path)
    old, new = load(shipped), load(tmp_path / "model.pt")
    operators = [torch.jit.mobile._export_operator_list(lite(model)) for model in (old, new)]
    assert operators[0] == operators[1]
    inputs = load_inputs(tmp_path / "inputs.pt")
    assert_alike(old(*inputs), new(*inputs))


def test_the_shipped_classifier_does_not_tell_where_it_was_made() -> None:
    content = (EXAMPLES / "classifier" / "model.pt").read_bytes()
    assert b"debug_pkl" not in content
    assert b"site-packages" not in content


def test_the_peak_finder_takes_every_branch(
    tmp_path: Path, script: Callable[[str, Path], None]
) -> None:
    script("control_flow/make_model.py", tmp_path)
    model = load(tmp_path / "model.pt")
    sentence, positions, heights = model(*load_inputs(tmp_path / "inputs.pt"))
    assert sentence == "2 peaks: FIRST, SECOND"
    assert len(positions) == 2
    assert list(heights) == ["first", "second"]
    assert model(torch.zeros(8), ["peak"]) == ("quiet", [], {})
    assert model.halvings(torch.tensor([-8.0, 1.0]), 1.0) == 3


def test_the_image_model_takes_any_size(
    tmp_path: Path, script: Callable[[str, Path], None]
) -> None:
    script("image_bytes/make_model.py", tmp_path)
    model = load(tmp_path / "model.pt")
    for height, width in ((31, 77), (480, 640)):
        image = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)
        probabilities = model(image)
        assert probabilities.shape == (1, 5)
        assert float(probabilities.detach().sum()) == pytest.approx(1.0, abs=1e-5)


def test_two_models_are_those_of_the_other_examples(
    tmp_path: Path, script: Callable[[str, Path], None]
) -> None:
    script("two_models/make_models.py", tmp_path)
    used = []
    for name in ("classifier", "lstm_text"):
        model = load(tmp_path / f"{name}.pt")
        model(*load_inputs(tmp_path / f"{name}_inputs.pt"))
        used.append(set(torch.jit.mobile._export_operator_list(lite(model))))
    assert used[0] & used[1] == {"aten::linear"}
