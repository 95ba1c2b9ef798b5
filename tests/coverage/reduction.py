"""Reductions, scans, sorting and searching."""

import torch
from torch import Tensor, nn

from tests.coverage.values import (
    FLOATS,
    HALVES,
    INTEGERS,
    Coverage,
    each,
    integers,
    numbers,
    positive,
)


class Reductions(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            x.sum(), x.sum(0), x.sum([0, 2]), x.sum(1, keepdim=True), x.mean(), x.mean(1), x.mean([0, 1]),
            x.prod(), x.prod(1), x.std(), x.std(1), x.var(), x.var(1, unbiased=False), x.norm(),
            torch.norm(x, 2, [1], True), x.norm(1), torch.norm(x, 3.0, [1]), torch.linalg.vector_norm(x, 2.0),
            x.logsumexp(1), torch.nansum(x), torch.nanmean(x, 1), x.median(), x.nanmedian(),
            torch.quantile(x, 0.3), torch.nanquantile(x, 0.6), torch.dist(x, x * 2), x.max(), x.min(),
            x.amax(1), x.amin([0, 1]), x.abs().argmax(), x.argmin(1), torch.count_nonzero(x),
            torch.trapezoid(x), torch.cumulative_trapezoid(x), torch.trapz(x, dim=0),
            torch.var_mean(x, 1)[0], torch.std_mean(x, 0)[1],
            torch.aminmax(x)[0], torch.linalg.norm(x.flatten()), torch.renorm(x, 2.0, 0, 1.0),
        ]  # fmt: skip


class WholeReductions(nn.Module):
    """Those that integers and booleans have too."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            x.sum(), x.sum(0), x.prod(1), x.max(), x.min(), x.amax(0), x.amin(1), x.any(), x.all(),
            x.any(1), x.argmax(), x.argmin(0), x.cumsum(0), x.cumprod(1), torch.count_nonzero(x, 0),
            x.max(1)[0], x.max(1)[1], x.min(0)[0], x.sum(0, dtype=torch.float64), x.nonzero(),
            x.mean(0, dtype=torch.float32), torch._unique(x)[0], x.cummax(0)[0], x.cummin(1)[1],
        ]  # fmt: skip


class Scans(nn.Module):
    def forward(self, x: Tensor, p: Tensor) -> list[Tensor]:
        return [
            x.cumsum(0), x.cumsum(1), p.cumprod(1), x.logcumsumexp(1), torch.cummax(x, 0)[0],
            torch.cummax(x, 0)[1], torch.cummin(x, 1)[0], torch.diff(x), torch.diff(x, n=2, dim=0),
            x.cumsum(1, dtype=torch.float64), torch.cov(x), torch.corrcoef(x),
        ]  # fmt: skip


class Sorting(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        values, places = x.sort()
        falling, _ = x.sort(dim=0, descending=True)
        stable, order = torch.sort(x, stable=True, dim=-1, descending=False)
        top, where = x.topk(3)
        low, _ = torch.topk(x, 2, dim=0, largest=False, sorted=True)
        kth, at = torch.kthvalue(x, 2)
        middle, _ = torch.median(x, 1)
        return [
            values, places, falling, stable, order, top, where, low, kth, at, middle,
            x.argsort(), torch.argsort(x, dim=0, descending=True), torch.msort(x),
        ]  # fmt: skip


class Searching(nn.Module):
    def forward(self, x: Tensor, edges: Tensor, labels: Tensor) -> list[Tensor]:
        unique, inverse, counts = torch.unique(
            labels, sorted=True, return_inverse=True, return_counts=True
        )
        runs, back, lengths = torch.unique_consecutive(
            labels, return_inverse=True, return_counts=True
        )
        most, at = torch.mode(labels)
        return [
            torch.searchsorted(edges, x), torch.searchsorted(edges, x, right=True),
            torch.bucketize(x, edges), unique, inverse, counts, runs, back, lengths, most,
            torch.bincount(labels), torch.bincount(labels, minlength=9), torch.histc(x, 5, -2.0, 2.0),
            torch.histogram(x, 4)[0], torch.nonzero(labels), torch.isin(labels, unique[:2]),
            torch.unique(labels.reshape(2, -1), dim=0), at * 0,
        ]  # fmt: skip


SUITE = (
    Coverage(
        "reduction", Reductions,
        lambda: [*each(FLOATS, lambda it: (positive(3, 4, 5, dtype=it),))],
    ),
    Coverage(
        "reduction_whole", WholeReductions,
        lambda: [
            *each((*FLOATS, *INTEGERS, *HALVES), lambda it: (integers(5, 7, below=4, dtype=it),)),
        ],
    ),
    Coverage(
        "reduction_scans", Scans,
        lambda: each(FLOATS, lambda it: (numbers(4, 6, dtype=it), positive(4, 6, dtype=it))),
    ),
    Coverage(
        "sorting", Sorting,
        lambda: [
            *each((*FLOATS, *HALVES), lambda it: (torch.randperm(35, generator=torch.Generator().manual_seed(2)).reshape(5, 7).to(it),)),
            *each(INTEGERS, lambda it: (torch.randperm(35, generator=torch.Generator().manual_seed(3)).reshape(5, 7).to(it),)),
        ],
    ),
    Coverage(
        "searching", Searching,
        lambda: each(
            FLOATS,
            lambda it: (numbers(12, dtype=it), torch.linspace(-2, 2, 6, dtype=it), integers(10, below=5)),
        ),
    ),
)  # fmt: skip
