"""Quantized layers, in a real runtime, beside torch's QNNPACK: never more than a step apart."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from builder.vocabulary.value_files import Failure, Tensor, Value
from tests.e2e.real import Runtime, Tool, built

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age
Pair = tuple[int, int]


class Layers(torch.nn.Module):
    """Quantizes what it is given, and returns the steps of the result."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def convolution(  # noqa: PLR0917  those of the operator
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, scales: torch.Tensor,
        stride: list[int], padding: list[int], dilation: list[int], groups: int, relu: int,
    ) -> torch.Tensor:  # fmt: skip
        zeros = torch.zeros(scales.numel(), dtype=torch.long)
        weight = torch.quantize_per_channel(w, scales, zeros, 0, torch.qint8)
        packed = torch.ops.quantized.conv2d_prepack(weight, b, stride, padding, dilation, groups)
        q = torch.quantize_per_tensor(x, 0.031, 119, torch.quint8)
        if relu == 1:
            made = torch.ops.quantized.conv2d_relu(q, packed, 0.05, 12)
        else:
            made = torch.ops.quantized.conv2d(q, packed, 0.07, 131)
        return torch.int_repr(made)

    @torch.jit.export
    def volume(  # noqa: PLR0917  those of the operator
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor,
        stride: list[int], padding: list[int], dilation: list[int], relu: int,
    ) -> torch.Tensor:  # fmt: skip
        weight = torch.quantize_per_tensor(w, 0.02, 0, torch.qint8)
        packed = torch.ops.quantized.conv3d_prepack(weight, b, stride, padding, dilation, 1)
        q = torch.quantize_per_tensor(x, 0.031, 119, torch.quint8)
        if relu == 1:
            made = torch.ops.quantized.conv3d_relu(q, packed, 0.05, 12)
        else:
            made = torch.ops.quantized.conv3d(q, packed, 0.07, 131)
        return torch.int_repr(made)

    @torch.jit.export
    def limited(self, x: torch.Tensor, low: float, high: float) -> list[torch.Tensor]:
        q = torch.quantize_per_tensor(x, 0.05, 121, torch.quint8)
        by_channel = q.contiguous(memory_format=torch.channels_last)
        turned = q.transpose(1, 2)
        made = [
            torch.clamp(q, low, high), torch.clamp(by_channel, low, high),
            torch.clamp(turned, low, high), torch.nn.functional.hardtanh(by_channel, low, high),
            torch.clamp(by_channel, min=low), torch.clamp(by_channel, max=high),
        ]  # fmt: skip
        return [torch.int_repr(it) for it in made]

    @torch.jit.export
    def hard(self, x: torch.Tensor) -> list[torch.Tensor]:
        q = torch.quantize_per_tensor(x, 0.05, 121, torch.quint8)
        swish = torch.ops.quantized.hardswish(q, 0.04, 12)
        return [torch.int_repr(swish), torch.int_repr(torch.nn.functional.hardsigmoid(q))]

    @torch.jit.export
    def placed(self, x: torch.Tensor, w: torch.Tensor, zero_point: int, relu: int) -> torch.Tensor:
        weight = torch.quantize_per_tensor(w, 0.017, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, None)
        q = torch.quantize_per_tensor(x, 0.031, 119, torch.quint8)
        if relu == 1:
            made = torch.ops.quantized.linear_relu(q, packed, 0.07, zero_point)
        else:
            made = torch.ops.quantized.linear(q, packed, 0.07, zero_point)
        return torch.int_repr(made)

    @torch.jit.export
    def linear(
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, zero: int, relu: int
    ) -> torch.Tensor:
        weight = torch.quantize_per_tensor(w, 0.017, zero, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, b)
        q = torch.quantize_per_tensor(x, 0.031, 119, torch.quint8)
        if relu == 1:
            made = torch.ops.quantized.linear_relu(q, packed, 0.05, 12)
        else:
            made = torch.ops.quantized.linear(q, packed, 0.07, 131)
        return torch.int_repr(made)

    @torch.jit.export
    def dynamic(
        self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, zero: int, relu: int
    ) -> torch.Tensor:
        weight = torch.quantize_per_tensor(w, 0.017, zero, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, b)
        if relu == 1:
            made: torch.Tensor = torch.ops.quantized.linear_relu_dynamic(x, packed)
        else:
            made = torch.ops.quantized.linear_dynamic(x, packed)
        return made

    @torch.jit.export
    def convolutions(
        self, x: torch.Tensor, then: torch.Tensor, w: torch.Tensor, b: torch.Tensor, zero: int
    ) -> int:
        weight = torch.quantize_per_tensor(w, 0.02, zero, torch.qint8)
        packed = torch.ops.quantized.conv2d_prepack(weight, b, [1, 1], [0, 0], [1, 1], 1)
        made = 0
        for it in [x, then]:
            q = torch.quantize_per_tensor(it, 0.031, 119, torch.quint8)
            made += torch.ops.quantized.conv2d(q, packed, 0.07, 131).numel()
        return made

    @torch.jit.export
    def layers(
        self, x: torch.Tensor, then: torch.Tensor, w: torch.Tensor, b: torch.Tensor, zero: int
    ) -> int:
        weight = torch.quantize_per_tensor(w, 0.017, zero, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, b)
        made = 0
        for it in [x, then]:
            q = torch.quantize_per_tensor(it, 0.031, 119, torch.quint8)
            made += torch.ops.quantized.linear(q, packed, 0.07, 131).numel()
        return made

    @torch.jit.export
    def dynamic_layers(
        self, x: torch.Tensor, then: torch.Tensor, w: torch.Tensor, b: torch.Tensor, zero: int
    ) -> int:
        weight = torch.quantize_per_tensor(w, 0.017, zero, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weight, b)
        made = 0
        for it in [x, then]:
            made += torch.ops.quantized.linear_dynamic(it, packed).numel()
        return made


@contextmanager
def qnnpack() -> Iterator[None]:
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "qnnpack"
    yield
    torch.backends.quantized.engine = before


@pytest.fixture(scope="module")
def runtime(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Build one library for all of it."""
    return build(tool, tmp_path_factory.mktemp("quantized"))


def build(tool: Tool, folder: Path, *words: str) -> Runtime:
    """Build a runtime of the layers in a folder."""
    torch.jit.script(Layers()).save(str(folder / "layers.pt"))  # type: ignore[no-untyped-call]
    options = ("--abi", "x86_64", "--no-verify", "--json", *words)
    (made,) = built(tool.run(folder / "layers.pt", *options, cwd=folder), folder / "dist")
    return made


@dataclass(frozen=True)
class Layer:
    """One layer with its input."""

    batch: int
    shape: Pair
    inputs: int
    outputs: int
    groups: int
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    relu: int
    zero: int
    seed: int

    def numbers(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.seed))


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


LAYERS: Final = st.builds(
    Layer,
    batch=st.sampled_from([1, 1, 2, 3]),
    shape=pairs(5, 12),
    inputs=st.sampled_from([1, 1, 2, 3, 8, 24]),
    outputs=st.sampled_from([1, 1, 2, 5, 8, 17]),
    groups=st.sampled_from([1, 1, 2, 8, 19]),
    kernel=st.one_of(pairs(1, 3), st.just((1, 1)), st.just((3, 3)), st.just((5, 5))),
    stride=pairs(1, 2),
    padding=pairs(0, 2),
    dilation=st.just((1, 1)),
    relu=st.integers(0, 1),
    zero=st.sampled_from([0, 0, 0, 3]),
    seed=st.integers(0, 9),
)
DEPTHWISE: Final = st.builds(
    replace,
    LAYERS,
    inputs=st.just(1),
    outputs=st.just(1),
    groups=st.sampled_from([31, 32, 33, 64, 72]),
    kernel=st.one_of(pairs(1, 3), st.just((3, 3)), st.just((5, 5)), st.just((6, 6))),
    shape=pairs(11, 14),
    padding=pairs(0, 6),
    dilation=pairs(1, 2),
)
POINTWISE: Final = st.builds(
    replace,
    LAYERS,
    inputs=st.sampled_from([1, 3, 4, 5, 16, 31, 64]),
    outputs=st.sampled_from([1, 7, 8, 15, 16, 17, 40]),
    groups=st.just(1),
    kernel=st.just((1, 1)),
    stride=st.sampled_from([(1, 1), (1, 1), (2, 1)]),
    padding=st.sampled_from([(0, 0), (0, 0), (1, 0)]),
)
BATCHES: Final = st.lists(st.one_of(LAYERS, DEPTHWISE, POINTWISE), min_size=30, max_size=50)
PROCESSORS: Final = ("Nehalem", "SandyBridge", "Haswell")
"""Those with SSE4.1, AVX and AVX2 at best: this machine may have AVX-VNNI."""

many = settings(
    max_examples=5, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)


def value(tensor: torch.Tensor) -> Tensor:
    return Tensor.from_numpy(tensor.numpy())


def compare(
    runtime: Runtime, scratch: Path, method: str, cases: list[tuple[Value | torch.Tensor, ...]]
) -> None:
    """Run a method on all cases, here and there."""
    given = [tuple(value(it) if isinstance(it, torch.Tensor) else it for it in c) for c in cases]
    made = runtime.run_cases(runtime.model("layers"), given, scratch, method)
    with qnnpack():
        expected = [getattr(Layers(), method)(*case) for case in cases]
    for found, wanted in zip(made, expected, strict=True):
        assert isinstance(found, Tensor), found
        result = torch.from_numpy(found.numpy())
        assert result.shape == wanted.shape
        if wanted.dtype == torch.uint8:
            assert (result.int() - wanted.int()).abs().max() <= 1
        else:
            torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-4)


@many
@given(layers=BATCHES)
def test_convolutions(runtime: Runtime, tmp_path: Path, layers: list[Layer]) -> None:
    compare_convolutions(runtime, tmp_path, layers)


@settings(many, max_examples=1)
@given(layers=BATCHES)
@pytest.mark.parametrize("processor", PROCESSORS)
def test_convolutions_as_other_processors_compute_them(
    runtime: Runtime,
    tmp_path: Path,
    processor: str,
    layers: list[Layer],
    require: Callable[[str], Path],
) -> None:
    require("qemu-x86_64")
    compare_convolutions(
        replace(runtime, under=("qemu-x86_64", "-cpu", processor)), tmp_path, layers
    )


@settings(many, max_examples=1)
@given(layers=BATCHES)
def test_convolutions_with_all_instruction_sets(
    tool: Tool, tmp_path: Path, layers: list[Layer]
) -> None:
    compare_convolutions(build(tool, tmp_path, "--isa", "avx512"), tmp_path, layers)


def compare_convolutions(runtime: Runtime, scratch: Path, layers: list[Layer]) -> None:
    cases: list[tuple[Value | torch.Tensor, ...]] = []
    for it in layers:
        outputs = it.outputs * it.groups
        depth = it.inputs * math.prod(it.kernel)
        lists: list[Value] = [list(pair) for pair in (it.stride, it.padding, it.dilation)]
        cases.append((
            it.numbers(it.batch, it.inputs * it.groups, *it.shape),
            it.numbers(outputs, it.inputs, *it.kernel) / math.sqrt(depth),
            torch.linspace(-1, 1, outputs),
            torch.linspace(0.004, 0.02, outputs, dtype=torch.double),
            *lists, it.groups, it.relu,
        ))  # fmt: skip
    compare(runtime, scratch, "convolution", cases)


@many
@given(layers=BATCHES)
@pytest.mark.parametrize("method", ["linear", "dynamic"])
def test_linear_layers(runtime: Runtime, tmp_path: Path, method: str, layers: list[Layer]) -> None:
    compare_rows(runtime, tmp_path, method, layers)


@settings(many, max_examples=1)
@given(
    depthwise=st.lists(DEPTHWISE, min_size=15, max_size=20),
    pointwise=st.lists(POINTWISE, min_size=15, max_size=20),
)
def test_products_and_depthwise_convolutions_with_avx_vnni(
    runtime: Runtime, tmp_path: Path, depthwise: list[Layer], pointwise: list[Layer]
) -> None:
    """On a machine without it no test runs these kernels: qemu lacks it."""
    if "avx_vnni" not in Path("/proc/cpuinfo").read_text(encoding="utf-8").split():
        pytest.skip("no avx_vnni")
    suiting = [replace(it, zero=0) for it in (*depthwise, *pointwise)]
    compare_convolutions(runtime, tmp_path, suiting)
    compare_rows(runtime, tmp_path, "linear", suiting)


def compare_rows(runtime: Runtime, scratch: Path, method: str, layers: list[Layer]) -> None:
    cases: list[tuple[Value | torch.Tensor, ...]] = [
        (
            it.numbers(it.batch, it.shape[0], it.inputs),
            it.numbers(it.outputs, it.inputs) / math.sqrt(it.inputs),
            torch.linspace(-1, 1, it.outputs), it.zero, it.relu,
        )
        for it in layers
    ]  # fmt: skip
    compare(runtime, scratch, method, cases)


def ones(*shape: int) -> Tensor:
    return Tensor.from_numpy(torch.ones(shape).numpy())


SOUND: Final = (2, 3, 6, 6)


@pytest.mark.parametrize(
    "then", [(2, 8, 6, 6), (2, 1, 6, 6), (1, 3, 2, 6), (1, 3, 6, 1), (1, 3, 0, 0)]
)
@pytest.mark.parametrize("zero", [0, 3], ids=["xnnpack", "qnnpack"])
@pytest.mark.parametrize("first", [True, False])
def test_images_that_do_not_suit_a_convolution_are_refused(
    runtime: Runtime,
    tmp_path: Path,
    then: tuple[int, ...],
    zero: int,
    first: bool,  # noqa: FBT001
) -> None:
    """Also where it has computed others, and others follow."""
    images = (then, SOUND) if first else (SOUND, then)
    wrong: tuple[Value, ...] = (*(ones(*it) for it in images), ones(4, 3, 3, 3), ones(4), zero)
    sound = (ones(*SOUND), ones(*SOUND), ones(4, 3, 3, 3), ones(4), zero)
    cases: list[tuple[Value, ...]] = [sound, wrong, sound]
    made = runtime.run_cases(runtime.model("layers"), cases, tmp_path, "convolutions")
    assert [isinstance(it, Failure) for it in made] == [False, True, False]


@pytest.mark.parametrize(
    ("what", "pair"),
    [
        ("stride", [0, 1]),
        ("stride", [1, -1]),
        ("stride", [1 << 40, 1]),
        ("padding", [0, -1]),
        ("padding", [1 << 62, 0]),
        ("dilation", [0, 1]),
        ("dilation", [1, 1 << 62]),
    ],
)
def test_what_no_convolution_has_is_refused(
    runtime: Runtime, tmp_path: Path, what: str, pair: list[Value]
) -> None:
    parts: dict[str, Value] = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], what: pair}
    case = (ones(1, 3, 5, 5), ones(4, 3, 3, 3), ones(4), ones(4), *parts.values(), 1, 0)
    (found,) = runtime.run_cases(runtime.model("layers"), [case], tmp_path, "convolution")
    assert isinstance(found, Failure)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((0, 3, 3, 3), 1),
        ((4, 3, 0, 3), 1),
        ((4, 3, 0, 0), 1),
        ((4, 1, 1, 1), 3),
        ((2, 1, 1, 1), 3),
        ((4, 3, 1, 1), 0),
        ((4, 3, 1, 1), -1),
    ],
)
def test_weights_that_no_convolution_has_are_refused(
    runtime: Runtime, tmp_path: Path, shape: tuple[int, ...], groups: int
) -> None:
    parts: list[Value] = [[1, 1], [0, 0], [1, 1]]
    offsets = (ones(shape[0]), ones(shape[0]))
    case: tuple[Value, ...] = (ones(1, 3, 5, 5), ones(*shape), *offsets, *parts, groups, 0)
    (found,) = runtime.run_cases(runtime.model("layers"), [case], tmp_path, "convolution")
    assert isinstance(found, Failure)


@pytest.mark.parametrize("relu", [0, 1])
def test_convolutions_of_three_dimensions(runtime: Runtime, tmp_path: Path, relu: int) -> None:
    draw = torch.Generator().manual_seed(1)
    x, w = torch.randn(2, 3, 5, 6, 7, generator=draw), torch.randn(4, 3, 3, 3, 3, generator=draw)
    parts: list[list[Value]] = [[1, 2, 1], [0, 1, 2], [2, 1, 1]]
    compare(runtime, tmp_path, "volume", [(x, w * 0.1, torch.linspace(-1, 1, 4), *parts, relu)])


VOLUME: Final[dict[str, Value]] = {
    "x": ones(1, 3, 5, 5, 5), "w": ones(4, 3, 3, 3, 3), "b": ones(4),
    "stride": [1, 1, 1], "padding": [0, 0, 0], "dilation": [1, 1, 1], "relu": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "value_of_it"),
    [
        ("stride", [1, 1, 0]),
        ("stride", [1, 1]),
        ("padding", [-1, 0, 0]),
        ("dilation", [1, 0, 1]),
        ("dilation", [1, 1, 1 << 62]),
        ("x", ones(1, 2, 5, 5, 5)),
        ("x", ones(1, 3, 5, 5, 2)),
        ("w", ones(4, 3, 3, 3)),
        ("w", ones(0, 3, 3, 3, 3)),
        ("w", ones(4, 3, 3, 0, 3)),
        ("b", ones(3)),
    ],
)
def test_what_no_convolution_of_three_dimensions_has_is_refused(
    runtime: Runtime, tmp_path: Path, what: str, value_of_it: Value
) -> None:
    cases = [tuple(VOLUME.values()), tuple({**VOLUME, what: value_of_it}.values())]
    made = runtime.run_cases(runtime.model("layers"), cases, tmp_path, "volume")
    assert [isinstance(it, Failure) for it in made] == [False, True]


def test_limits_of_images_that_keep_their_channels_last(runtime: Runtime, tmp_path: Path) -> None:
    x = torch.linspace(-6, 6, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    case: tuple[Value, ...] = (value(x), -1.3, 2.2)
    (made,) = runtime.run_cases(runtime.model("layers"), [case], tmp_path, "limited")
    assert isinstance(made, list)
    for found, wanted in zip(made, Layers().limited(x, -1.3, 2.2), strict=True):
        assert isinstance(found, Tensor), found
        assert torch.equal(torch.from_numpy(found.numpy()), wanted)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), (0, 3), (3, 0), (0,)])
def test_hard_functions_of_any_number_of_rows(
    runtime: Runtime, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    x = torch.linspace(-6, 6, math.prod(shape)).reshape(shape)
    (made,) = runtime.run_cases(runtime.model("layers"), [(value(x),)], tmp_path, "hard")
    assert isinstance(made, list), made
    for found, wanted in zip(made, Layers().hard(x), strict=True):
        assert isinstance(found, Tensor), found
        result = torch.from_numpy(found.numpy())
        assert result.shape == wanted.shape
        assert ((result.int() - wanted.int()).abs() <= 1).all()


@pytest.mark.parametrize("relu", [0, 1])
def test_zero_points_that_are_no_byte_are_refused(
    runtime: Runtime, tmp_path: Path, relu: int
) -> None:
    cases: list[tuple[Value, ...]] = [
        (ones(3, 4), ones(2, 4), zero_point, relu) for zero_point in (0, 255, -1, 256, 1 << 40)
    ]
    made = runtime.run_cases(runtime.model("layers"), cases, tmp_path, "placed")
    assert [isinstance(it, Failure) for it in made] == [False, False, True, True, True]


@pytest.mark.parametrize("zero", [0, 3], ids=["xnnpack", "qnnpack"])
@pytest.mark.parametrize("method", ["layers", "dynamic_layers"])
def test_layers_without_outputs_are_refused(
    runtime: Runtime, tmp_path: Path, method: str, zero: int
) -> None:
    case: tuple[Value, ...] = (ones(2, 8), ones(2, 8), ones(0, 8), ones(0), zero)
    (found,) = runtime.run_cases(runtime.model("layers"), [case], tmp_path, method)
    assert isinstance(found, Failure)


@pytest.mark.parametrize("zero", [0, 3], ids=["xnnpack", "qnnpack"])
@pytest.mark.parametrize("then", [(2, 5), (2, 4000), (2, 0)])
@pytest.mark.parametrize("method", ["layers", "dynamic_layers"])
def test_rows_that_do_not_suit_a_layer_are_refused(
    runtime: Runtime, tmp_path: Path, method: str, then: tuple[int, ...], zero: int
) -> None:
    weights = (ones(4, 8), ones(4), zero)
    sound, wrong = ((ones(2, 8), ones(*it), *weights) for it in ((2, 8), then))
    cases: list[tuple[Value, ...]] = [sound, wrong, sound]
    made = runtime.run_cases(runtime.model("layers"), cases, tmp_path, method)
    assert [isinstance(it, Failure) for it in made] == [False, True, False]
