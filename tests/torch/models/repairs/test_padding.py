"""Encoders that are given a padding mask."""

import warnings
from pathlib import Path
from typing import Final

import pytest
import torch

from builder.models.conversion.repairs.graphs import codes_of
from builder.models.conversion.repairs.padding import mask_instead
from tests.torch.models.repairs.converted import TORCH, Script, convert, loaded

NESTED: Final = {"aten::_nested_tensor_from_mask", "aten::to_padded_tensor"}
MASKS: Final[dict[str, list[list[int]]]] = {
    "nothing is padded": [[0, 0, 0, 0], [0, 0, 0, 0]],
    "ends are padded": [[0, 0, 0, 1], [0, 1, 1, 1]],
    "one is all padded": [[0, 0, 0, 0], [1, 1, 1, 1]],
    "beginnings are padded": [[1, 1, 0, 0], [0, 0, 0, 0]],
}


class Encoding(torch.nn.Module):
    """Two encoders, one after the other, as each has a mask of its own to keep apart."""

    def __init__(self) -> None:
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.one = torch.nn.TransformerEncoder(layer, 2)
        self.other = torch.nn.TransformerEncoder(layer, 1, norm=torch.nn.LayerNorm(8))

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None, other: torch.Tensor | None
    ) -> torch.Tensor:
        y = self.one(x, src_key_padding_mask=mask)
        result: torch.Tensor = self.other(y + 1, src_key_padding_mask=other)
        return result


@pytest.fixture(scope="module")
def script() -> Script:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates all of TorchScript
        return TORCH.jit.script(Encoding().eval())


def test_encoders_mask_what_is_padded(tmp_path: Path, script: Script) -> None:
    converted = convert(script, tmp_path)
    assert converted.told() == ["nested tensor became a masked one (2 times)"]
    assert not NESTED & converted.names()
    x = torch.rand(2, 4, 8)
    masks = [None, *(torch.tensor(it, dtype=torch.bool) for it in MASKS.values())]
    full, lite = TORCH.jit.load(str(converted.original)), converted.lite()
    for mask in masks:
        for other in (mask, masks[2], None):
            with torch.inference_mode():
                expected, actual = full(x, mask, other), lite(x, mask, other)
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_what_packs_otherwise_stays(tmp_path: Path) -> None:
    class Packing(torch.nn.Module):
        def forward(self, x: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
            packed = torch._nested_tensor_from_mask(x, kept)
            return packed.to_padded_tensor(0.0)

    (code,) = codes_of(loaded(TORCH.jit.script(Packing()), tmp_path))
    assert not mask_instead(code)
