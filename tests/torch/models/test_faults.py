"""Verification finds what is wrong with an 8-bit model, and nothing where all is right."""

import copy
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import torch
from torch import Tensor, nn
from torch.ao import quantization as aq
from torch.ao.nn.quantized import FloatFunctional

from builder.models.reference.__main__ import run_cases
from builder.models.reference.rounding import rounding_as_runtimes_do
from builder.models.reference.sensitivity import measure
from builder.models.reference.surroundings import work_as_on_a_device
from builder.proof.compare import Comparison, compare
from builder.vocabulary.value_files import Value
from tests.coverage.faults import scaled, shifted, swapped

WIDTH: Final = 8
SIZE: Final = 32
DEPTHS: Final = (1, 50)
FLOATS_DIFFER_BY: Final = 1e-6
STEP: Final = 0.6
"""How much a layer adds to what passes it by, so that 50 layers neither fade nor explode."""


class Layer(nn.Module):
    """A convolution beside what passes it by, if it has as many channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv: Any = nn.Conv2d(channels, WIDTH, 3, padding=1)
        self.relu = nn.ReLU()
        self.after: nn.Module = nn.Identity()
        self.sum = FloatFunctional() if channels == WIDTH else None
        nn.init.normal_(self.conv.weight, std=STEP / math.sqrt(9 * channels))
        # what is alike everywhere does not matter, so no channel is always or never above zero
        self.conv.weight.data -= self.conv.weight.data.mean((1, 2, 3), keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.relu(self.conv(x)))
        return y if self.sum is None else self.sum.add(x, y)


class Deep(nn.Module):
    """Layers between a quantizer and a dequantizer, and a softmax of floats at the end.

    `computed`: whether what is quantized first is computed, and not the input itself.
    """

    def __init__(self, depth: int, *, computed: bool) -> None:
        super().__init__()
        self.computed = computed
        self.quantize, self.dequantize = aq.QuantStub(), aq.DeQuantStub()
        self.layers = nn.Sequential(*(Layer(WIDTH if it else 3) for it in range(depth)))
        self.head = nn.Conv2d(WIDTH, 5, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        if self.computed:
            x = (x * 1.7 - 0.3).exp().log()
        scores = self.dequantize(self.head(self.layers(self.quantize(x))))
        return {"scores": scores, "shares": scores.softmax(1)}


class Dynamic(nn.Module):
    """Linear layers that quantize what they are given, which is computed in floats."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + STEP * layer(nn.functional.layer_norm(x, [64])).tanh()
        return x


def images() -> list[tuple[Tensor]]:
    random = torch.Generator().manual_seed(1)
    return [(torch.randn(1, 3, SIZE, SIZE, generator=random),) for _ in range(2)]


def rows() -> list[tuple[Tensor]]:
    return [(torch.randn(64, 64, generator=torch.Generator().manual_seed(1)),)]


@functools.cache
def deep(depth: int, *, computed: bool) -> Any:
    torch.manual_seed(0)
    torch.backends.quantized.engine = "qnnpack"
    model: Any = Deep(depth, computed=computed).eval()
    model.qconfig = aq.QConfig(
        activation=aq.MinMaxObserver.with_args(dtype=torch.quint8),
        weight=aq.default_per_channel_weight_observer,
    )
    pairs = [[f"layers.{it}.conv", f"layers.{it}.relu"] for it in range(depth)]
    prepared = aq.prepare(aq.fuse_modules(model, pairs))
    for case in images():
        prepared(*case)
    return aq.convert(prepared)


@functools.cache
def dynamic(depth: int) -> Any:
    torch.manual_seed(0)
    torch.backends.quantized.engine = "qnnpack"
    return aq.quantize_dynamic(Dynamic(depth).eval(), {nn.Linear: aq.per_channel_dynamic_qconfig})


class Shifted(nn.Module):
    """Takes numbers for one step more than they are."""

    def forward(self, x: Tensor) -> Tensor:
        return torch._make_per_tensor_quantized_tensor(
            x.int_repr(), x.q_scale(), x.q_zero_point() + 1
        )


class Requantizing(nn.Module):
    """A convolution of ours: exact integers, and then the step that `rounding` does."""

    def __init__(self, conv: Any, rounding: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.rounding = conv, rounding

    def forward(self, x: Tensor) -> Tensor:
        weight, zero_point = self.conv.weight(), self.conv.zero_point
        scales = weight.q_per_channel_scales().float() * torch.tensor(x.q_scale()).float()
        total = nn.functional.conv2d(
            x.int_repr().double() - x.q_zero_point(),
            weight.int_repr().double(),
            torch.round(self.conv.bias() * (1 / scales)).double(),
            padding=1,
        )
        scales /= torch.tensor(self.conv.scale).float()
        steps = self.rounding(total.float() * scales[:, None, None]).clamp(0, 255 - zero_point)
        return torch._make_per_tensor_quantized_tensor(
            (steps + zero_point).to(torch.uint8), float(self.conv.scale), int(zero_point)
        )


def of(change: Callable[[Any], None]) -> Callable[[Layer], None]:
    return lambda layer: change(layer.conv)


def followed_by_a_shift(layer: Layer) -> None:
    layer.after = Shifted()


def requantized(rounding: Callable[[Tensor], Tensor]) -> Callable[[Layer], None]:
    def change(layer: Layer) -> None:
        layer.conv = Requantizing(layer.conv, rounding)

    return change


FAULTS: Final[dict[str, Callable[[Layer], None]]] = {
    "one channel's scale by 5 %": of(scaled),
    "a zero point by 1": followed_by_a_shift,
    "a zero point of weights by 1": of(shifted),
    "two channels swapped": of(swapped),
    "requantization that truncates": requantized(torch.trunc),
}


@pytest.fixture(autouse=True)
def _as_on_a_device() -> Iterator[None]:
    """Use what desktop torch uses when it is the reference, and oneDNN again afterwards."""
    work_as_on_a_device()
    yield
    torch.backends.mkldnn.set_flags(_enabled=True)
    torch.backends.nnpack.set_flags(_enabled=True)


def spoiled(model: Any, fault: Callable[[Any], None]) -> Any:
    found = copy.deepcopy(model)
    fault(found.layers[len(found.layers) // 2])
    return found


def judged(
    model: Any, other: Any, cases: list[tuple[Tensor]], noise: float = 0
) -> list[Comparison]:
    """Compare what another model answers, with noise, with what is expected of this one."""
    with rounding_as_runtimes_do() as rounder:
        expected = run_cases(model, cases, rounder)
        allowed: list[Value] = [None] * len(cases)
        if rounder.unsure:
            allowed = measure(rounder, lambda: run_cases(model, cases, rounder), expected)
        rounder.noise = noise
        actual = run_cases(other, cases, rounder)
    return [
        compare(one, wanted, allowance=allowance)
        for one, wanted, allowance in zip(actual, expected, allowed, strict=True)
    ]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_one_layer_is_found(fault: str, depth: int) -> None:
    model = deep(depth, computed=False)
    for found in judged(model, spoiled(model, FAULTS[fault]), images()):
        assert found.differences


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_where_a_few_numbers_may_be_rounded_otherwise(fault: str) -> None:
    model = deep(1, computed=True)
    for found in judged(model, spoiled(model, FAULTS[fault]), images()):
        assert found.differences


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_allowed_where_every_build_rounds_the_same_numbers(depth: int) -> None:
    model = deep(depth, computed=False)
    for found in judged(model, spoiled(model, requantized(torch.round)), images(), noise=1.0):
        assert found == Comparison()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("make", [functools.partial(deep, computed=True), dynamic])
def test_a_model_is_right_whose_floats_differ_in_their_last_bits(
    make: Callable[[int], Any], seed: int, depth: int
) -> None:
    cases = images() if make is not dynamic else rows()
    model = make(depth)
    torch.manual_seed(seed)
    for found in judged(model, model, cases, noise=FLOATS_DIFFER_BY):
        assert not found.differences


def test_a_wrong_scale_of_a_dynamic_layer_is_found() -> None:
    model = dynamic(1)
    for found in judged(model, spoiled(model, scaled), rows()):
        assert found.differences
