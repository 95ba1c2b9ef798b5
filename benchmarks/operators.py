"""Measure single operators beside torch, on one thread: where a runtime is slower than it need be.

    python benchmarks/operators.py OUTDIR [--abi x86_64] [--rounds 9] [NAME ...]

OUTDIR keeps the models and the one runtime that holds all of them. Each model calls one operator on
an input as large as apps have. A ratio below 1 is faster than torch's.
"""

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

ROOT: Final = Path(__file__).parents[1]
TOKENS: Final = (1, 128, 256)
IMAGE: Final = (1, 64, 56, 56)

Operator = tuple[Callable[[], nn.Module], tuple[int, ...]]


class Calls(nn.Module):
    """A model of one function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Call a function; it is traced."""
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return what the function answers."""
        return self.function(x)


def _calls(function: Callable[[Tensor], Tensor]) -> Callable[[], nn.Module]:
    return lambda: Calls(function)


OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(
    {
        "layer_norm": (lambda: nn.LayerNorm(256), TOKENS),
        "group_norm": (lambda: nn.GroupNorm(8, 64), IMAGE),
        "instance_norm": (lambda: nn.InstanceNorm2d(64), IMAGE),
        "batch_norm": (lambda: nn.BatchNorm2d(64), IMAGE),
        "softmax of rows": (lambda: nn.Softmax(-1), TOKENS),
        "softmax of channels": (lambda: nn.Softmax(1), IMAGE),
        "log_softmax of rows": (lambda: nn.LogSoftmax(-1), TOKENS),
        "log_softmax of channels": (lambda: nn.LogSoftmax(1), IMAGE),
        "gelu": (nn.GELU, TOKENS),
        "gelu, tanh": (lambda: nn.GELU(approximate="tanh"), TOKENS),
        "avg_pool2d": (lambda: nn.AvgPool2d(2), IMAGE),
        "avg_pool2d 3x3": (lambda: nn.AvgPool2d(3, 1, 1), IMAGE),
        "adaptive_avg_pool2d to 1": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
        "adaptive_avg_pool2d to 7": (lambda: nn.AdaptiveAvgPool2d(7), IMAGE),
        "max_pool2d": (lambda: nn.MaxPool2d(2), IMAGE),
        "max_pool2d 3x3": (lambda: nn.MaxPool2d(3, 2, 1), IMAGE),
        "mean of rows": (_calls(lambda x: x.mean(-1)), TOKENS),
        "mean of columns": (_calls(lambda x: x.mean(1)), TOKENS),
        "sum of all": (_calls(torch.sum), IMAGE),
        "amax of rows": (_calls(lambda x: x.amax(-1)), TOKENS),
        "argmax of rows": (_calls(lambda x: x.argmax(-1)), TOKENS),
        "1 - x": (_calls(lambda x: 1 - x), IMAGE),
        "x * 0.5": (_calls(lambda x: x * 0.5), IMAGE),
        "x + x": (_calls(lambda x: x + x), IMAGE),
        "x * channels": (_calls(lambda x: x * x[:, :, :1, :1]), IMAGE),
        "x / rows": (_calls(lambda x: x / x[..., :1]), TOKENS),
        "clamp": (_calls(lambda x: x.clamp(0.1, 0.9)), IMAGE),
        "sqrt": (_calls(torch.sqrt), IMAGE),
        "rsqrt": (_calls(torch.rsqrt), IMAGE),
        "log": (_calls(torch.log), TOKENS),
        "pow 2": (_calls(lambda x: x.pow(2)), IMAGE),
        "sin": (_calls(torch.sin), TOKENS),
        "exp": (_calls(torch.exp), TOKENS),
        "silu": (nn.SiLU, TOKENS),
        "elu": (nn.ELU, TOKENS),
        "softplus": (nn.Softplus, TOKENS),
        "mish": (nn.Mish, TOKENS),
        "log_sigmoid": (nn.LogSigmoid, TOKENS),
        "where": (_calls(lambda x: torch.where(x > 0, x - 1, -x)), IMAGE),
        "cat of channels": (_calls(lambda x: torch.cat([x, x], 1)), IMAGE),
        "transposed copy": (_calls(lambda x: x.transpose(1, 2).contiguous()), TOKENS),
        "pad": (_calls(lambda x: functional.pad(x, (1, 1, 1, 1))), IMAGE),
        "upsample_nearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), IMAGE),
        "pixel_shuffle": (lambda: nn.PixelShuffle(2), IMAGE),
        "cumsum": (_calls(lambda x: x.cumsum(-1)), TOKENS),
        "topk": (_calls(lambda x: x.topk(5)[0]), TOKENS),
        "norm of rows": (_calls(lambda x: x.norm(dim=-1)), TOKENS),
    }
)


def _slug(name: str) -> str:
    return "".join(it if it.isalnum() else "_" for it in name)


def _written(name: str, folder: Path) -> Path:
    """Write a model with its input; return the `.pt`."""
    make, shape = OPERATORS[name]
    path = folder / f"{_slug(name)}.pt"
    given = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about the age of TorchScript
        jit: Any = torch.jit
        jit.trace(make().eval(), given).save(str(path))
    torch.save((given,), path.with_suffix(".inputs"))
    return path


def _tool(*words: object) -> str:
    return subprocess.run(
        [sys.executable, "-m", "builder", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, text=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip


def _measured(runtime: Path, model: Path, rounds: int) -> str:
    told = _tool(
        "bench", runtime, model, "--input", model.with_suffix(".inputs"), "--rounds", rounds,
        "--against", "torch", "--json",
    )  # fmt: skip
    (row,) = json.loads(told)["rows"]
    ratio = row["against"]["cpu_ratio"]
    spread = f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"
    return f"{row['cpu_us']:.1f} | {spread}"


def main() -> None:
    """Print the figures as a Markdown table, each as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of operators; all by default")
    parser.add_argument("--abi", default="x86_64")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    models = {name: _written(name, folder) for name in OPERATORS}
    words = ("--abi", options.abi, "--no-verify", "-o", folder / "dist")
    _tool(*models.values(), *words)
    print("| operator | shape | us | ratio to torch |\n|---|---|---|---|")
    for name in options.names or OPERATORS:
        shape = "x".join(map(str, OPERATORS[name][1]))
        told = _measured(folder / "dist" / f"linux-{options.abi}", models[name], options.rounds)
        print(f"| {name} | {shape} | {told} |", flush=True)


if __name__ == "__main__":
    main()
