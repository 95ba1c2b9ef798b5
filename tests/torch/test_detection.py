"""The operators of the detection example answer as those of torchvision do."""

import runpy

import numpy as np
import pytest
import torch

from tests.places import EXAMPLES
from tests.recorded.torchvision.calls import RECORDED, Call, calls

FOLDER = EXAMPLES / "detection"


@pytest.fixture(scope="module", autouse=True)
def _operators() -> None:
    """Define the operators; the library has to live as long as they are called."""
    runpy.run_path(str(FOLDER / "operators.py"))


@pytest.mark.parametrize("call", tuple(calls()), ids=lambda it: it.name)
def test_the_definitions_answer_as_torchvision_does(call: Call) -> None:
    with np.load(RECORDED) as recorded:
        expected = torch.from_numpy(recorded[call.name])
    limits = (1e-5, 1e-6) if expected.dtype is torch.float32 else (1e-12, 1e-12)
    rtol, atol = (0.0, 0.0) if call.operator == "nms" else limits
    torch.testing.assert_close(call.answer(), expected, rtol=rtol, atol=atol)
