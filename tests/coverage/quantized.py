"""Quantized models: static int8 through QNNPACK, dynamic layers, packed embeddings.

They have a runtime of their own: calls between operators are resolved for quantized tensors too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.ao import quantization as aq
from torch.ao.nn.quantized import FloatFunctional
from torch.nn import functional as F

from tests.coverage.values import Coverage, integers, numbers


def _static(make: Callable[[], nn.Module], *shape: int, per_channel: bool) -> nn.Module:
    """Return a calibrated model with 8-bit weights and activations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        torch.backends.quantized.engine = "qnnpack"
        model: Any = make().eval()
        model.qconfig = aq.QConfig(
            activation=aq.MinMaxObserver.with_args(reduce_range=False),
            weight=aq.default_per_channel_weight_observer
            if per_channel
            else aq.default_weight_observer,
        )
        prepared = aq.prepare(model)
        for scale in (0.5, 1.0):
            prepared(numbers(*shape) * scale)
        return aq.convert(prepared)


def _dynamic(make: Callable[[], nn.Module]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        torch.backends.quantized.engine = "qnnpack"
        kinds = {nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell}
        return aq.quantize_dynamic(make().eval(), kinds, dtype=torch.qint8)


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quantize, self.dequantize = aq.QuantStub(), aq.DeQuantStub()
        self.plain = nn.Conv2d(3, 8, 3, padding=1)
        self.strided = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.dilated = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.wide = nn.Conv2d(8, 16, 1)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu(self.plain(self.quantize(x)))
        x = self.depthwise(self.strided(x))
        x = F.relu(self.wide(self.dilated(self.grouped(x))))
        answer = self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return [self.dequantize(answer), self.dequantize(x)]  # the second tells single steps


class Sequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quantize, self.dequantize = aq.QuantStub(), aq.DeQuantStub()
        self.first = nn.Conv1d(4, 6, 3, padding=1)
        self.second = nn.Conv1d(6, 6, 3, groups=6)

    def forward(self, x: Tensor) -> Tensor:
        return self.dequantize(F.relu(self.second(self.first(self.quantize(x)))))


class Arithmetic(nn.Module):
    """What models do between convolutions, on quantized tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.quantize, self.dequantize = aq.QuantStub(), aq.DeQuantStub()
        self.sum, self.sum_relu = FloatFunctional(), FloatFunctional()
        self.product, self.joined = FloatFunctional(), FloatFunctional()
        self.shifted, self.scaled = FloatFunctional(), FloatFunctional()
        self.six = nn.ReLU6()
        self.swish = nn.Hardswish()
        self.leaky = nn.LeakyReLU(0.1)
        self.gate = nn.Sigmoid()
        self.bounded = nn.Tanh()

    def forward(self, x: Tensor) -> list[Tensor]:
        q = self.quantize(x)
        pooled = F.max_pool2d(q, 2)
        resized = torch._C._nn.upsample_nearest2d(pooled, [8, 8])  # type: ignore[call-arg]
        smooth = torch._C._nn.upsample_bilinear2d(pooled, [8, 8], False)  # type: ignore[call-arg]
        joined = self.joined.cat([q, resized, smooth], 1)
        answers = [
            self.sum.add(q, resized), self.sum_relu.add_relu(q, resized), self.product.mul(q, q),
            self.shifted.add_scalar(q, 0.5), self.scaled.mul_scalar(q, 2.0),
            joined, F.avg_pool2d(q, 2), q.mean([2, 3]), self.six(q), self.swish(q), self.leaky(q),
            self.gate(q), self.bounded(q), q.transpose(1, 2), q.reshape(1, -1), q[:, 1:3],
            q.max(1)[0], torch.clamp(q, -0.5, 0.5), q.contiguous().view(-1),
        ]  # fmt: skip
        return [self.dequantize(it) for it in answers]


class Direct(nn.Module):
    """Quantization that the model asks for itself."""

    def forward(self, x: Tensor) -> list[Tensor]:
        per_tensor = torch.quantize_per_tensor(x, 0.05, 10, torch.quint8)
        signed = torch.quantize_per_tensor(x, 0.05, 0, torch.qint8)
        per_channel = torch.quantize_per_channel(
            x, torch.tensor([0.1, 0.05, 0.2]), torch.tensor([0, 1, 2]), 1, torch.qint8
        )
        return [
            per_tensor.dequantize(), per_tensor.int_repr(), signed.dequantize(),
            per_channel.dequantize(), per_channel.int_repr(),
            torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255),
        ]  # fmt: skip


class Rounding(nn.Module):
    """What rounds outside of QNNPACK, on numbers at ties: half of the steps of one are no steps of y."""

    def forward(self, stored: Tensor, x: Tensor) -> list[Tensor]:
        fine = torch._make_per_tensor_quantized_tensor(stored, 0.05, 121)
        coarse = torch._make_per_tensor_quantized_tensor(stored, 0.1, 121)
        by_channel = fine.contiguous(memory_format=torch.channels_last)
        resized = torch._C._nn.upsample_bilinear2d(fine, [14, 20], False)  # type: ignore[call-arg]
        answers = [
            torch.quantize_per_tensor(x, 0.1, 121, torch.quint8),
            torch.quantize_per_tensor_dynamic(x, torch.quint8, False),
            torch.ops.quantized.add(fine, coarse[:, :, :1, :1].contiguous(), 0.1, 121),
            torch.ops.quantized.add_relu(fine, coarse[:, :, :1, :1].contiguous(), 0.1, 121),
            torch.ops.quantized.cat([fine, coarse], 1, 0.1, 121),
            torch.ops.quantized.cat_relu([by_channel, by_channel], 1, 0.1, 121),
            F.leaky_relu(fine, 0.1), torch.ops.quantized.leaky_relu(fine, 0.5, False, 0.1, 121),
            torch.ops.quantized.elu(fine, 0.1, 121, 1.0, 1.0, 1.0), F.gelu(fine),
            torch.clamp(fine, -0.125, 0.525), F.adaptive_avg_pool2d(by_channel, (3, 7)),
            resized,
        ]  # fmt: skip
        return [it.int_repr() for it in answers]


class Unsure(nn.Module):
    """What computes in floats before it rounds, which processors do with other last bits."""

    def forward(self, stored: Tensor) -> list[Tensor]:
        x = torch._make_per_tensor_quantized_tensor(stored, 0.05, 121)
        by_channel = x.contiguous(memory_format=torch.channels_last)
        answers = [
            torch._C._nn.upsample_bilinear2d(x, [9, 23], True),  # type: ignore[call-arg]
            torch._C._nn.upsample_bilinear2d(by_channel, [9, 23], False),  # type: ignore[call-arg]
            x.mean([1]), torch.ops.quantized.matmul(x, x.transpose(2, 3).contiguous(), 0.5, 121),
        ]  # fmt: skip
        return [it.int_repr() for it in answers]


class Packing(nn.Module):
    """Layers as models of several releases call them: weights are packed when the model runs."""

    def forward(self, x: Tensor, image: Tensor) -> list[Tensor]:
        q = torch.quantize_per_tensor(x, 0.05, 10, torch.quint8)
        w = torch.quantize_per_tensor(x[:2] * 0.5, 0.02, 0, torch.qint8)
        linear = torch.ops.quantized.linear_prepack(w, torch.ones(2))
        weight, bias = torch.ops.quantized.linear_unpack(linear)
        assert bias is not None
        pixels = torch.quantize_per_tensor(image, 0.05, 10, torch.quint8)
        kernel = torch.quantize_per_tensor(
            image[0].reshape(4, 2, 2, 4)[:, :, :, :2] * 0.1, 0.01, 0, torch.qint8
        )
        packed = torch.ops.quantized.conv_prepack(kernel, torch.zeros(4), [1, 1], [0, 0], [1, 1], 1)
        turned = torch.ops.quantized.conv_transpose2d_prepack(
            kernel.transpose(0, 1).contiguous(), torch.zeros(4), [1, 1], [0, 0], [0, 0], [1, 1], 1
        )
        four = torch.cat([pixels, pixels], 1)
        answers = [
            torch.ops.quantized.linear(q, linear, 0.1, 0), torch.ops.quantized.linear_relu(q, linear, 0.1, 0),
            torch.ops.quantized.conv2d(pixels, packed, 0.1, 5), torch.ops.quantized.conv2d_relu(pixels, packed, 0.1, 5),
            torch.ops.quantized.conv_transpose2d(pixels, turned, 0.1, 5), torch.ops.quantized.mul(q, 2.0),
            torch.ops.quantized.batch_norm2d(pixels, torch.ones(2), torch.zeros(2), torch.zeros(2), torch.ones(2), 1e-5, 0.1, 5),
            torch.ops.quantized.instance_norm(four, None, None, 1e-5, 0.05, 60), weight,
        ]  # fmt: skip
        return [it.dequantize() for it in answers] + [bias]


class PackedSequences(nn.Module):
    """A recurrent layer over sequences of several lengths, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.long: Any = nn.LSTM(4, 5)

    def forward(self, x: Tensor, sizes: Tensor) -> list[Tensor]:
        weights = [it.param for it in self.long._all_weight_values]
        state = torch.zeros(1, 2, 5)
        answer, hidden, cell = torch.quantized_lstm(
            x,
            sizes,
            [state, state],
            weights,
            True,
            1,
            0.0,
            False,
            False,
            dtype=torch.qint8,
            use_dynamic=True,
        )
        return [answer, hidden, cell]


def _plain(make: Callable[[], nn.Module]) -> nn.Module:
    """Return a model that packs weights itself: with the engine that runtimes have."""
    torch.backends.quantized.engine = "qnnpack"
    return make()


class HalfWeights(nn.Module):
    """QNNPACK has none: torch fails, and the runtime in the same words."""

    def forward(self, w: Tensor) -> Tensor:
        packed = torch.ops.quantized.linear_prepack_fp16(w, None)
        return torch.ops.quantized.linear_unpack_fp16(packed)[0]


class DynamicLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.long = nn.LSTM(8, 5, num_layers=2, bidirectional=True)
        self.gated = nn.GRU(10, 7, batch_first=True)
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        found, _ = self.long(F.relu(self.first(x)))
        found, _ = self.gated(found)
        return self.head(found)


class DynamicCells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.long, self.gated, self.plain = nn.LSTMCell(4, 5), nn.GRUCell(4, 5), nn.RNNCell(4, 5)

    def forward(self, x: Tensor) -> list[Tensor]:
        hidden, cell = self.long(x)
        return [hidden, cell, self.gated(x), self.plain(x)]


class Embeddings(nn.Module):
    def __init__(self, kind: type[nn.Module], qconfig: object) -> None:
        super().__init__()
        torch.manual_seed(0)
        options = {"mode": "sum", "include_last_offset": True} if kind is nn.EmbeddingBag else {}
        table: Any = kind(20, 12, **options)
        table.qconfig = qconfig
        self.table = table


class Bag(Embeddings):
    def forward(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        return self.table(tokens, offsets)


class Lookup(Embeddings):
    def forward(self, tokens: Tensor) -> Tensor:
        return self.table(tokens)


def _embedding(model: Embeddings) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = "qnnpack"
        return aq.convert(aq.prepare(model.eval()))


class Returned(nn.Module):
    """Quantized tensors as answers, with one scale and with one for each row."""

    def forward(self, x: Tensor, scales: Tensor, zeros: Tensor) -> list[Tensor]:
        return [
            torch.quantize_per_tensor(x, 0.05, 10, torch.quint8),
            torch.quantize_per_tensor(x, 0.05, 0, torch.qint8),
            torch.quantize_per_tensor(x, 0.001, 0, torch.qint32)[:, 1],
            torch.quantize_per_channel(x, scales, zeros, 0, torch.qint8),
        ]


# 4-bit tables are left out: torch 2.13 itself cannot load such a model once it is saved
BYTES = aq.float_qparams_weight_only_qconfig
BAGS = (integers(9, below=20), torch.tensor([0, 3, 4, 9]))


def _calibrated(
    name: str, make: Callable[[], nn.Module], *shape: int, per_channel: bool = False
) -> Coverage:
    return Coverage(
        f"static_{name}_per_{'channel' if per_channel else 'tensor'}",
        lambda: _static(make, *shape, per_channel=per_channel),
        lambda: [(numbers(*shape),), (numbers(*shape) * 0.3,)],
        exact=True,
    )


SUITE: Final[tuple[Coverage, ...]] = (
    _calibrated("convolutions", Convolutions, 1, 3, 12, 12),
    _calibrated("convolutions", Convolutions, 1, 3, 12, 12, per_channel=True),
    _calibrated("sequence", Sequence, 2, 4, 9),
    _calibrated("sequence", Sequence, 2, 4, 9, per_channel=True),
    _calibrated("arithmetic", Arithmetic, 1, 4, 8, 8),
    Coverage("quantize_direct", Direct, lambda: [(numbers(2, 3, 4),)]),
    Coverage(
        "quantized_returned",
        Returned,
        lambda: [(numbers(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]))],
    ),
    Coverage(
        "rounding_in_floats",
        lambda: _plain(Unsure),
        lambda: [(numbers(1, 4, 7, 10, dtype=torch.uint8, high=256),)],
    ),
    Coverage(
        "rounding",
        lambda: _plain(Rounding),
        lambda: [
            (numbers(1, 4, 7, 10, dtype=torch.uint8, high=256), (numbers(4, 300) * 9).round() / 20)
        ],
        exact=True,
    ),
    Coverage("dynamic_layers", lambda: _dynamic(DynamicLayers), lambda: [(numbers(3, 2, 6),)]),
    Coverage("packing", lambda: _plain(Packing), lambda: [(numbers(3, 4), numbers(1, 2, 4, 8))]),
    Coverage(
        "dynamic_packed_sequences",
        lambda: _dynamic(PackedSequences),
        lambda: [(numbers(5, 4), torch.tensor([2, 2, 1]))],
    ),
    Coverage("half_weights", lambda: _plain(HalfWeights), lambda: [(numbers(3, 4),)]),
    Coverage("dynamic_cells", lambda: _dynamic(DynamicCells), lambda: [(numbers(3, 4),)]),
    Coverage("bag_8_bits", lambda: _embedding(Bag(nn.EmbeddingBag, BYTES)), lambda: [BAGS]),
    Coverage(
        "lookup_8_bits",
        lambda: _embedding(Lookup(nn.Embedding, BYTES)),
        lambda: [(integers(7, below=20),)],
    ),
)
