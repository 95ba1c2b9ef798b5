"""Modules that torch.export takes: what sizes, structures, state and branches they can have."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export

TORCH: Final[Any] = torch  # many of its functions have no types
ANY: Final = Dim.DYNAMIC
AUTO: Final = Dim.AUTO
Forward = Callable[..., Any]


class Module(nn.Module):
    """A function as a module."""

    def __init__(self, function: Forward) -> None:
        super().__init__()
        self.function = function

    def forward(self, *given: Any) -> Any:
        return self.function(*given)


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, 2, 1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.norm(self.convolution(x)).relu().mean((2, 3))
        return torch.softmax(self.head(features), -1)


class Text(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.lstm = nn.LSTM(4, 5, batch_first=True, bidirectional=True)
        self.tied = nn.Linear(4, 10, bias=False)
        self.tied.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> Any:
        found = self.embedding(tokens)
        states, (hidden, _) = self.lstm(found)
        return {"states": states, "hidden": hidden, "tied": self.tied(found)}


class State(nn.Module):
    """A buffer that is saved, one that is not, and a constant; both buffers change."""

    count: torch.Tensor
    last: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(3))
        self.register_buffer("last", torch.zeros(2, 3), persistent=False)
        self.factor = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, x: torch.Tensor) -> Any:
        self.count.add_(x.sum(0))
        self.last[0] = self.count
        self.count.mul_(self.factor)
        return self.count + 1, self.last.clone()


class Structured(nn.Module):
    """Arguments with names, constants among them, and a nested answer."""

    def forward(
        self,
        x: torch.Tensor,
        *,
        pair: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor | None = None,
        mode: str = "a",
        number: int = 3,
    ) -> Any:
        assert mode == "a"
        assert mask is None
        return {
            "list": [x + pair[0], x],
            "pairs": (pair[1], (x * 2.5,)),
            "inner": {"x": x, "more": [x, {"z": x}]},
            "none": None,
            "numbers": (number, 2.5, True),
            "empty": ([], {}),
        }


class Loose(nn.Module):
    """A dictionary whose values have several types."""

    def forward(self, x: torch.Tensor, given: dict[str, Any]) -> Any:
        return x + given["a"] + given["b"][0]


class Variadic(nn.Module):
    def forward(self, *given: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        return given[0] + given[1] * named["scale"]


class Branches(nn.Module):
    def forward(self, x: torch.Tensor, flag: torch.Tensor) -> Any:
        one = TORCH.cond(
            flag.sum() > 0, lambda a: (a.sin() + 1, a * 2), lambda a: (a.cos(), a / 2), (x,)
        )
        two = TORCH.cond(x.shape[0] > 4, lambda a: a + 1, self.inner, (x,))
        return one[0], one[1], two

    @staticmethod
    def inner(x: torch.Tensor) -> Any:
        return TORCH.cond(x.sum() > 1, lambda a: a * 2, lambda a: a * 3, (x,))


class Loop(nn.Module):
    def forward(self, steps: torch.Tensor, x: torch.Tensor) -> Any:
        return TORCH._higher_order_ops.while_loop(
            lambda i, _: i.sum() > 0, lambda i, x: (i - 1, x * 1.5 + i), (steps, x)
        )


class NoGradients(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y = x * 2
        with torch.autocast("cpu", enabled=False):
            return y.relu() + x.abs()


class LowerPrecision(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return x @ x.t()


def measured(x: torch.Tensor, n: torch.Tensor) -> Any:
    """Use a number that is known only when it runs."""
    count: Any = n.item()
    TORCH._check(count >= 0)
    TORCH._check(count <= 10)
    return torch.ones(count), x[:1] * count


def indexed(x: Any, places: torch.Tensor) -> Any:
    y = x[:, places]
    y[0] = 0
    y[..., 1:3] += 1
    return (
        y, x[x > 0], x[places.clamp(0, 1)].sum(), torch.where(x > 0, x, 0.5), 1 - x, 2**x,
        x.masked_fill(x > 0, float("-inf")), x.split(2, 1), torch.einsum("bi,bj->bij", x, x),
        x.chunk(3, 1), tuple(x.topk(2)), tuple(x.max(1)), x[None, :, ::2], x.unbind(1)[0],
        x.to(torch.float64), x.long() // 2, x.clamp(min=0), torch.full_like(x, 3),
    )  # fmt: skip


def spectrum(x: torch.Tensor) -> Any:
    found = torch.fft.rfft(x)
    return found.abs(), torch.view_as_real(found * (1 + 2j)), torch.fft.irfft(found)


def resized(x: torch.Tensor) -> Any:
    height, width = x.shape[2:]
    scaled = nn.functional.interpolate(x, size=(height * 2, width // 2), mode="bilinear")
    return scaled, nn.functional.pad(x, (1, 1, 0, height % 3)), x.flatten(1)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def positions(x: torch.Tensor) -> torch.Tensor:
    length = x.shape[1]
    mask = torch.tril(torch.ones(length, length))
    return x @ mask + torch.arange(length)[None].float() - 0.5


def random(x: torch.Tensor) -> Any:
    return x + torch.rand_like(x), torch.randn(3), nn.functional.dropout(x, 0.5)


def halves(x: torch.Tensor) -> torch.Tensor:
    TORCH._check(x.shape[0] % 2 == 0)
    return x.view(2, -1)


def changed(x: torch.Tensor) -> torch.Tensor:
    x.add_(1)
    return x * 2


def images(x: torch.Tensor, y: torch.Tensor) -> Any:
    return x[: y.shape[0]] + y, x.shape[0], y.shape[0] * 2


def made(*sizes: int) -> torch.Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(1))


def of(function: Forward, *given: Any, sizes: Any) -> ExportedProgram:
    module = function if isinstance(function, nn.Module) else Module(function)
    sizes = (sizes,) if isinstance(module, Module) else sizes  # its arguments are one variadic
    return export(module.eval(), given, dynamic_shapes=sizes)


DYNAMIC: Final[Mapping[str, Callable[[], ExportedProgram]]] = {
    "batch of a CNN": lambda: of(Convolution(), made(2, 3, 16, 16), sizes=({0: ANY},)),
    "batch, height and width of a CNN": lambda: of(
        Convolution(), made(2, 3, 16, 16), sizes=({0: ANY, 2: ANY, 3: ANY},)
    ),
    "a declared range": lambda: of(
        Convolution(), made(2, 3, 16, 16), sizes=({0: Dim("batch", min=2, max=6)},)
    ),
    "batch of a text": lambda: of(Text(), torch.tensor([[1, 2, 3], [4, 5, 6]]), sizes=({0: ANY},)),
    "length of attention": lambda: of(
        attention, *(made(2, 3, 5, 8) for _ in "qkv"), sizes=({0: AUTO, 2: AUTO},) * 3
    ),
    "length of positions": lambda: of(positions, made(3, 4), sizes=({0: ANY, 1: ANY},)),
    "height and width of a resize": lambda: of(
        resized, made(2, 3, 9, 12), sizes=({0: AUTO, 2: AUTO, 3: AUTO},)
    ),
    "even sizes alone": lambda: of(halves, made(4, 4), sizes=({0: ANY},)),
    "one size more than another": lambda: of(
        lambda x, y: (x[:-1] + y, x.shape[0]), made(6, 4), made(5, 4),
        sizes=({0: Dim("n") + 1}, {0: Dim("n")}),
    ),
    "twice a size": lambda: of(lambda x: x + 1, made(6, 4), sizes=({0: 2 * Dim("n")},)),
    "two sizes": lambda: of(images, made(8, 4), made(6, 4), sizes=({0: ANY}, {0: AUTO})),
    "a transformer": lambda: of(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), made(2, 5, 8),
        sizes=({0: AUTO, 1: AUTO},),
    ),
}  # fmt: skip

CONSTRUCTS: Final[Mapping[str, Callable[[], ExportedProgram]]] = {
    "state": lambda: of(State(), made(4, 3), sizes=({0: ANY},)),
    "functional state": lambda: of(State(), made(4, 3), sizes=({0: ANY},)).run_decompositions({}),
    "structure": lambda: export(
        Structured(), (made(6, 4),), {"pair": (made(4), made(1)), "mask": None, "mode": "a"}
    ),
    "variadic arguments": lambda: export(Variadic(), (made(3), made(3)), {"scale": made(3)}),
    "no arguments": lambda: export(Module(lambda: torch.ones(2)), ()),
    "branches": lambda: of(Branches(), made(6, 4), torch.ones(1), sizes=({0: ANY}, None)),
    "a loop": lambda: of(Loop(), torch.tensor(3), made(3, 4), sizes=(None, {0: ANY})),
    "no gradients": lambda: of(NoGradients(), made(3, 4), sizes=({0: ANY},)),
    "measured": lambda: export(Module(measured), (made(3, 4), torch.tensor(3))),
    "indices": lambda: of(
        indexed, made(6, 6), torch.tensor([1, 2, 3, 4]), sizes=({0: ANY}, None)
    ),
    "empty lists": lambda: export(
        Module(lambda x: (x.sum().reshape(()), x.new_zeros(()))), (made(3, 4),)
    ),
    "complex numbers": lambda: of(spectrum, made(3, 8), sizes=({0: ANY},)),
    "random numbers": lambda: of(random, made(3, 4), sizes=({0: ANY},)),
    "numbers": lambda: of(
        lambda x, n, f: (x.repeat(n, 1) * f, n + 1), made(3, 4), 3, 2.0, sizes=({0: ANY}, ANY, None)
    ),
    "changed inputs": lambda: export(Module(changed), (made(3, 4),)),
    "changed inputs, functional": lambda: export(
        Module(changed), (made(3, 4),)
    ).run_decompositions({}),
    "core operators": lambda: of(
        Convolution(), made(2, 3, 16, 16), sizes=({0: ANY},)
    ).run_decompositions(),
    "training": lambda: export(Convolution().train(), (made(2, 3, 16, 16),)),
}  # fmt: skip

SIZES: Final[Mapping[str, Callable[[torch.Tensor, Any], Any]]] = {
    "//": lambda x, n: x.new_zeros(n // 2),
    "%": lambda x, n: x.new_zeros(n % 4 + 1),
    "**": lambda x, n: x.new_zeros(n**2),
    "-": lambda x, n: x * (-n),
    "<<": lambda x, n: x.new_zeros(n << 1),
    "/": lambda x, n: x * (n / 2),
    "float": lambda x, n: x * (n * 1.5),
    "2.0 **": lambda x, n: x * (2.0**n),
    "max": lambda x, n: x.new_zeros(TORCH.sym_max(n, 7) % 5),
    "min": lambda x, n: x.new_zeros(TORCH.sym_min(n, 3)),
    "sqrt": lambda x, n: x / TORCH._sym_sqrt(n),
    "sym_float": lambda x, n: x * TORCH.sym_float(n),
    "sym_int": lambda x, n: x.new_zeros(TORCH.sym_int(n * 0.5)),
    "trunc": lambda x, n: x.new_zeros(math.trunc(n * 0.7)),
    "and": lambda x, n: TORCH.cond(
        (n > 3) & (n < 9), lambda a: a + 1, lambda a: a - 1, (x,)
    ),
    "not": lambda x, n: TORCH.cond(
        TORCH.sym_not(n > 3), lambda a: a + 1, lambda a: a - 1, (x,)
    ),
    "range": lambda _, n: torch.arange(n) * 0.5,
    "scale": lambda x, _: nn.functional.interpolate(x[None, None], scale_factor=1.5),
    "answer": lambda _, n: (n * 1.5, n),
}  # fmt: skip
"""What can be computed of a size; `x` has it first."""
