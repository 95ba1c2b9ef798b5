"""Desktop torch as the reference rounds as runtimes do, and knows what it is not sure of."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from builder.models.reference import rounding
from builder.models.reference.exactness import EXACT, Watch
from builder.models.reference.kernels import ON_8_BITS, ON_ANY
from builder.models.reference.rounder import Rounder
from builder.models.reference.rounding import rounding_as_runtimes_do
from builder.models.reference.surroundings import work_as_on_a_device
from tests.recorded.rounding.calls import RECORDED, answer, calls

QUANTIZED: Final[Any] = torch.ops.quantized


@pytest.fixture(autouse=True, scope="module")
def _as_on_a_device() -> Iterator[None]:
    work_as_on_a_device()
    yield
    torch.backends.mkldnn.set_flags(_enabled=True)  # type: ignore[no-untyped-call]
    torch.backends.nnpack.set_flags(_enabled=True)  # type: ignore[no-untyped-call]


def test_answers_are_those_of_the_release_that_runtimes_are_built_from() -> None:
    with np.load(RECORDED) as recorded, rounding_as_runtimes_do():
        answers = {name: answer(call) for name, call in calls().items()}
        assert answers.keys() == set(recorded.files)
        assert not [name for name, it in answers.items() if not np.array_equal(it, recorded[name])]


def test_every_hook_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    def watched(name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> object:
            seen.add(name)
            return hook(*given, **named)

        return call

    for table in ("ON_ANY", "ON_8_BITS"):
        hooks = {name: watched(name, it) for name, it in getattr(rounding, table).items()}
        monkeypatch.setattr(rounding, table, hooks)
    with rounding.rounding_as_runtimes_do():
        for call in calls().values():
            call()
    assert {it for it in ON_ANY | ON_8_BITS if "batch_norm" not in it} <= seen


def test_torch_is_as_before_when_the_block_ends() -> None:
    def all_answers() -> list[bytes]:
        return [answer(call).tobytes() for call in calls().values()]

    before = all_answers()
    with rounding_as_runtimes_do():
        pass
    assert all_answers() == before


def _tensor(numbers: list[int], scale: float, zero_point: int) -> Tensor:
    stored = torch.tensor(numbers, dtype=torch.uint8).reshape(1, 4, 2, -1)
    return torch._make_per_tensor_quantized_tensor(stored, scale, zero_point)


SCALES: Final = st.floats(2**-8, 1.0, width=32)
POINTS: Final = st.integers(0, 255)
NUMBERS: Final = st.lists(st.integers(0, 255), min_size=48, max_size=48)
ALONE: Final[dict[str, Callable[[Tensor, float, int], Tensor]]] = {
    "quantize": lambda x, s, z: torch.quantize_per_tensor(x.dequantize(), s, z, torch.quint8),
    "add": lambda x, s, z: QUANTIZED.add(x, x[:, :, :1, :1], s, z),
    "add_relu": lambda x, s, z: QUANTIZED.add_relu(x, x[:, :, :1, :1], s, z),
    "cat": lambda x, s, z: QUANTIZED.cat([x, x], 1, s, z),
    "leaky_relu": lambda x, s, z: QUANTIZED.leaky_relu(x, 0.1, False, s, z),  # noqa: FBT003  its schema
    "elu": lambda x, s, z: QUANTIZED.elu(x, s, z, 1.0, 1.0, 1.0),
    "celu": lambda x, s, z: QUANTIZED.celu(x, s, z, 0.5),
    "gelu": lambda x, _s, _z: functional.gelu(x),
    "clamp": lambda x, s, _z: torch.clamp(x, -s, s),
    "resize": lambda x, _s, _z: functional.interpolate(x, size=(5, 9), mode="bilinear"),
    "pool": lambda x, _s, _z: functional.adaptive_avg_pool2d(
        x.contiguous(memory_format=torch.channels_last), (2, 5)
    ),
    "layer_norm": lambda x, s, z: QUANTIZED.layer_norm(x, [x.shape[3]], None, None, 1e-5, s, z),
    "batch_norm": lambda x, s, z: QUANTIZED.batch_norm2d(
        x, torch.ones(4), torch.zeros(4), torch.zeros(4), torch.ones(4), 1e-5, s, z
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
@given(numbers=NUMBERS, scale=SCALES, new_scale=SCALES, point=POINTS, new_point=POINTS)
def test_an_operator_alone_is_within_one_step_of_torchs_own(  # noqa: PLR0917  drawn
    name: str, numbers: list[int], scale: float, new_scale: float, point: int, new_point: int
) -> None:
    x = _tensor(numbers, scale, point)
    own = answer(lambda: ALONE[name](x, new_scale, new_point))
    with rounding_as_runtimes_do():
        ours = answer(lambda: ALONE[name](x, new_scale, new_point))
    assert np.abs(ours.astype(int) - own).max() <= 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.quantize_per_tensor(torch.ones(2).double(), 0.1, 0, torch.quint8),
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 300, torch.quint8),
        lambda: QUANTIZED.add(torch.ones(2), torch.ones(2), 0.1, 0),
    ],
)
def test_what_torch_refuses_it_refuses_in_its_words(call: Callable[[], Tensor]) -> None:
    with pytest.raises(RuntimeError) as own:
        call()
    with rounding_as_runtimes_do(), pytest.raises(RuntimeError) as ours:
        call()
    assert str(ours.value).splitlines()[0] == str(own.value).splitlines()[0]


def _quantize(x: Tensor) -> Tensor:
    return torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)


def _resized(x: Tensor, size: list[int]) -> Tensor:
    return functional.interpolate(x[None, None], size=size, mode="bilinear")


@pytest.mark.parametrize(
    ("model", "unsure"),
    [
        (_quantize, False),
        (lambda x: _quantize((x * 2 - 1).relu().reshape(-1)), False),
        (lambda x: _quantize(torch.cat([_quantize(x).dequantize(), x])), False),
        (lambda x: QUANTIZED.layer_norm(_quantize(x), [3], None, None, 1e-5, 0.1, 0), True),
        (lambda x: _quantize(x.softmax(-1)), True),
        (lambda x: _quantize(x - x), False),
        (lambda x: _quantize(torch.add(x, x, alpha=3)), True),
        (lambda x: _quantize(x).reshape(1, 3, 3).mean([1]), True),
        (lambda x: QUANTIZED.mul(_quantize(x).relu(), _quantize(x), 0.1, 3), False),
        (lambda x: _resized(_quantize(x), [6, 6]), False),
        (lambda x: _resized(_quantize(x), [5, 6]), True),
        (lambda x: QUANTIZED.matmul(_quantize(x), _quantize(x), 0.1, 3), True),
        (lambda x: _quantize(x @ x.T), True),
        (lambda x: _quantize(x).dequantize().softmax(-1), False),
        (lambda x: torch.quantize_per_tensor_dynamic(x.exp(), torch.quint8, False), True),  # noqa: FBT003  its schema
    ],
)  # fmt: skip
def test_a_rounding_is_unsure_after_a_float_kernel(
    model: Callable[[Tensor], Tensor], *, unsure: bool
) -> None:
    with rounding_as_runtimes_do() as rounder, Watch(rounder):
        model(torch.ones(3, 3))
    assert rounder.unsure == unsure


def test_what_an_operator_on_8_bits_computes_inside_is_its_own_matter() -> None:
    x = torch.rand(2, 3, 3)
    with rounding_as_runtimes_do() as rounder, Watch(rounder):
        _quantize(x).mean([1])
        assert rounder.unsure
        assert not rounder.computed
        _quantize(x).dequantize().mean([1])
        assert rounder.computed


def test_a_dynamic_layer_is_sure_of_an_input_and_unsure_of_what_follows() -> None:
    weight = torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8)
    packed = QUANTIZED.linear_prepack(weight, None)
    for layers, unsure in ((1, False), (2, True)):
        x = torch.rand(2, 3)
        with rounding_as_runtimes_do() as rounder, Watch(rounder):
            for _ in range(layers):
                x = QUANTIZED.linear_dynamic(x, packed)
        assert rounder.unsure == unsure


def test_noise_moves_what_is_unsure_alone() -> None:
    values, rounder = torch.linspace(-1, 1, 999), Rounder(noise=0.1)
    exact = rounder.steps(values, 0.01)
    assert not rounder.unsure
    assert not torch.equal(rounder.steps(values, 0.01, sure=False), exact)
    assert torch.equal(rounder.steps(values, 0.01), exact)


def test_exact_operators_are_operators() -> None:
    assert not {it for it in EXACT if not hasattr(torch.ops.aten, it)}
