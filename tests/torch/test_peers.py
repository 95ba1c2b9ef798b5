"""The children in which peers live, beside a program that stands in for a runtime."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builder.benching.peers.job import DOES_NOT_RUN, NOT_HERE, Job, PeerName, from_json
from builder.benching.peers.onnx_model import missing_libraries
from builder.benching.programs import Program
from builder.vocabulary.models import OwnOperators
from builder.vocabulary.value_files import Tensor, encode_inputs
from tests.places import EXAMPLES, ROOT
from tests.unit.benching.forge import sample, told

LIBRARY = """
import torch
KEPT = torch.library.Library("shop", "FRAGMENT")
KEPT.define("twice(Tensor x) -> Tensor")
KEPT.impl("twice", lambda x: x * 2, "CPU")
"""
CLASSIFIER = EXAMPLES / "classifier" / "model.pt"


def ask(job: Job) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "builder.benching.peers", job.to_json()],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return a program that tells of five microseconds a run."""
    path = tmp_path / "run.py"
    path.write_text(f"print({told(sample(5, wall=1e6))!r})")
    inputs = tmp_path / "inputs"
    image = Tensor.from_numpy(np.ones((1, 3, 32, 32), dtype=np.float32))
    inputs.write_bytes(encode_inputs([(image,)]))
    return Program((sys.executable,), path, tmp_path / "net.ptl", inputs)


def test_torch_takes_turns_with_a_runtime(program: Program) -> None:
    done = ask(Job(PeerName.TORCH, CLASSIFIER, (), program, 1, 2))
    assert done.returncode == 0, done.stderr
    ours, peer = from_json(done.stdout)
    assert [it.cpu for it in ours] == [5, 5]
    assert peer.name.startswith("torch 2.")
    assert len(peer.samples) == 2
    assert all(0 < it.wall < it.first for it in peer.samples)
    assert all(it.peak > 50_000 for it in peer.samples)


def test_torch_is_given_operators_of_the_users_own(program: Program, tmp_path: Path) -> None:
    library, model = tmp_path / "operators.py", tmp_path / "net.pt"
    library.write_text(LIBRARY, encoding="utf-8")
    make = f"{LIBRARY}\nm = torch.jit.trace(torch.ops.shop.twice, torch.ones(1))\n"
    subprocess.run([sys.executable, "-c", f"{make}m.save({str(model)!r})"], check=True)
    own = OwnOperators(("shop::twice(Tensor x) -> Tensor",), (library,))
    assert ask(Job(PeerName.TORCH, model, (), program, 1, 2)).returncode == DOES_NOT_RUN
    done = ask(Job(PeerName.TORCH, model, (), program, 1, 2, own))
    assert done.returncode == 0, done.stderr


def test_a_model_that_does_not_run_is_told(program: Program) -> None:
    program.inputs.write_bytes(encode_inputs([("no image",)]))
    done = ask(Job(PeerName.TORCH, CLASSIFIER, (), program, 1, 2))
    assert done.returncode == DOES_NOT_RUN
    assert "forward" in done.stderr.splitlines()[-1]


def test_onnx_runtime_is_asked_or_missed(program: Program) -> None:
    done = ask(Job(PeerName.ONNXRUNTIME, CLASSIFIER, (), program, 1, 2))
    if missing := missing_libraries():
        assert (done.returncode, done.stderr) == (NOT_HERE, f"{', '.join(missing)}\n")
    else:
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["name"].startswith("onnxruntime")


def test_a_runtime_that_fails_is_told_in_one_line(program: Program) -> None:
    program.path.write_text("import sys; sys.exit('no such\\noperator')")
    done = ask(Job(PeerName.TORCH, CLASSIFIER, (), program, 1, 2))
    assert done.returncode == 1
    told_last = done.stderr.splitlines()[-1]
    assert told_last.startswith("the runtime does not run the model: no such operator (repeat")
