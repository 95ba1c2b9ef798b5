"""Every layer of torch.nn that torch.export takes, in groups that share their inputs."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import nn

Layers = dict[str, Callable[[], nn.Module]]
NN: Final[Any] = nn  # its classes are looked up by name


class Group(nn.Module):
    """Layers that take the same inputs; their answers by name."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)

    def forward(self, *given: torch.Tensor) -> dict[str, Any]:
        return {name: plain(layer(*given)) for name, layer in self.layers.items()}


class Unpooled(nn.Module):
    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.pool = getattr(NN, f"MaxPool{dimensions}d")(2, return_indices=True)
        self.unpool = getattr(NN, f"MaxUnpool{dimensions}d")(2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.unpool(*self.pool(x))


def plain(answer: Any) -> Any:
    """Return named tuples of torch as tuples: only those can be saved."""
    return tuple(map(plain, answer)) if isinstance(answer, tuple) else answer


def spatial(n: int) -> Layers:
    """Return the layers that have a form for `n` dimensions."""

    def layer(name: str, *given: Any, **named: Any) -> Callable[[], nn.Module]:
        return partial(getattr(NN, f"{name}{n}d"), *given, **named)

    plainly = {
        "Conv": (4, 6, 3), "ConvTranspose": (4, 6, 3), "BatchNorm": (4,), "MaxPool": (2,),
        "AvgPool": (2,), "LPPool": (2, 2), "ReflectionPad": (1,), "ReplicationPad": (1,),
        "ConstantPad": (1, 0.5), "ZeroPad": (1,), "CircularPad": (1,), "Dropout": (),
        "AdaptiveAvgPool": (3,), "AdaptiveMaxPool": (3,),
    }  # fmt: skip
    found = {f"{name}{n}d": layer(name, *given) for name, given in plainly.items()}
    found[f"InstanceNorm{n}d"] = layer("InstanceNorm", 4, affine=True)
    found[f"MaxUnpool{n}d"] = lambda: Unpooled(n)
    return found


ACTIVATIONS: Final = (
    "ELU", "Hardshrink", "Hardsigmoid", "Hardtanh", "Hardswish", "LeakyReLU", "LogSigmoid", "PReLU",
    "ReLU", "ReLU6", "RReLU", "SELU", "CELU", "GELU", "GLU", "Sigmoid", "SiLU", "Mish", "Softplus",
    "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Dropout", "AlphaDropout",
    "FeatureAlphaDropout", "Identity", "Flatten",
)  # fmt: skip
LOSSES: Final = (
    "L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "KLDivLoss", "BCEWithLogitsLoss",
    "SoftMarginLoss", "PoissonNLLLoss", "MultiLabelSoftMarginLoss", "CosineSimilarity",
    "PairwiseDistance", "HingeEmbeddingLoss",
)  # fmt: skip


def vectors() -> Layers:
    found: Layers = {name: getattr(NN, name) for name in ACTIVATIONS}
    found |= {it: partial(getattr(NN, it), 1) for it in ("Softmin", "Softmax", "LogSoftmax")}
    return found | {
        "Linear": lambda: nn.Linear(8, 4),
        "Threshold": lambda: nn.Threshold(0.1, 2.0),
        "Unflatten": lambda: nn.Unflatten(1, (2, 4)),
        "LayerNorm": lambda: nn.LayerNorm(8),
        "RMSNorm": lambda: nn.RMSNorm(8),
        "RNNCell": lambda: nn.RNNCell(8, 5),
        "LSTMCell": lambda: nn.LSTMCell(8, 5),
        "GRUCell": lambda: nn.GRUCell(8, 5),
        "Sequential": lambda: nn.Sequential(nn.Linear(8, 4), nn.ReLU()),
    }


def images() -> Layers:
    return {
        "Softmax2d": nn.Softmax2d,
        "GroupNorm": lambda: nn.GroupNorm(2, 4),
        "LocalResponseNorm": lambda: nn.LocalResponseNorm(2),
        "CrossMapLRN2d": lambda: nn.CrossMapLRN2d(2),
        "PixelShuffle": lambda: nn.PixelShuffle(2),
        "PixelUnshuffle": lambda: nn.PixelUnshuffle(2),
        "ChannelShuffle": lambda: nn.ChannelShuffle(2),
        "Upsample": lambda: nn.Upsample(scale_factor=2, mode="bicubic"),
        "UpsamplingNearest2d": lambda: nn.UpsamplingNearest2d(scale_factor=2),
        "UpsamplingBilinear2d": lambda: nn.UpsamplingBilinear2d(size=(5, 5)),
        "Unfold": lambda: nn.Unfold(2),
        "FractionalMaxPool2d": lambda: nn.FractionalMaxPool2d(
            2, output_size=3, _random_samples=torch.full((2, 4, 2), 0.5)
        ),
    }


def sequences() -> Layers:
    options: Any = {"num_layers": 2, "bidirectional": True, "batch_first": True}
    return {
        "RNN": lambda: nn.RNN(8, 5, **options),
        "LSTM": lambda: nn.LSTM(8, 5, **options),
        "GRU": lambda: nn.GRU(8, 5, **options),
        "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        "TransformerEncoder": lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2
        ),
    }


def several() -> Iterator[tuple[str, Layers, tuple[torch.Tensor, ...]]]:
    """Yield the layers of several inputs."""
    two = {name: getattr(NN, name) for name in LOSSES} | {"Bilinear": lambda: nn.Bilinear(8, 8, 4)}
    yield "two", two, (torch.randn(3, 8), torch.randn(3, 8))
    positive = torch.rand(3, 8), torch.rand(3, 8)
    yield "probabilities", {"BCELoss": nn.BCELoss}, positive
    classes = {
        name: getattr(NN, name) for name in ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
    }
    yield "classes", classes, (torch.randn(3, 8), torch.tensor([1, 2, 3]))
    labels = torch.tensor([[1, 2, -1, 0, 0, 0, 0, 0]] * 3)
    yield "labels", {"MultiLabelMarginLoss": nn.MultiLabelMarginLoss}, (torch.randn(3, 8), labels)
    triplets: Layers = {
        "TripletMarginLoss": nn.TripletMarginLoss,
        "TripletMarginWithDistanceLoss": nn.TripletMarginWithDistanceLoss,
    }
    yield "triplets", triplets, (torch.randn(3, 8), torch.randn(3, 8), torch.randn(3, 8))
    ranks = torch.randn(3), torch.randn(3), torch.ones(3)
    yield "ranks", {"MarginRankingLoss": nn.MarginRankingLoss}, ranks
    pairs = torch.randn(3, 8), torch.randn(3, 8), torch.ones(3)
    yield "pairs", {"CosineEmbeddingLoss": nn.CosineEmbeddingLoss}, pairs
    attention: Layers = {
        "MultiheadAttention": lambda: nn.MultiheadAttention(8, 2, batch_first=True)
    }
    yield "attention", attention, (torch.randn(2, 5, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 8))
    decoders: Layers = {
        "TransformerDecoderLayer": lambda: nn.TransformerDecoderLayer(8, 2, 16, batch_first=True),
        "TransformerDecoder": lambda: nn.TransformerDecoder(
            nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 1
        ),
        "Transformer": lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
    }
    yield "decoders", decoders, (torch.randn(2, 5, 8), torch.randn(2, 5, 8))


def groups() -> Iterator[tuple[str, Layers, tuple[torch.Tensor, ...]]]:
    """Yield each group: its name, its layers, and inputs that all of them take."""
    yield "lines", spatial(1), (torch.randn(2, 4, 8),)
    yield "planes", spatial(2), (torch.randn(2, 4, 8, 8),)
    yield "volumes", spatial(3), (torch.randn(2, 4, 6, 6, 6),)
    yield "vectors", vectors(), (torch.randn(3, 8),)
    yield "images", images(), (torch.randn(2, 4, 8, 8),)
    yield "sequences", sequences(), (torch.randn(2, 6, 8),)
    tokens: Layers = {
        "Embedding": lambda: nn.Embedding(10, 4), "EmbeddingBag": lambda: nn.EmbeddingBag(10, 4)
    }  # fmt: skip
    yield "tokens", tokens, (torch.tensor([[1, 2, 3], [4, 5, 6]]),)
    yield "columns", {"Fold": lambda: nn.Fold((4, 5), (2, 2))}, (torch.randn(1, 8, 12),)
    yield from several()


APART: Final[Mapping[str, str]] = {
    "AdaptiveLogSoftmaxWithLoss": "torch.export refuses it: it branches on data",
    "GaussianNLLLoss": "torch.export refuses it: it branches on data",
    "CTCLoss": "torch.export refuses it: no fake kernel",
    "FractionalMaxPool3d": "its random samples are an input of the two-dimensional one as well",
    "DataParallel": "training on several devices",
    "ModuleDict": "holds layers", "ModuleList": "holds layers", "ParameterDict": "holds weights",
    "ParameterList": "holds weights", "Container": "holds layers", "Module": "the base of all",
    "NLLLoss2d": "the old name of NLLLoss", "SyncBatchNorm": "training on several machines",
    "RNNBase": "the base of RNN", "RNNCellBase": "the base of RNNCell",
    "LinearCrossEntropyLoss": "training",
}  # fmt: skip
"""Layers that stand in no group, and why."""
