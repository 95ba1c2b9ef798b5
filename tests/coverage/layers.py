"""Layers of neural networks without a state in time: convolution, pooling, padding, normalisation."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.coverage.values import (
    FLOATS,
    HALVES,
    Arguments,
    Coverage,
    integers,
    numbers,
    positive,
    unit,
)


def filled(module: nn.Module) -> nn.Module:
    """Give a module weights that are the same on every machine, and evaluate with it."""
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(numbers(*parameter.shape, low=-0.3, high=0.3 + 0.01 * number))
    return module.eval()


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Conv1d(4, 6, 3, padding=1)
        self.plane = nn.Conv2d(4, 8, 3, padding=1)
        self.strided = nn.Conv2d(4, 8, 3, stride=2, bias=False)
        self.dilated = nn.Conv2d(4, 4, 3, dilation=2, padding=2)
        self.grouped = nn.Conv2d(4, 8, 3, groups=2)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4, padding=1)
        self.pointwise = nn.Conv2d(4, 6, 1)
        self.same = nn.Conv2d(4, 4, 4, padding="same")
        self.reflected = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")
        self.large = nn.Conv2d(4, 4, (7, 3), padding=(3, 1))
        self.space = nn.Conv3d(2, 4, 3, padding=1)
        self.spaced = nn.Conv3d(2, 2, 3, dilation=2, groups=2)

    def forward(self, line: Tensor, plane: Tensor, space: Tensor) -> list[Tensor]:
        return [
            self.line(line), self.plane(plane), self.strided(plane), self.dilated(plane), self.grouped(plane),
            self.depthwise(plane), self.pointwise(plane), self.same(plane), self.reflected(plane),
            self.large(plane), self.space(space), self.spaced(space), self.plane(plane[0]),
            F.conv2d(plane, self.pointwise.weight, stride=[2, 1]),
            F.unfold(plane, [3, 3], padding=1), F.fold(F.unfold(plane, [2, 2], stride=2), [8, 8], [2, 2], stride=2),
        ]  # fmt: skip


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(4, 8, 3, padding=1)
        self.normal = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.depthwise(
            F.relu(self.normal(self.convolve(x.contiguous(memory_format=torch.channels_last))))
        )
        return [
            y,
            F.max_pool2d(y, 2),
            F.adaptive_avg_pool2d(y, [1, 1]),
            F.interpolate(y, scale_factor=2.0),
            y.contiguous(),
        ]


class TransposedConvolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.ConvTranspose1d(4, 3, 3, stride=2)
        self.plane = nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)
        self.grouped = nn.ConvTranspose2d(4, 4, 3, groups=2, output_padding=1, stride=2)
        self.dilated = nn.ConvTranspose2d(4, 2, 3, dilation=2)
        self.space = nn.ConvTranspose3d(2, 2, 2, stride=2)

    def forward(self, line: Tensor, plane: Tensor, space: Tensor) -> list[Tensor]:
        return [
            self.line(line),
            self.plane(plane),
            self.grouped(plane),
            self.dilated(plane),
            self.space(space),
        ]


class Pooling(nn.Module):
    def forward(self, line: Tensor, plane: Tensor, space: Tensor) -> list[Tensor]:
        values, places = F.max_pool2d_with_indices(plane, [2, 2])
        along, at = F.max_pool1d_with_indices(line, 2)
        best, where = F.adaptive_max_pool2d_with_indices(plane, [3, 3])
        return [
            F.max_pool1d(line, 2), F.max_pool2d(plane, 2), F.max_pool2d(plane, 3, 2, 1), F.max_pool3d(space, 2),
            F.max_pool2d(plane, 2, ceil_mode=True, dilation=2), F.avg_pool1d(line, 2), F.avg_pool2d(plane, 3, 2, 1),
            F.avg_pool2d(plane, 2, count_include_pad=False, padding=1), F.avg_pool3d(space, 2),
            F.adaptive_avg_pool1d(line, 3), F.adaptive_avg_pool2d(plane, [3, 2]), F.adaptive_avg_pool3d(space, [2, 2, 2]),
            F.adaptive_max_pool1d(line, 3), best, where, F.adaptive_max_pool3d(space, [2, 2, 2]),
            values, places, along, at, F.max_unpool2d(values, places, [2, 2]), F.lp_pool2d(plane, 2.0, 2),
            F.lp_pool1d(line, 2.0, 2),
        ]  # fmt: skip


class FractionalPooling(nn.Module):
    """Where the windows lie is drawn: the model seeds the generator."""

    def forward(self, plane: Tensor) -> Tensor:
        torch.manual_seed(3)
        return F.fractional_max_pool2d(plane, 2, output_size=[3, 3])


class Padding(nn.Module):
    def forward(self, line: Tensor, plane: Tensor, space: Tensor) -> list[Tensor]:
        return [
            F.pad(line, [1, 2]), F.pad(plane, [1, 1, 2, 0], value=3.0), F.pad(plane, [1, 1, 1, 1], "reflect"),
            F.pad(plane, [2, 1, 0, 1], "replicate"), F.pad(plane, [1, 2, 1, 1], "circular"), F.pad(line, [1, 1], "reflect"),
            F.pad(line, [2, 1], "replicate"), F.pad(space, [1, 1, 1, 1, 1, 1], "replicate"),
            F.pad(space, [1, 0, 1, 0, 1, 1], "reflect"), F.pad(plane, [-1, -1]),
        ]  # fmt: skip


class Activations(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slopes = nn.PReLU(3)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            F.relu(x), F.relu6(x), F.elu(x), F.selu(x), F.celu(x), F.leaky_relu(x, 0.1), F.gelu(x),
            F.gelu(x, approximate="tanh"), F.silu(x), F.mish(x), F.hardswish(x), F.hardsigmoid(x), F.hardtanh(x),
            F.softplus(x), F.softsign(x), F.softshrink(x), F.hardshrink(x), F.tanhshrink(x), F.threshold(x, 0.5, 1.0),
            F.logsigmoid(x), F.softmax(x, 1), F.log_softmax(x, 1), F.softmin(x, 1), F.glu(torch.cat([x, x], 1), 1),
            self.slopes(x), torch.sigmoid(x), torch.tanh(x), F.rrelu(x), F.dropout(x, 0.5, False),
            F.softmax(x, 0, dtype=torch.float64), F.normalize(x), F.relu(x.clone(), inplace=True),
            F.hardswish(x.clone(), inplace=True), F.silu(x.clone(), inplace=True), F.alpha_dropout(x),
        ]  # fmt: skip


class HalfActivations(nn.Module):
    """What a model in half precision calls besides pointwise arithmetic."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            F.relu(x), F.leaky_relu(x), F.gelu(x), F.silu(x), F.hardswish(x), F.sigmoid(x), F.softmax(x, 1),
            F.log_softmax(x, 1), F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, [1, 1]),
            F.interpolate(x, scale_factor=2.0), F.pad(x, [1, 1, 1, 1]), F.layer_norm(x, [x.size(3)]),
            F.group_norm(x, 1), F.linear(x, x[0, 0]), F.batch_norm(x, x[0, :, 0, 0], x[0, :, 0, 0].abs() + 1),
        ]  # fmt: skip


class Normalisation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.BatchNorm1d(4)
        self.plane = nn.BatchNorm2d(4)
        self.space = nn.BatchNorm3d(2)
        self.layer = nn.LayerNorm([8, 8])
        self.group = nn.GroupNorm(2, 4)
        self.instance = nn.InstanceNorm2d(4, affine=True)
        self.tracked = nn.InstanceNorm1d(4, track_running_stats=True)
        self.local = nn.LocalResponseNorm(2)

    def forward(self, line: Tensor, plane: Tensor, space: Tensor) -> list[Tensor]:
        return [
            self.line(line), self.plane(plane), self.space(space), self.layer(plane), self.group(plane),
            self.instance(plane), self.tracked(line), self.local(plane), F.layer_norm(line, [line.size(2)]),
            F.instance_norm(line), F.rms_norm(line, [line.size(2)]), F.normalize(plane, p=1.0, dim=1),
            F.batch_norm(plane, torch.zeros(4), torch.ones(4), training=True),
        ]  # fmt: skip


class Resampling(nn.Module):
    def forward(self, line: Tensor, plane: Tensor, space: Tensor, grid: Tensor) -> list[Tensor]:
        theta = torch.tensor([[[0.8, 0.1, 0.0], [-0.1, 0.9, 0.2]]]).expand(plane.size(0), 2, 3)
        return [
            F.interpolate(line, scale_factor=2.0), F.interpolate(line, size=[13], mode="linear"),
            F.interpolate(plane, size=[11, 5]), F.interpolate(plane, scale_factor=2.0, mode="bilinear"),
            F.interpolate(plane, size=[5, 6], mode="bilinear", align_corners=True), F.interpolate(plane, size=[12, 12], mode="bicubic"),
            F.interpolate(plane, size=[4, 4], mode="area"), F.interpolate(plane, size=[7, 7], mode="nearest-exact"),
            F.interpolate(plane, size=[4, 4], mode="bilinear", antialias=True), F.interpolate(space, scale_factor=2.0),
            F.interpolate(space, size=[5, 5, 5], mode="trilinear"), F.grid_sample(plane, grid, align_corners=False),
            F.grid_sample(plane, grid, mode="nearest", padding_mode="border", align_corners=True),
            F.grid_sample(plane, grid, mode="bicubic", padding_mode="reflection", align_corners=False),
            F.affine_grid(theta, [plane.size(0), 4, 5, 5], align_corners=False), F.pixel_shuffle(plane, 2),
            F.pixel_unshuffle(plane, 2), F.channel_shuffle(plane, 2), F.upsample(plane, scale_factor=2.0, mode="nearest"),
        ]  # fmt: skip


class Losses(nn.Module):
    def forward(self, x: Tensor, y: Tensor, p: Tensor, labels: Tensor) -> list[Tensor]:
        signs = torch.ones_like(x[:, 0]) * -1
        chances = torch.sigmoid(y)
        logs = F.log_softmax(x, 1)
        frames = F.log_softmax(x.unsqueeze(1).expand(6, 2, 5), 2)
        return [
            F.mse_loss(x, y), F.l1_loss(x, y), F.smooth_l1_loss(x, y), F.huber_loss(x, y), F.cross_entropy(x, labels),
            F.cross_entropy(x, chances), F.cross_entropy(x, labels, label_smoothing=0.1, reduction="none"),
            F.nll_loss(logs, labels), F.kl_div(logs, chances, reduction="batchmean"),
            F.binary_cross_entropy(torch.sigmoid(x), chances), F.binary_cross_entropy_with_logits(x, chances),
            F.hinge_embedding_loss(x, y.sign()), F.margin_ranking_loss(x[:, 0], y[:, 0], signs),
            F.triplet_margin_loss(x, y, p), F.cosine_embedding_loss(x, y, signs), F.soft_margin_loss(x, y.sign()),
            F.multi_margin_loss(x, labels), F.multilabel_soft_margin_loss(x, chances.round()), F.poisson_nll_loss(x, p),
            F.nll_loss(logs.unsqueeze(2).unsqueeze(3), labels.reshape(6, 1, 1)),
            F.multilabel_margin_loss(x, torch.full_like(labels, -1).unsqueeze(1).expand(6, 5).contiguous()),
            F.ctc_loss(frames, torch.tensor([[1, 2], [3, 1]]), torch.tensor([6, 6]), torch.tensor([2, 2])),
        ]  # fmt: skip


def volumes(dtype: torch.dtype = torch.float32) -> Arguments:
    return (
        numbers(2, 4, 10, dtype=dtype),
        numbers(2, 4, 8, 8, dtype=dtype),
        numbers(2, 2, 6, 6, 6, dtype=dtype),
    )


SUITE = (
    Coverage("convolution", lambda: filled(Convolutions()), lambda: [volumes()]),
    Coverage("convolution_double", lambda: filled(Convolutions()).double(), lambda: [volumes(torch.float64)]),
    Coverage("convolution_channels_last", lambda: filled(ChannelsLast()), lambda: [(numbers(2, 4, 8, 8),)]),
    Coverage("convolution_transposed", lambda: filled(TransposedConvolutions()), lambda: [volumes()]),
    *(
        Coverage(f"convolution_{name}", lambda dtype=dtype: filled(Convolutions()).to(dtype), lambda dtype=dtype: [volumes(dtype)])
        for name, dtype in (("half", torch.float16), ("bfloat16", torch.bfloat16))
    ),
    Coverage("pooling", Pooling, lambda: [volumes(it) for it in FLOATS]),
    Coverage("pooling_fractional", FractionalPooling, lambda: [(numbers(1, 2, 8, 8),)]),
    Coverage("padding", Padding, lambda: [volumes(it) for it in FLOATS]),
    Coverage("activation", lambda: filled(Activations()), lambda: [(numbers(4, 3, 7, low=-4, high=4),)]),
    Coverage("activation_half", HalfActivations, lambda: [(numbers(2, 3, 4, 4, dtype=it),) for it in (torch.float32, *HALVES)]),
    Coverage("normalisation", lambda: filled(Normalisation()), lambda: [volumes()]),
    Coverage("resampling", Resampling, lambda: [(*volumes(), unit(2, 5, 6, 2))]),
    Coverage(
        "losses", Losses,
        lambda: [(numbers(6, 5, dtype=it), numbers(6, 5, 1, dtype=it).squeeze(2), positive(6, 5, dtype=it), integers(6, below=5)) for it in FLOATS],
    ),
)  # fmt: skip
