"""Models that are rewritten for speed: in a runtime of ours, and in stock LibTorch-lite.

The stock one is a PyTorch 2.6 with XNNPACK, as Debian has it: `$TORCH_WITH_XNNPACK` names a Python
that imports it, else `python3` is tried.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import torch

from tests.documents import validate
from tests.e2e.real import Runtime, Tool, built
from tests.places import RECORDED

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, about TorchScript

MODELS: Final = RECORDED / "prepacked"
NAMES: Final = ("plain", "optimized", "nested", "unfolded")
"""A model as exported, as `optimize_for_mobile` made it, inside another one, and packed by code."""

SHAPE: Final = ("--input-shape", "2,3,9,11")
CALLED: Final = {
    "aten::contiguous",
    "aten::mean.dim",
    "prepacked::conv2d_clamp_run",
    "prepacked::conv2d_transpose_clamp_run",
    "prepacked::linear_clamp_run",
}

ANSWER: Final = """\
import sys
import torch
from torch.jit.mobile import _load_for_lite_interpreter

model, given, answer = sys.argv[1:]
torch.save(_load_for_lite_interpreter(model)(torch.load(given)), answer)
"""
ASK: Final = "import sys, torch.backends.xnnpack as it; sys.exit(not it.enabled)"


@pytest.fixture(scope="module")
def rewritten(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return one runtime for all of the models, which a build proved."""
    folder = tmp_path_factory.mktemp("rewritten")
    done = tool.run(
        *(MODELS / f"{name}.pt" for name in NAMES), *SHAPE, "--abi", "x86_64",
        "--rewrite", "auto", "--require-run", "--json", cwd=folder,
    )  # fmt: skip
    validate("build", done.document)
    (made,) = built(done, folder / "dist")
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_rewritten_model_answers_as_it_was_exported(rewritten: Runtime, name: str) -> None:
    assert rewritten.check("outputs", name)["outcome"] == "passed"
    (row,) = (it for it in rewritten.manifest["models"] if it["name"] == name)
    assert {it["name"] for it in row["rewrites"]} >= {"packing", "layout"}
    assert not row["notes"]
    assert rewritten.manifest["rewrite"] == "auto"
    assert set(rewritten.summary["operators"]) == CALLED


def test_verify_converts_as_the_artifact_was(
    tool: Tool, rewritten: Runtime, tmp_path: Path
) -> None:
    words = ("verify", rewritten.prefix, MODELS / "plain.pt", *SHAPE, "--json")
    done = tool.run(*words, cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.document["passed"]


def test_a_lock_builds_the_same_library(tool: Tool, rewritten: Runtime, tmp_path: Path) -> None:
    models = tuple(MODELS / f"{name}.pt" for name in NAMES)
    locked = tool.run("lock", *models, "--rewrite", "auto", "-o", "lock.yaml", cwd=tmp_path)
    assert locked.code == 0, locked.stderr
    done = tool.run("lock.yaml", "--abi", "x86_64", "--json", cwd=tmp_path)
    (made,) = built(done, tmp_path / "dist")
    assert made.library.read_bytes() == rewritten.library.read_bytes()


@pytest.fixture(scope="module")
def stock() -> str:
    """Return a Python that imports a PyTorch with XNNPACK."""
    program = os.environ.get("TORCH_WITH_XNNPACK") or "/usr/bin/python3"
    asked = shutil.which(program) and subprocess.run((program, "-c", ASK), check=False)
    if not asked or asked.returncode:
        pytest.skip("no Python imports a PyTorch with XNNPACK: set $TORCH_WITH_XNNPACK")
    return program


@pytest.mark.parametrize("name", NAMES)
def test_stock_pytorch_runs_a_rewritten_model(
    rewritten: Runtime, stock: str, tmp_path: Path, name: str
) -> None:
    x = torch.randn(2, 3, 9, 11)
    torch.save(x, tmp_path / "given")
    model = rewritten.prefix / "share" / "build_runtime" / "models" / f"{name}.ptl"
    words = (stock, "-c", ANSWER, str(model), str(tmp_path / "given"), str(tmp_path / "answer"))
    subprocess.run(words, check=True)
    plain = torch.jit.load(MODELS / "plain.pt")  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        expected = plain(x)
    for one, other in zip(torch.load(tmp_path / "answer"), expected, strict=True):
        assert one.stride() == other.stride()
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
