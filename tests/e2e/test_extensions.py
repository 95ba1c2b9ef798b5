"""Operators of the user's own in real runtimes: those of the detection example, and broken ones."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.documents import validate
from tests.e2e.real import Runtime, Tool, built
from tests.places import EXAMPLES

DETECTION: Final = EXAMPLES / "detection"
OWN: Final = {"torchvision::nms", "torchvision::roi_align"}


@pytest.fixture(scope="module")
def detector(example: Callable[[str], Path]) -> tuple[object, ...]:
    """Return the words that build the detector for this machine, all but the C++."""
    folder = example("detection")
    return (folder / "model.pt", "--abi", "x86_64", "--input", folder / "inputs.pt", "--json")


@pytest.fixture(scope="module")
def compared(
    tool: Tool, detector: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory
) -> Runtime:
    folder = tmp_path_factory.mktemp("compared")
    side = ("--ops-library", DETECTION / "operators.py")
    done = tool.run(*detector, "--ops-source", DETECTION, *side, "-o", folder, cwd=folder)
    validate("build", done.document)
    (made,) = built(done, folder)
    return made


def test_a_detector_answers_as_desktop_torch_does(compared: Runtime) -> None:
    assert set(compared.summary["operators"]) >= OWN
    check = compared.check("outputs", "model")
    assert (check["outcome"], check["cases"]) == ("passed", 1)
    assert compared.check("registered operators")["outcome"] == "passed"


def test_a_manifest_and_a_report_tell_of_the_cpp(tool: Tool, compared: Runtime) -> None:
    validate("manifest", compared.manifest)
    assert [it["file"] for it in compared.manifest["extension"]] == [
        "operators:nms.cpp", "operators:roi_align.cpp",
    ]  # fmt: skip
    report = tool.run("report", compared.archive, "--json", cwd=compared.prefix).document
    sizes = {it["name"]: it["size"] for it in report["components"]}
    assert 2_000 < sizes["operators of your own"] < 60_000


def test_bench_times_a_model_that_calls_them(
    tool: Tool, detector: tuple[object, ...], compared: Runtime, tmp_path: Path
) -> None:
    model, *_, inputs, _ = detector
    words = ("bench", compared.archive, model, "--input", inputs, "--rounds", "1", "--json")
    side = ("--ops-source", DETECTION, "--ops-library", DETECTION / "operators.py")
    done = tool.run(*words, *side, "--against", "torch", cwd=tmp_path)
    validate("bench", done.document)
    (row,) = done.document["rows"]
    assert row["against"]["name"].startswith("torch ")
    alone = tool.run(*words, "--ops-source", DETECTION, cwd=tmp_path)
    assert [it["against"] for it in alone.document["rows"]] == [None]


@pytest.mark.slow
def test_a_detector_answers_on_another_processor(
    tool: Tool, detector: tuple[object, ...], tmp_path: Path
) -> None:
    words = ("arm64-v8a" if it == "x86_64" else it for it in detector)
    side = ("--ops-source", DETECTION, "--ops-library", DETECTION / "operators.py")
    done = tool.run(*words, *side, "-o", tmp_path, cwd=tmp_path)
    (made,) = built(done, tmp_path)
    assert made.check("outputs", "model")["outcome"] == "passed"


@pytest.mark.slow
def test_kernels_that_no_model_calls_are_left_out(
    tool: Tool, detector: tuple[object, ...], tmp_path: Path, compared: Runtime
) -> None:
    """Without the Python side the model runs, and the answers are said not to be compared."""
    folder = tmp_path / "ops"
    folder.mkdir()
    for path in DETECTION.glob("*.cpp"):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    more = "at::Tensor idle(const at::Tensor& x) { return x; }\nTORCH_LIBRARY(shop, m) {\n"
    text = f'#include <torch/library.h>\n{more}  m.def("idle(Tensor x) -> Tensor", idle);\n}}\n'
    (folder / "idle.cpp").write_text(text, encoding="utf-8")
    done = tool.run(*detector, "--ops-source", folder, "-o", tmp_path / "dist", cwd=tmp_path)
    (made,) = built(done, tmp_path / "dist")
    assert set(made.summary["operators"]) == set(compared.summary["operators"])
    check = made.check("outputs", "model")
    assert (check["outcome"], check["cases"]) == ("skipped", 1)
    assert "ran, but not compared: desktop torch has no torchvision::nms" in check["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "to", "told"),
    [
        ("double iou_threshold)", "float iou_threshold)", "must take double for iou_threshold"),
        ("const at::Tensor& scores, ", "", "its schema has 3 arguments, its function another"),
        ("return result;", "return nothing;", "nms.cpp:63:10: error: use of undeclared identifier"),
    ],
)
def test_what_does_not_compile_names_the_file_of_the_user(  # noqa: PLR0917
    tool: Tool, detector: tuple[object, ...], tmp_path: Path, changed: str, to: str, told: str
) -> None:  # fmt: skip
    for path in DETECTION.glob("*.cpp"):
        text = path.read_text(encoding="utf-8").replace(changed, to)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    words = (*detector, "--ops-source", tmp_path, "-o", tmp_path / "dist")
    error = tool.run(*words, cwd=tmp_path, expect=5).document["error"]
    assert "operators of your own do not compile" in error
    assert told in error
    assert f"{tmp_path}/nms.cpp:" in error


UPSCALE: Final = """\
#include <ATen/core/interned_strings.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/ones.h>
#include <torch/library.h>

at::Tensor upscale(const at::Tensor& x, const at::Tensor& weight) {
  const bool known = c10::Symbol::fromQualString("aten::add") == c10::aten::add;
  const auto flat = at::conv3d(x.unsqueeze(0), at::ones({1, 1, 1, 1, 1})).squeeze(0);
  return known ? at::conv_transpose2d(flat, weight, {}, 2) : flat;
}

TORCH_LIBRARY(shop, m) {
  m.def("upscale(Tensor x, Tensor weight) -> Tensor", upscale);
}
"""

SIDE: Final = """\
import torch

library = torch.library.Library("shop", "DEF")
library.define("upscale(Tensor x, Tensor weight) -> Tensor")


def upscale(x, weight):
    return torch.nn.functional.conv_transpose2d(x, weight, stride=2)


library.impl("upscale", upscale, "CPU")
"""

MODEL: Final = """\
import torch
import operators


class Net(torch.nn.Module):
    def forward(self, x):
        return torch.ops.shop.upscale(x, torch.full((1, 1, 2, 2), 0.5)).relu()


torch.jit.script(Net()).save("net.pt")
torch.save((torch.randn(1, 1, 3, 4),), "inputs.pt")
"""


@pytest.mark.slow
def test_cpp_calls_convolutions_and_compares_with_names_that_no_model_does(
    tool: Tool, tmp_path: Path
) -> None:
    for name, text in (
        ("upscale.cpp", UPSCALE), ("operators.py", SIDE), ("export.py", MODEL),
    ):  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "export.py"], cwd=tmp_path, check=True)
    own = ("--ops-source", "upscale.cpp", "--ops-library", "operators.py")
    words = ("net.pt", "--abi", "x86_64", "--input", "inputs.pt", *own)
    (made,) = built(tool.run(*words, "--json", "-o", "dist", cwd=tmp_path), tmp_path / "dist")
    assert made.check("outputs", "net")["outcome"] == "passed"
