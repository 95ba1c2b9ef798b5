"""Faults of one quantized layer, as a wrong kernel or a wrong conversion would make them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def scaled(layer: Any) -> None:
    """Make the scale of one channel 5 % larger."""

    def change(numbers: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
        largest = torch.arange(len(scales)) == scales.argmax()
        return numbers, torch.where(largest, scales * 1.05, scales)

    _set_channels(layer, change)


def shifted(layer: Any) -> None:
    """Take weights for one step more than they are."""
    _set_channels(layer, lambda numbers, scales: (numbers.clamp(max=126) + 1, scales))


def swapped(layer: Any) -> None:
    """Swap two channels."""

    def change(numbers: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
        order = [0, 2, 1, *range(3, len(scales))]
        return numbers[order], scales[order]

    _set_channels(layer, change)


def _set_channels(layer: Any, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    weight, bias = layer.weight(), layer.bias()
    numbers, scales = change(weight.int_repr(), weight.q_per_channel_scales())
    points = weight.q_per_channel_zero_points()
    layer.set_weight_bias(
        torch._make_per_channel_quantized_tensor(numbers, scales, points, 0), bias
    )
