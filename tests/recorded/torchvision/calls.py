"""Calls of `nms` and `roi_align`, and what torchvision answers to them.

`python -m tests.recorded.torchvision.calls LIBRARY` writes the answers to `answers.npz`; LIBRARY is
the `_C.so` of torchvision. It was that of torchvision 0.28.0, on torch 2.13.0.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

RECORDED: Final = Path(__file__).with_name("answers.npz")
THRESHOLDS: Final = (0.0, 0.1, 0.3, 0.7)


def numbers(seed: int, *shape: int) -> Tensor:
    """Return numbers from 0 to 1 that are the same in every release of numpy and torch."""
    mixed = (np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed * 7919)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    return torch.from_numpy(((mixed >> np.uint64(40)) % np.uint64(1024)) / 1024.0).reshape(shape)


def boxes(seed: int, count: int, dtype: torch.dtype) -> Tensor:
    """Return boxes of several sizes, many of which overlap and some of which lie outside."""
    low = numbers(seed, count, 2) * 20 - 3
    return torch.cat([low, low + numbers(seed + 1, count, 2) * 12], 1).to(dtype)


@dataclass(frozen=True)
class Call:
    """A call of an operator of torchvision, and what it is called in the record."""

    name: str
    operator: str
    arguments: tuple[Any, ...]

    def answer(self) -> Tensor:
        """Call whatever is registered under the name of the operator."""
        answer: Tensor = getattr(torch.ops.torchvision, self.operator)(*self.arguments)
        return answer


def calls() -> Iterator[Call]:
    """Yield every call that is recorded."""
    for dtype in (torch.float32, torch.float64):
        name = str(dtype).removeprefix("torch.")
        for count, threshold in ((count, it) for count in (0, 1, 40) for it in THRESHOLDS):
            scores = (numbers(3, count) * 8).round().to(dtype)  # some are equal
            given = (boxes(1, count, dtype), scores, threshold)
            yield Call(f"nms {name} {count} {threshold}", "nms", given)
        image = numbers(5, 2, 3, 9, 11).to(dtype)
        rois = torch.cat([torch.tensor([[0.0], [1.0]] * 4).to(dtype), boxes(7, 8, dtype)], 1)
        for ratio, aligned in ((it, aligned) for it in (-1, 0, 1, 2) for aligned in (False, True)):
            cut = (image, rois, 0.4, 3, 2, ratio, aligned)
            yield Call(f"roi_align {name} {ratio} {aligned}", "roi_align", cut)


def main(library: str) -> None:
    """Record the answers."""
    torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    answers: dict[str, Any] = {it.name: it.answer().numpy() for it in calls()}
    np.savez_compressed(RECORDED, **answers)


if __name__ == "__main__":
    main(sys.argv[1])
