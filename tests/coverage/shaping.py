"""Indexing, slicing, views, joining, and conversion between dtypes."""

import torch
from torch import Tensor, nn

from tests.coverage.values import (
    COMPLEX,
    FLOATS,
    HALVES,
    INTEGERS,
    Coverage,
    each,
    integers,
    numbers,
)


class Views(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        flat = x.flatten()
        out = [
            x.view(-1), x.reshape(2, -1), x.t(), x.transpose(0, 1), x.permute(1, 0), x.unsqueeze(0), x.squeeze(),
            x.unsqueeze(1).squeeze(1), flat, x.unflatten(1, [2, 3]), x.expand(2, 4, 6), x.repeat(2, 1),
            torch.tile(x, [1, 2]), x.contiguous(), x.narrow(1, 1, 2), x.select(0, 1), x.unfold(1, 2, 2),
            x.as_strided([2, 2], [1, 2]), x.movedim(0, 1), torch.swapaxes(x, 0, 1), torch.ravel(x),
            torch.broadcast_to(x[0], [3, 6]), x.view_as(x), x.reshape_as(x), x.expand_as(x), x.detach(), x.clone(),
            torch.atleast_2d(flat), torch.atleast_3d(x), torch.adjoint(x), x.mT, x.swapdims(0, 1),
            x.contiguous(memory_format=torch.contiguous_format), torch.moveaxis(x, 0, 1), x.diagonal(),
        ]  # fmt: skip
        out += x.chunk(2) + x.split(3, dim=1) + torch.split(x, [1, 3]) + x.unbind(0)
        out += (
            list(torch.tensor_split(x, 3, dim=1))
            + list(torch.hsplit(x, 2))
            + list(torch.vsplit(x, [1]))
        )
        out += list(torch.broadcast_tensors([x, x[0]]))
        return out


class Joining(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> list[Tensor]:
        return [
            torch.cat([x, y]), torch.cat([x, y], dim=1), torch.stack([x, y]), torch.stack([x, y], dim=2),
            torch.hstack([x, y]), torch.vstack([x, y]), torch.dstack([x, y]), torch.column_stack([x, y]),
            torch.concat([x, y]), x.flip(0), torch.fliplr(x), torch.flipud(x), x.roll(1), x.roll(2, 1),
            torch.rot90(x), x.repeat_interleave(2), x.repeat_interleave(torch.tensor([1, 0, 2, 1]), dim=0),
            torch.row_stack([x, y]),
        ]  # fmt: skip


class Indexing(nn.Module):
    def forward(self, x: Tensor, rows: Tensor, places: Tensor) -> list[Tensor]:
        mask = x > 0
        written = x.clone()
        written[0] = 1
        written[:, 1] = 2
        written[rows] = x[rows] * 2
        written[mask] = 0
        put = x.clone()
        put.index_put_([rows, rows], x[0, rows], accumulate=True)
        return [
            x[0], x[-1], x[1:3], x[:, ::2], x[..., 1], x[None], x[rows], x[rows, rows], x[:, rows], x[mask],
            x.index_select(1, rows), x.gather(1, places), x.take(rows), torch.take_along_dim(x, places, 1),
            x.masked_select(mask), x.masked_fill(mask, 0), torch.where(mask, x, x * 2), written, put,
            x.scatter(1, places, x), x.scatter(1, places, 3), x.scatter_add(1, places, x), x.index_add(0, rows, x[rows]),
            x.index_copy(0, rows, x[rows]), x.index_fill(1, rows, 7), x.masked_scatter(mask, x.flatten()),
            x.scatter_reduce(1, places, x, "sum"), x.slice_scatter(x[:, :2], 1, 0, 2), x.select_scatter(x[0], 0, 1),
            torch.diagonal_scatter(x, x.diagonal() * 2), x.put(rows, x[0, rows]), torch.argwhere(mask),
            torch.narrow_copy(x, 0, 0, 2), x.tril(), x.clone().fill_diagonal_(5),
        ]  # fmt: skip


class Conversion(nn.Module):
    """Every dtype to every other one, and arithmetic between two of them."""

    def forward(self, x: Tensor, others: list[Tensor]) -> list[Tensor]:
        out = [
            x.float(), x.double(), x.long(), x.int(), x.to(torch.bool), x.to(torch.uint8), x.to(torch.float32),
            x.to(torch.int64, copy=True), x.type(torch.float64), x.to(x), x.cpu(), x.to("cpu"),
        ]  # fmt: skip
        for other in others:
            out += [
                x + other,
                x * other,
                x == other,
                torch.where(other > 1, x, other),
                x.to(other),
                x.type_as(other),
            ]
            out += [torch.cat([x, other])]
        out += [x + 1, x + 1.5, x * True, x / 2]
        return out


class Numbers(nn.Module):
    """From tensors to Python numbers and back."""

    def forward(
        self, x: Tensor
    ) -> tuple[list[float], list[int], int, float, bool, list[int], list[list[float]], str, bool]:
        floats: list[float] = x.flatten().tolist()
        nested: list[list[float]] = x.tolist()
        ints: list[int] = (x * 10).long().flatten().tolist()
        first = x[0, 0]
        return (
            floats, ints, int(first * 10), float(first), bool(first != 0), x.size(), nested, str(x.dtype == torch.float32),
            x.is_contiguous() and x.dim() == 2 and x.numel() == len(floats) and x.element_size() == 4
            and x.stride(0) == x.shape[1] and x.ndim == 2 and len(x) == x.size(0),
        )  # fmt: skip


class ComplexNumbers(nn.Module):
    def forward(self, z: Tensor, w: Tensor) -> list[Tensor]:
        return [
            z + w, z - w, z * w, z / w, z.conj().resolve_conj(), z.abs(), z.angle(), z.real, z.imag, torch.view_as_real(z),
            z.exp(), z.log(), z.sqrt(), z.sin(), z.cos(), z.tanh(), z.reciprocal(), -z, z.sum(), z.sum(0), z.mean(),
            z.prod(), z.cumsum(0), z == w, z.sgn(), z @ w.t(), torch.polar(z.abs(), z.angle()), torch.isfinite(z), z.pow(2),
            torch.complex(z.real, z.imag), z.flatten()[:3], torch.cat([z, w]), z.t(), z.clone().fill_(2),
            torch.where(z.abs() > 1, z, w), torch.view_as_complex(torch.view_as_real(z)), z * 2.5,
        ]  # fmt: skip


ALL = (*FLOATS, *INTEGERS, *HALVES)
OTHERS = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8)

SUITE = (
    Coverage("views", Views, lambda: each((*ALL, *COMPLEX), lambda it: (numbers(4, 6, dtype=it, low=-50, high=50),))),
    Coverage("joining", Joining, lambda: each(ALL, lambda it: (numbers(4, 3, dtype=it, low=-9, high=9), numbers(4, 3, dtype=it)))),
    Coverage(
        "indexing", Indexing,
        lambda: each(
            ALL,
            lambda it: (
                numbers(5, 5, dtype=it, low=-9, high=9), torch.tensor([0, 3, 4]),
                torch.stack([torch.randperm(5, generator=torch.Generator().manual_seed(row)) for row in range(5)]),
            ),
        ),
    ),
    Coverage(
        "conversion", Conversion,
        lambda: each(
            (*ALL, torch.bool),
            lambda it: (
                integers(6, below=3, dtype=it),
                [integers(6, below=4, dtype=other) for other in (OTHERS if it in OTHERS else ALL)],
            ),
        ),
    ),
    Coverage("numbers", Numbers, lambda: [(numbers(2, 3),)]),
    Coverage("complex", ComplexNumbers, lambda: each(COMPLEX, lambda it: (numbers(3, 4, dtype=it), numbers(3, 4, dtype=it, low=1, high=2)))),
)  # fmt: skip
