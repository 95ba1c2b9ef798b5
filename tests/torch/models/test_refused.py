"""What torch itself writes and no runtime can have is refused with its cause."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.models.preflight.interpreter import desktop_namespaces
from builder.models.preflight.problems import LackingError

TORCH: Final[Any] = torch  # many of its functions have no types


def nms(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    kept: torch.Tensor = torch.ops.a_shop_of_boxes.nms(boxes, scores, 0.5)
    return kept


def batched_nms(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    return nms(boxes + scores.max() + 1, scores)


class Boxes(torch.nn.Module):
    def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return batched_nms(boxes, scores)


def of_an_extension() -> Any:
    if not hasattr(torch.ops.a_shop_of_boxes, "nms"):
        TORCH.library.define("a_shop_of_boxes::nms", "(Tensor a, Tensor b, float t) -> Tensor")
    return torch.jit.script(Boxes())


def frozen_for_one_dnn() -> Any:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()).eval()
    return TORCH.jit.optimize_for_inference(torch.jit.script(net))


@pytest.mark.parametrize(
    ("make", "subjects", "advice"),
    [
        (of_an_extension, {"a_shop_of_boxes::nms"}, "--ops-source FILE.cpp"),
        (
            frozen_for_one_dnn,
            {"prim::ConstantMKLDNNTensor", "prim::mkldnn_convolution"},
            "without torch.jit.optimize_for_inference",
        ),
    ],
)
def test_the_cause_is_named(
    make: Callable[[], Any], subjects: set[str], advice: str, tmp_path: Path, real: Host
) -> None:  # fmt: skip
    path = tmp_path / "net.pt"
    make().save(str(path))
    with pytest.raises(LackingError) as caught:
        read_model(path, real)
    assert {it.subject for it in caught.value.problems} == subjects
    assert advice in caught.value.hint
    if make is of_an_extension:
        (use,) = caught.value.problems[0].uses
        assert use.line.startswith("test_refused.py:")
        assert (
            use.text
            == "kept: torch.Tensor = torch.ops.a_shop_of_boxes.nms(boxes, scores, 0.5)"[:60] + "…"
        )


NAMES: Final = """\
import torch
print(*(it.name for it in torch._C._jit_get_all_schemas()), sep="\\n")
print(*torch._C._dispatch_get_all_op_names(), sep="\\n")
"""


def test_the_namespaces_of_torch_are_known() -> None:
    """Torch alone is asked, in a process of its own: other tests define operators in this one."""
    told = subprocess.run(
        [sys.executable, "-c", NAMES], capture_output=True, text=True, check=True
    ).stdout
    assert {it.partition("::")[0] for it in told.split()} <= desktop_namespaces()
