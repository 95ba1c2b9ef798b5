"""Making tensors, and sampling them."""

import torch
from torch import Tensor, nn

from tests.coverage.values import Coverage, numbers


class Creation(nn.Module):
    def forward(self, n: int, value: float, like: Tensor) -> list[Tensor]:
        out = [
            torch.zeros(n), torch.ones(2, n), torch.full([n], value), torch.full([2, 2], n), torch.arange(n),
            torch.arange(1, n), torch.arange(0.0, value, 0.25), torch.linspace(0, 1, n), torch.logspace(0, 2, n),
            torch.eye(n), torch.eye(n, 3), torch.zeros_like(like), torch.ones_like(like), torch.full_like(like, 3),
            torch.empty(0), torch.empty_like(like).zero_(), torch.tensor([1, 2, n]), torch.tensor(value),
            torch.tensor([[1.5, value], [2.0, 3.0]]), torch.tensor([True, False]), torch.scalar_tensor(value),
            torch.zeros([n], dtype=torch.int64), torch.ones([n], dtype=torch.bool), torch.range(0, 3),
            torch.zeros([n], dtype=torch.uint8), torch.arange(n, dtype=torch.int32), like.new_zeros([2, n]),
            like.new_ones([n]), like.new_full([n], 2.0), like.new_empty([0]), torch.as_tensor([1.0, 2.0]),
            torch.zeros([n], dtype=torch.float64), torch.empty_strided([2, 2], [1, 2]).fill_(1.0),
            torch.meshgrid([torch.arange(n), torch.arange(3)], indexing="ij")[0],
            torch.complex(torch.ones(2), torch.zeros(2)).real,
        ]  # fmt: skip
        out.append(torch.arange(n, 0, -1))
        return out


class Sampling(nn.Module):
    """The generator is seeded by the model, so both runtimes draw the same numbers."""

    def forward(self, weights: Tensor) -> list[Tensor]:
        torch.manual_seed(2026)
        chances = torch.tensor([0.1, 0.5, 0.9]).repeat(20)
        out = [
            torch.rand(5, 7), torch.randn(4, 9), torch.randn(3), torch.randint(0, 10, [20]),
            torch.randint(5, [6]), torch.randperm(12), torch.rand_like(weights), torch.randn_like(weights),
            torch.randint_like(weights, 0, 9), torch.bernoulli(chances), torch.empty(30).uniform_(-1.0, 1.0),
            torch.empty(30).normal_(1.0, 2.0), torch.empty(30).bernoulli_(0.3), torch.empty(20).random_(0, 50),
            torch.normal(0.0, 1.0, [4, 5]), torch.multinomial(weights, 8, replacement=True),
            torch.multinomial(weights, 3), torch.empty(20).exponential_(2.0), torch.empty(20).geometric_(0.4),
            torch.empty(20).cauchy_(), torch.empty(20).log_normal_(), torch.poisson(weights * 5),
            torch.nn.functional.dropout(torch.ones(40), 0.5, True),
            torch.nn.functional.rrelu(-torch.ones(20), training=True),
        ]  # fmt: skip
        out.append(torch.nn.functional.gumbel_softmax(weights, hard=True))
        return out


class Oversized(nn.Module):
    """Sizes whose product is more than 64 bits hold, or of more bytes: each is refused, by name."""

    def forward(self, x: Tensor, n: int, kind: int) -> Tensor:
        made = x
        if kind == 0:
            made = torch.ones([n, n])
        elif kind == 1:
            made = x.expand([n, n])
        elif kind == 2:
            made = torch.as_strided(x, [n, 2], [n, 1])
        elif kind == 3:
            made = torch.empty_strided([n, 4], [n, 1])
        elif kind == 4:
            made = x.new_zeros([n, n, 3])
        elif kind == 5:
            made = x.repeat([n, n])
        elif kind == 6:
            made = torch.zeros([0]).resize_([n, n])
        return made.sum()


SUITE = (
    Coverage("creation", Creation, lambda: [(5, 1.5, numbers(2, 3)), (1, 0.5, numbers(3, dtype=torch.float64))]),
    Coverage(
        "oversized",
        Oversized,
        lambda: [(torch.ones(1), 4, 0), *((torch.ones(1), n, it) for n in (2**32, 2**61) for it in range(7))],
    ),
    Coverage("sampling", Sampling, lambda: [(torch.linspace(0.1, 1.0, 10),)]),
)  # fmt: skip
