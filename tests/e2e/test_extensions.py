"""Operators of the user's own in real runtimes: those of the detection example, and broken ones."""

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
