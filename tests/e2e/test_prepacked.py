"""Layers packed for XNNPACK, in a real runtime, on shapes of all kinds.

The models are those of tests/recorded/prepacked, which a torch with XNNPACK wrote.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from builder.vocabulary.value_files import Failure, Tensor, Value, decode, encode
from tests.e2e.real import BAD_MODEL, Runtime, Tool, built
from tests.places import RECORDED
from tests.unit.models import forge

MODELS: Final = RECORDED / "prepacked"
Pair = tuple[int, int]


@pytest.fixture(scope="module")
def runtime(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Build one library for all of it."""
    folder = tmp_path_factory.mktemp("prepacked")
    models = (MODELS / "layers.ptl", MODELS / "network.ptl")
    done = tool.run(*models, "--abi", "x86_64", "--no-verify", "--json", "-o", folder, cwd=folder)
    (made,) = built(done, folder)
    return made


def value(tensor: torch.Tensor) -> Tensor:
    return Tensor("float32", tuple(tensor.shape), tensor.contiguous().numpy().tobytes())


def tensor(made: Value) -> torch.Tensor:
    assert isinstance(made, Tensor), made
    return torch.from_numpy(np.frombuffer(made.data, "float32").reshape(made.shape).copy())


@dataclass(frozen=True)
class Layer:
    """One layer with its input. `shape` is the input's without its channels."""

    batch: tuple[int, ...]
    shape: Pair
    inputs: int
    outputs: int
    groups: int
    kernel: Pair
    stride: Pair
    padding: Pair
    output_padding: Pair
    dilation: Pair
    bias: bool
    low: float | None
    high: float | None
    seed: int
    special: bool

    def numbers(self, *shape: int) -> torch.Tensor:
        """Return random numbers."""
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.seed))

    def special_numbers(self, *shape: int) -> torch.Tensor:
        """Return random numbers; where `special` is set, some are none, and some infinite."""
        made = self.numbers(*shape)
        if self.special and made.numel() > 2:
            made.view(-1)[0] = torch.nan
            # the widest kernels for single channels read beyond odd ones, and multiply with zero
            if self.inputs + self.outputs > 2 or math.prod(self.kernel) in {3, 4, 9, 25}:
                made.view(-1)[made.numel() // 2] = torch.inf
        return made

    def image(self) -> torch.Tensor:
        return self.special_numbers(*self.batch, self.inputs * self.groups, *self.shape)

    def offsets(self) -> torch.Tensor | None:
        return torch.linspace(-1, 1, self.outputs * self.groups) if self.bias else None

    def clamped(self, result: torch.Tensor) -> torch.Tensor:
        if self.low is None and self.high is None:
            return result
        return result.clamp(self.low, self.high)


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


LAYERS: Final = st.builds(
    Layer,
    batch=st.sampled_from([(), (0,), (1,), (2,), (3,)]),
    shape=pairs(1, 13),
    inputs=st.sampled_from([1, 1, 2, 3, 5, 16, 33]),
    outputs=st.sampled_from([1, 1, 2, 4, 7, 17, 32]),
    groups=st.sampled_from([1, 1, 1, 2, 3, 8, 19]),
    kernel=st.one_of(pairs(1, 1), pairs(1, 5), st.just((3, 3)), st.just((5, 5))),
    stride=pairs(1, 3),
    padding=st.one_of(st.just((0, 0)), pairs(0, 4)),
    output_padding=st.one_of(st.just((0, 0)), pairs(0, 2)),
    dilation=st.one_of(st.just((1, 1)), pairs(1, 3)),
    bias=st.booleans(),
    low=st.sampled_from([None, 0.0, -0.5]),
    high=st.sampled_from([None, 0.75, 6.0]),
    seed=st.integers(0, 9),
    special=st.sampled_from([False, False, False, True]),
)
many = settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
"""Each example is a batch of layers, which one process runs: nothing to make smaller."""

Case = tuple[tuple[Value, ...], torch.Tensor | None]


def compare(runtime: Runtime, scratch: Path, method: str, cases: Sequence[Case]) -> None:
    """Run a method of `layers` on all cases; None is for what torch refuses, too."""
    given = [arguments for arguments, _ in cases]
    made = runtime.run_cases(MODELS / "layers.ptl", given, scratch, method)
    for result, (_, expected) in zip(made, cases, strict=True):
        if expected is None:
            # where nothing is left, torch refuses some transposed convolutions, and not others
            empty = isinstance(result, Tensor) and 0 in result.shape
            assert isinstance(result, Failure) or (empty and method == "transposed"), result
        else:
            found = tensor(result)
            assert found.shape == expected.shape
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True)


def answer(call: Callable[[], torch.Tensor]) -> torch.Tensor | None:
    try:
        return call()
    except RuntimeError:
        return None


def convolution(layer: Layer) -> Case:
    x = layer.image()
    depth = layer.inputs * math.prod(layer.kernel)
    w = layer.numbers(layer.outputs * layer.groups, layer.inputs, *layer.kernel) / depth**0.5
    b = layer.offsets()
    rest = (layer.stride, layer.padding, layer.dilation)
    arguments = (
        value(x), value(w), b if b is None else value(b),
        *settings_of(layer, *rest), layer.low, layer.high,
    )  # fmt: skip
    return arguments, answer(lambda: layer.clamped(torch.conv2d(x, w, b, *rest, layer.groups)))


def settings_of(layer: Layer, *pairs: Pair) -> tuple[Value, ...]:
    lists: list[Value] = [list(pair) for pair in pairs]
    return (*lists, layer.groups)


def transposed(layer: Layer) -> Case:
    x = layer.image()
    w = layer.numbers(layer.inputs * layer.groups, layer.outputs, *layer.kernel)
    b = layer.offsets()
    output = (
        min(layer.output_padding[0], layer.stride[0] - 1),
        min(layer.output_padding[1], layer.stride[1] - 1),
    )
    rest = (layer.stride, layer.padding, output, layer.dilation)
    arguments = (
        value(x), value(w), b if b is None else value(b),
        *settings_of(layer, *rest), layer.low, layer.high,
    )  # fmt: skip
    in_order = (layer.stride, layer.padding, output, layer.groups, layer.dilation)
    made = answer(lambda: torch.conv_transpose2d(x, w, b, *in_order))
    return arguments, None if made is None else layer.clamped(made)


def linear(layer: Layer) -> Case:
    x = layer.special_numbers(*layer.batch, layer.shape[0], layer.inputs)[..., 0, :]
    w = layer.numbers(layer.outputs, layer.inputs)
    b = torch.linspace(-1, 1, layer.outputs) if layer.bias else None
    arguments = (value(x), value(w), b if b is None else value(b), layer.low, layer.high)
    return arguments, layer.clamped(torch.nn.functional.linear(x, w, b))


BATCHES: Final = st.lists(LAYERS, min_size=20, max_size=40)


@many
@given(layers=BATCHES)
def test_convolutions_answer_as_torch(
    runtime: Runtime, tmp_path: Path, layers: list[Layer]
) -> None:
    compare(runtime, tmp_path, "convolution", [*map(convolution, layers)])


WINOGRAD: Final = st.builds(
    Layer,
    batch=st.sampled_from([(), (0,), (1,), (3,)]),
    shape=pairs(1, 23),
    inputs=st.sampled_from([16, 20, 64, 128]),
    outputs=st.sampled_from([16, 36, 64]),
    groups=st.just(1),
    kernel=st.just((3, 3)),
    stride=st.just((1, 1)),
    padding=st.one_of(st.just((1, 1)), pairs(0, 4)),
    output_padding=st.just((0, 0)),
    dilation=st.just((1, 1)),
    bias=st.booleans(),
    low=st.sampled_from([None, 0.0, -0.5]),
    high=st.sampled_from([None, 0.75, 6.0]),
    seed=st.integers(0, 9),
    special=st.sampled_from([False, False, False, True]),
)
"""Layers that are computed with fewer multiplications, where the image is large enough."""


@many
@given(layers=st.lists(WINOGRAD, min_size=10, max_size=20))
def test_convolutions_by_winograd_too(
    runtime: Runtime, tmp_path: Path, layers: list[Layer]
) -> None:
    compare(runtime, tmp_path, "convolution", [*map(convolution, layers)])


LARGE: Final = st.builds(
    replace,
    LAYERS,
    shape=pairs(3, 6),
    inputs=st.sampled_from([150, 501]),
    outputs=st.sampled_from([600, 333]),
    groups=st.sampled_from([1, 1, 1, 2]),
    kernel=pairs(2, 3),
    padding=pairs(0, 1),
)
"""Layers whose weights are computed with in parts."""


@many
@given(layers=st.lists(LARGE, min_size=4, max_size=6))
@pytest.mark.parametrize("method", ["convolution", "transposed", "linear"])
def test_large_layers_too(
    runtime: Runtime, tmp_path: Path, method: str, layers: list[Layer]
) -> None:
    make = {"convolution": convolution, "transposed": transposed, "linear": linear}[method]
    compare(runtime, tmp_path, method, [*map(make, layers)])


def test_a_number_far_above_the_others_spoils_none_of_them(
    runtime: Runtime, tmp_path: Path
) -> None:
    """As a mask of large numbers does; by Winograd all results of a tile would bear its error."""
    generator = torch.Generator().manual_seed(5)
    x, w = (torch.randn(it, generator=generator) for it in ((1, 16, 12, 12), (16, 16, 3, 3)))
    x[0, 0, 1, 1] = 1e9
    ones: list[Value] = [1, 1]
    case = (value(x), value(w), None, ones, ones, ones, 1, None, None)
    (made,) = runtime.run_cases(MODELS / "layers.ptl", [case], tmp_path, "convolution")
    wanted = torch.conv2d(x.double(), w.double(), padding=1).float()
    torch.testing.assert_close(tensor(made), wanted, rtol=1e-4, atol=1e-3)


def test_threads_share_a_convolution_by_winograd(runtime: Runtime, tmp_path: Path) -> None:
    """Blocks of tiles are transformed and multiplied by all threads."""
    generator = torch.Generator().manual_seed(3)
    x, w = (torch.randn(it, generator=generator) for it in ((2, 64, 61, 47), (128, 64, 3, 3)))
    ones: list[Value] = [1, 1]
    w /= (64 * 9) ** 0.5
    case = (value(x), value(w), None, ones, ones, ones, 1, None, None)
    files = [tmp_path / it for it in ("inputs", "outputs")]
    files[0].write_bytes(encode([case]))
    for threads in ("1", "3"):
        words = ("--inputs", files[0], "--outputs", files[1], "--threads", threads)
        done = runtime.run(MODELS / "layers.ptl", "--method", "convolution", *words)
        assert done.returncode == 0, done.stderr
        results = decode(files[1].read_bytes())
        assert isinstance(results, list)
        wanted = torch.conv2d(x.double(), w.double(), padding=1).float()
        torch.testing.assert_close(tensor(results[0]), wanted, rtol=1e-4, atol=1e-5)


@many
@given(layers=BATCHES)
def test_transposed_convolutions_too(runtime: Runtime, tmp_path: Path, layers: list[Layer]) -> None:
    compare(runtime, tmp_path, "transposed", [*map(transposed, layers)])


@many
@given(layers=BATCHES)
def test_linear_layers_too(runtime: Runtime, tmp_path: Path, layers: list[Layer]) -> None:
    compare(runtime, tmp_path, "linear", [*map(linear, layers)])


def test_what_optimize_for_mobile_made_answers_as_before(runtime: Runtime, tmp_path: Path) -> None:
    kept = torch.load(MODELS / "network.pt", weights_only=True)
    (made,) = runtime.run_cases(MODELS / "network.ptl", [(value(kept["x"]),)], tmp_path)
    torch.testing.assert_close(tensor(made), kept["y"], rtol=1e-4, atol=1e-5)


def test_a_result_has_the_memory_format_of_its_input(runtime: Runtime, tmp_path: Path) -> None:
    x, w = torch.ones(2, 3, 4, 5), torch.ones(6, 3, 1, 1)
    (made,) = runtime.run_cases(MODELS / "layers.ptl", [(value(x), value(w))], tmp_path, "strides")
    assert made == [120, 20, 5, 1, 120, 1, 30, 6]


def numbers(*values: Any) -> forge.Raw:
    return forge.called("torch.jit._pickle", "build_intlist", list(values))


ONES: Final = numbers(1, 1)
NONE: Final = numbers(0, 0)
WHOLE: Final = forge.tensor(sizes=(2, 2, 1, 1), strides=(2, 1, 1, 1))
HUGE: Final = (1 << 31) - 1
PLAIN: Final = forge.bytecode(forge.function(operators=(), instructions=(forge.RETURN,)))


def convolution_state(**parts: Any) -> tuple[Any, ...]:
    named = {
        "weight": WHOLE, "bias": None, "stride": ONES, "padding": NONE, "dilation": ONES,
        "groups": 1, "low": None, "high": None,
    }  # fmt: skip
    return tuple({**named, **parts}.values())


def transposed_state(output: forge.Raw = NONE, **parts: Any) -> tuple[Any, ...]:
    state = convolution_state(**parts)
    return (*state[:4], output, *state[4:])


def repeated(*sizes: int) -> forge.Raw:
    """Return a tensor of one number that claims to be many."""
    return forge.tensor(sizes=sizes, strides=(0,) * len(sizes))


def forged() -> Iterator[tuple[str, str, Any]]:
    """Yield contexts that no exporter writes: what is wrong, the class, its state."""
    vector = forge.tensor(sizes=(3,), strides=(1,))
    wrong: dict[str, dict[str, Any]] = {
        "a weight of nothing": {"weight": None},
        "a weight that is a number": {"weight": 7},
        "a weight of two dimensions": {"weight": forge.tensor()},
        "a weight of integers": {
            "weight": forge.tensor(forge.storage(kind="Int"), (2, 2, 1, 1), (2, 1, 1, 1))
        },
        "an empty weight": {"weight": forge.tensor(sizes=(0, 2, 1, 1), strides=(2, 1, 1, 1))},
        "a weight of repeated numbers": {"weight": repeated(1 << 10, 1 << 10, 3, 3)},
        "a weight beyond all memory": {"weight": repeated(HUGE, HUGE, 1, 1)},
        "a bias that is a number": {"bias": 1.5},
        "a bias of another size": {"bias": vector},
        "a bias of two dimensions": {"bias": forge.tensor()},
        "a stride of zero": {"stride": numbers(0, 1)},
        "a negative stride": {"stride": numbers(-1, 1)},
        "a stride of 2**32": {"stride": numbers(1 << 32, 1)},
        "three strides": {"stride": numbers(1, 1, 1)},
        "no stride": {"stride": numbers()},
        "a stride that is a number": {"stride": 1},
        "a stride of words": {"stride": ["1", "1"]},
        "a negative padding": {"padding": numbers(0, -1)},
        "a padding of 2**62": {"padding": numbers(1 << 62, 0)},
        "a dilation of zero": {"dilation": numbers(1, 0)},
        "a dilation of 2**31": {"dilation": numbers(1 << 31, 1)},
        "no groups": {"groups": 0},
        "negative groups": {"groups": -1},
        "groups that do not divide": {"groups": 3},
        "groups of 2**32 + 1": {"groups": (1 << 32) + 1},
        "groups that are a list": {"groups": numbers(1)},
        "limits the wrong way round": {"low": 1.0, "high": 0.0},
        "limits that are no numbers": {"low": float("nan")},
        "a limit that is a word": {"high": "6"},
    }
    for title, parts in wrong.items():
        yield title, "Conv2dOpContext", convolution_state(**parts)
        yield title, "TransposeConv2dOpContext", transposed_state(**parts)
    yield "a part less", "Conv2dOpContext", convolution_state()[:-1]
    yield "a part more", "Conv2dOpContext", (*convolution_state(), 1)
    yield "no parts", "Conv2dOpContext", 5
    yield "a dict", "LinearOpContext", {"weight": forge.tensor()}
    yield "another class's parts", "TransposeConv2dOpContext", convolution_state()
    yield "an output padding of the stride", "TransposeConv2dOpContext", transposed_state(ONES)
    yield "a negative output padding", "TransposeConv2dOpContext", transposed_state(numbers(-1, 0))
    yield "a weight of four dimensions", "LinearOpContext", (WHOLE, None, None, None)
    yield "repeated numbers", "LinearOpContext", (repeated(1 << 20, 1 << 20), None, None, None)
    yield "a bias of another size", "LinearOpContext", (forge.tensor(), vector, None, None)


def write(model: Path, kind: str, state: Any) -> None:
    packed = forge.made("__torch__.torch.classes.xnnpack", kind, state)
    records = {"bytecode.pkl": PLAIN, "data.pkl": forge.module(packed=packed)}
    forge.write(model, {**forge.lite(), **records})


def test_forged_contexts_are_refused(runtime: Runtime, tmp_path: Path) -> None:
    model = tmp_path / "model.ptl"
    for title, kind, state in forged():
        write(model, kind, state)
        done = runtime.run(model, "--methods")
        assert done.returncode == BAD_MODEL, f"{kind}, {title}: {done.returncode} {done.stderr}"
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_whole_contexts_of_the_same_kind_are_not(runtime: Runtime, tmp_path: Path) -> None:
    model = tmp_path / "model.ptl"
    for kind, state in (
        ("Conv2dOpContext", convolution_state(stride=numbers(2), high=6)),
        ("TransposeConv2dOpContext", transposed_state()),
        ("LinearOpContext", (forge.tensor(), None, None, 1.0)),
    ):
        write(model, kind, state)
        done = runtime.run(model, "--methods")
        assert done.returncode == 0, done.stderr
