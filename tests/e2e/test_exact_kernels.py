"""Kernels of ours that claim to be exact answer as upstream's do, bit for bit."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import torch

from builder.vocabulary.value_files import Tensor, Value
from tests.e2e.real import EMULATORS, Runtime, Tool, built

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age


class Exact(torch.nn.Module):
    """Everything that sources of ours compute as upstream does."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [x + y, x - y, x * y, x / y, torch.add(x, y, alpha=0.3), 1 - x, x / 3, y[:1] * x]

    @torch.jit.export
    def pooled(self, x: torch.Tensor, kernel: list[int], dilation: int) -> list[torch.Tensor]:
        up = True
        last = x.contiguous(memory_format=torch.channels_last)
        padding = [it // 2 for it in kernel]
        return [
            torch.max_pool2d(x, kernel, [1, 1], [0, 0], [dilation, dilation]),
            torch.max_pool2d(x, kernel, [2, 1], padding, [dilation, dilation], up),
            torch.max_pool2d(last, kernel, [1, 1], padding, [dilation, dilation]),
        ]


# zeros of both signs, the smallest and the largest numbers, and what is none, of both signs and
# with digits of its own
BITS: Final = (
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x00400000, 0x80800000, 0x3F800000, 0xBFC00000,
    0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7FC12345, 0xFFC54321,
)  # fmt: skip
ODD: Final = np.array(BITS, np.uint32).view(np.float32)
NUMBERS: Final = ODD[~np.isnan(ODD)]


@pytest.fixture(
    scope="module", params=["x86_64", pytest.param("arm64-v8a", marks=pytest.mark.slow)]
)
def runtimes(
    request: pytest.FixtureRequest, tool: Tool, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Runtime, Runtime]:
    """Build a library with kernels of ours, and one with those of upstream alone."""
    folder = tmp_path_factory.mktemp("exact")
    torch.jit.script(Exact()).save(str(folder / "exact.pt"))  # type: ignore[no-untyped-call]
    ours, upstream = (build(tool, folder, request.param, it) for it in ("auto", "aten"))
    return ours, upstream


def build(tool: Tool, folder: Path, abi: str, kernels: str) -> Runtime:
    words = (folder / "exact.pt", "--abi", abi, "--kernels", kernels, "-o", folder / kernels)
    (made,) = built(tool.run(*words, "--no-verify", "--json", cwd=folder), folder / kernels)
    return replace(made, under=(EMULATORS[abi],) if abi in EMULATORS else ())


def answers(
    runtimes: tuple[Runtime, Runtime], cases: list[tuple[Value, ...]], scratch: Path, method: str
) -> list[list[Tensor]]:
    """Return what both answer, one tensor beside the other."""
    ours, upstream = (it.run_cases(it.model("exact"), cases, scratch, method) for it in runtimes)
    pairs: list[list[Tensor]] = []
    for results in zip(ours, upstream, strict=True):
        assert all(isinstance(it, list) for it in results), results
        pairs += map(list, zip(*results, strict=True))  # type: ignore[arg-type]
    return pairs


def assert_same_bits(pairs: list[list[Tensor]]) -> None:
    for one, other in pairs:
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        found, wanted = (np.frombuffer(it.data, np.uint32) for it in (one, other))
        np.testing.assert_array_equal(found, wanted)


def test_arithmetic_has_the_bits_of_upstream(
    runtimes: tuple[Runtime, Runtime], tmp_path: Path
) -> None:
    """Each number meets each; and those that fill a vector go another way than the rest."""
    random = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    cases: list[tuple[Value, ...]] = [
        (
            Tensor.from_numpy(np.repeat(NUMBERS, len(ODD))),
            Tensor.from_numpy(np.tile(ODD, len(NUMBERS))),
        ),
        (
            Tensor.from_numpy(np.tile(ODD, len(NUMBERS))),
            Tensor.from_numpy(np.repeat(NUMBERS, len(ODD))),
        ),
        (Tensor.from_numpy(random), Tensor.from_numpy(random[::-1].copy())),
    ]
    assert_same_bits(answers(runtimes, cases, tmp_path, "forward"))


def test_pooling_has_the_bits_of_upstream(
    runtimes: tuple[Runtime, Runtime], tmp_path: Path
) -> None:
    """Of equal zeros the first of a window wins, and of what is no number the last."""
    chooser = np.random.default_rng(1)
    few = np.array([-1, 0.0, -0.0], np.float32)
    ties = np.array([[[[-1, 0.0], [-0.0, -1]]]], np.float32)
    images = [ties, *(chooser.choice(it, (2, 17, 9, 11)) for it in (few, ODD, ODD[ODD != 0]))]
    cases: list[tuple[Value, ...]] = [
        (Tensor.from_numpy(image), [down, across], dilation)
        for image, down, across, dilation in itertools.product(images, (2, 3), (2, 3), (1, 2))
        if image is not ties or (down, across, dilation) == (2, 2, 1)
    ]
    assert_same_bits(answers(runtimes, cases, tmp_path, "pooled"))
