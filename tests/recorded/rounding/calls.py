"""Calls of operators that round to 8 bits, on numbers at ties and close to them.

`ATEN_CPU_CAPABILITY=default python -m tests.recorded.rounding.calls` writes what torch answers to
`answers.npz`. It was run by PyTorch 2.6.0 without FBGEMM, which so rounds as runtimes do, and
refuses to be run by any other.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

RECORDED: Final = Path(__file__).with_name("answers.npz")
SCALES: Final = (0.0371, 0.0039196489378809929, 0.1, 2.0**-5)
ZERO_POINTS: Final = (0, 121)
SHAPE: Final = (1, 4, 10, 10)
"""Four channels: enough for groups, and for kernels that take several at once."""

NEW: Final = False
"""Whether an activation is computed in place."""

Q: Final[Any] = torch.ops.quantized
Calls = dict[str, Callable[[], Tensor]]


def numbers(seed: int, shape: tuple[int, ...] = SHAPE, low: int = 0, high: int = 256) -> Any:
    """Return integers that are the same in every release of numpy and torch."""
    mixed = (np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed * 7919)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    return ((mixed >> np.uint64(40)) % np.uint64(high - low)).astype(np.int64).reshape(shape) + low


def stored(seed: int, scale: float, zero_point: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    """Return 8-bit numbers."""
    low = torch.iinfo(dtype).min
    found = torch.from_numpy(numbers(seed, low=low, high=low + 256)).to(dtype)
    return torch._make_per_tensor_quantized_tensor(found, scale, zero_point)


def near_ties(scale: float) -> Tensor:
    """Return floats at the middle between two steps, and up to three floats beside it."""
    middles = (np.arange(-300, 300, dtype=np.float32) + np.float32(0.5)) * np.float32(scale)
    found = [middles]
    for toward in (np.float32(-np.inf), np.float32(np.inf)):
        beside = middles
        for _ in range(3):
            beside = np.nextafter(beside, toward)
            found.append(beside)
    return torch.from_numpy(np.concatenate(found))


def calls() -> Calls:
    """Return everything that is recorded."""
    found: Calls = {}
    for scale in SCALES:
        found |= _of_floats(scale)
    for point in ZERO_POINTS:
        for kind, layout in (("", torch.contiguous_format), ("_last", torch.channels_last)):
            x = stored(1, 0.0371, point).contiguous(memory_format=layout)
            y = stored(2, 0.0742, point).contiguous(memory_format=layout)
            found |= _of_8_bits(f"{point}{kind}", x, y, point) | _of_qnnpack(f"{point}{kind}", x, y)
    x, y = stored(3, 0.0371, 3, torch.int8), stored(4, 0.0742, -5, torch.int8)
    return found | _of_8_bits("signed", x, y, 1)


def _of_floats(scale: float) -> Calls:
    values, point = near_ties(scale), torch.tensor(121)
    points = [*((torch.quint8, it) for it in ZERO_POINTS), (torch.qint8, 0), (torch.qint8, 3)]
    scales = scale * torch.tensor([1, 2, 0.5, 1])
    rows = values.reshape(4, -1)
    return {
        **{
            f"quantize_{scale}_{it}_{dtype}": partial(
                torch.quantize_per_tensor, values, scale, it, dtype
            )
            for dtype, it in points
        },
        f"by_tensors_{scale}": partial(
            torch.quantize_per_tensor, values, torch.tensor(scale), point, torch.quint8
        ),
        f"by_range_{scale}": partial(
            torch.quantize_per_tensor_dynamic, values, torch.quint8, reduce_range=False
        ),
        f"per_channel_{scale}": partial(
            torch.quantize_per_channel, rows, scales, torch.arange(4), 0, torch.qint8
        ),
    }


def _of_8_bits(name: str, x: Tensor, y: Tensor, point: int) -> Calls:
    scale = x.q_scale()
    weight = torch.from_numpy(numbers(5, (4,), 1, 9)).to(torch.float32)
    affine = (weight, weight, 1e-5, 0.05, point)
    resize: Any = torch._C._nn.upsample_bilinear2d
    return {
        f"cat_{name}": partial(Q.cat, [x, y, x], 1, 0.0742, point),
        f"cat_relu_{name}": partial(Q.cat_relu, [x, y, x], 1, 0.0742, point),
        f"cat_of_one_scale_{name}": partial(torch.cat, [x, x], 1),
        f"clamp_{name}": partial(torch.clamp, x, -2.5 * scale, 10.5 * scale),
        f"leaky_relu_{name}": partial(functional.leaky_relu, x, 0.1),
        f"leaky_relu_in_place_{name}": lambda: functional.leaky_relu_(x.clone(), 0.5),
        f"leaky_relu_rescaled_{name}": partial(Q.leaky_relu, x, 0.1, NEW, 2 * scale, point),
        f"elu_{name}": partial(Q.elu, x, 2 * scale, point, 1.0, 1.0, 1.0),
        f"celu_{name}": partial(Q.celu, x, 2 * scale, point, 0.5),
        f"gelu_{name}": partial(functional.gelu, x),
        f"mean_{name}": partial(torch.mean, x, [1]),
        f"mean_of_image_{name}": partial(torch.mean, x, [2, 3]),
        **{
            f"pool_{size}_{name}": partial(functional.adaptive_avg_pool2d, x, size)
            for size in (3, 4, 7)
        },
        **{
            f"resize_{size}_{corners}_{name}": partial(resize, x, size, corners)
            for size in ([20, 20], [7, 13])
            for corners in (False, True)
        },
        f"layer_norm_{name}": partial(Q.layer_norm, x, [10], None, None, 1e-5, 0.03, point),
        f"group_norm_{name}": partial(Q.group_norm, x, 2, *affine),
        f"instance_norm_{name}": partial(Q.instance_norm, x, *affine),
        f"batch_norm_{name}": partial(Q.batch_norm2d_relu, x, weight, weight, *affine),
    }


def _of_qnnpack(name: str, x: Tensor, y: Tensor) -> Calls:
    """Return calls on unsigned numbers: XNNPACK does the others, which runtimes have not."""
    found = torch.from_numpy(numbers(6, (8, 4, 3, 3), -127, 128)).to(torch.int8)
    bias = torch.from_numpy(numbers(7, (8,), -99, 99)).to(torch.float32) / 7
    scales = torch.from_numpy(numbers(8, (8,), 1, 99)) / 8192
    one = torch._make_per_tensor_quantized_tensor(found, 0.0123, 0)
    each = torch._make_per_channel_quantized_tensor(
        found, scales, torch.zeros(8, dtype=torch.long), 0
    )
    small, point = y[:, :, :1, :1].contiguous(), x.q_zero_point()
    rows = near_ties(0.05)[:3600].reshape(-1, 36)
    calls: Calls = {
        f"add_{name}": partial(Q.add, x, y, 0.1484, point),
        f"add_relu_{name}": partial(Q.add_relu, x, y, 0.1484, point),
        f"add_small_{name}": partial(Q.add, x, small, 0.1484, point),
        f"add_small_relu_{name}": partial(Q.add_relu, x, small, 0.1484, point),
        f"mul_{name}": partial(Q.mul, x, y, 0.05, point),
        f"sigmoid_{name}": partial(torch.sigmoid, x),
        f"tanh_{name}": partial(torch.tanh, x),
        f"hardswish_{name}": partial(Q.hardswish, x, 0.0742, point),
        f"softmax_{name}": partial(Q.softmax, x, 1, 1 / 256, 0),
        f"average_{name}": partial(functional.avg_pool2d, x, 3, 2, 1),
    }
    for kind, weight in (("", one), ("_per_channel", each)):
        image = Q.conv2d_prepack(weight, bias, [1, 1], [1, 1], [1, 1], 1)
        matrix = Q.linear_prepack(weight.reshape(8, 36), bias)
        calls[f"conv2d{kind}_{name}"] = partial(Q.conv2d_relu, x, image, 0.5, point)
        calls[f"linear_dynamic{kind}_{name}"] = partial(Q.linear_dynamic, rows, matrix)
    return calls


def answer(call: Callable[[], Tensor]) -> Any:
    """Return what torch answers, as the integers that are stored."""
    with torch.inference_mode():
        found = call()
    return (found.int_repr() if found.is_quantized else found).contiguous().numpy()


def main() -> None:
    """Record this torch's answers."""
    engines = torch.backends.quantized.supported_engines
    vectors = torch.backends.cpu.get_cpu_capability() not in {"DEFAULT", "NO AVX"}
    if not torch.__version__.startswith("2.6.0") or "fbgemm" in engines or vectors:
        sys.exit("this is no PyTorch 2.6.0 without FBGEMM and vectors")
    torch.backends.quantized.engine = "qnnpack"
    torch.set_num_threads(1)
    np.savez_compressed(RECORDED, **{name: answer(call) for name, call in calls().items()})


if __name__ == "__main__":
    main()
