import sys
from pathlib import Path
from typing import Final

import pytest

from builder.benching.comparing import measure, measure_against
from builder.benching.figures import Peer
from builder.benching.peers.job import DOES_NOT_RUN, NOT_HERE, Job, PeerName, to_json
from builder.foundation.process import Host
from builder.vocabulary.errors import (
    BuildRuntimeError,
    ModelError,
    ToolchainError,
    VerificationError,
)
from tests.conftest import FakeRunner
from tests.unit.benching.forge import PROGRAM, sample, told

PYTHON: Final = Path(sys.executable).name
JOB: Final = Job(PeerName.ONNXRUNTIME, Path("/m.pt"), (), PROGRAM, 1, 2)


def test_alone_a_runtime_is_run_every_round(host: Host, runner: FakeRunner) -> None:
    runner.answer("build-runtime-run", told(sample(5)))
    row = measure(PROGRAM, 2, 3, host)
    assert (row.threads, row.samples, row.peer) == (2, (sample(5),) * 3, None)


def test_a_peer_lives_in_a_child(host: Host, runner: FakeRunner) -> None:
    ours, theirs = (sample(1), sample(2)), (sample(3), sample(4))
    runner.answer(PYTHON, f"a library greets\n{to_json('onnxruntime 1', ours, theirs)}\n")
    row = measure_against(JOB, host)
    assert row.samples == ours
    assert row.peer == Peer("onnxruntime 1", theirs)


@pytest.mark.parametrize(
    ("status", "kind", "fix"),
    [
        (NOT_HERE, ToolchainError, "pip install onnxruntime onnx"),
        (DOES_NOT_RUN, ModelError, "another peer"),
        (1, VerificationError, "repeat it by hand"),
    ],
)
def test_a_peer_that_fails_says_why(
    status: int, kind: type[BuildRuntimeError], fix: str, host: Host, runner: FakeRunner
) -> None:
    runner.answer(PYTHON, stderr="Warning: old\nonnxruntime, onnx\n", status=status)
    with pytest.raises(kind, match="onnxruntime, onnx") as raised:
        measure_against(JOB, host)
    assert fix in raised.value.hint
