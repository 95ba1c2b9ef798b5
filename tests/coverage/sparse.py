"""Sparse tensors: made by the model, stored in it, and what is computed with them.

They have a runtime of their own, as quantized ones do: calls between operators ask for their layout.
"""

from typing import Final

import torch
from torch import Tensor, nn

from tests.coverage.values import FLOATS, Coverage, each, numbers


class Coordinates(nn.Module):
    def forward(self, places: Tensor, values: Tensor, dense: Tensor) -> list[Tensor]:
        sparse = torch.sparse_coo_tensor(places, values, [4, 4])
        whole = sparse.coalesce()
        return [
            sparse.to_dense(), whole.indices(), whole.values(), torch.sparse.mm(whole, dense), (whole + whole).to_dense(),
            (whole * 2).to_dense(), dense.to_sparse().to_dense(), torch.mm(whole, dense), whole.t().to_dense(),
            torch.addmm(dense, whole, dense), (whole * whole).to_dense(), torch.sparse.sum(whole), whole.clone().to_dense(),
            torch.sparse_coo_tensor(places, values).to_dense(), dense.sparse_mask(whole).to_dense(), dense + whole,
            whole.neg().to_dense(), whole.abs().to_dense(), whole.index_select(0, places[0]).to_dense(), whole.sqrt().to_dense(),
        ]  # fmt: skip


class Questions(nn.Module):
    def forward(
        self, places: Tensor, values: Tensor
    ) -> tuple[bool, bool, int, int, int, bool, Tensor]:
        sparse = torch.sparse_coo_tensor(places, values, [4, 4])
        cleared = sparse.clone().sparse_resize_and_clear_([3, 3], 2, 0)
        return (
            sparse.is_coalesced(), sparse.coalesce().is_coalesced(), sparse._nnz(), sparse.sparse_dim(),
            sparse.dense_dim(), sparse.sum().item() > 0, cleared.to_dense(),
        )  # fmt: skip


class Rows(nn.Module):
    """Compressed by rows."""

    def forward(self, dense: Tensor) -> list[Tensor]:
        rows = dense.to_sparse_csr()
        return [
            rows.to_dense(),
            rows.crow_indices(),
            rows.col_indices(),
            rows.values(),
            rows @ dense,
        ]


class Stored(nn.Module):
    """A model with sparse weights, and linear layers of them."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        dense = numbers(5, 4)
        self.register_buffer("weight", torch.where(dense > 0.5, dense, 0.0).to_sparse())

    def forward(self, x: Tensor) -> Tensor:
        return torch.mm(self.weight, x)


PLACES: Final = torch.tensor([[0, 1, 3, 0], [2, 0, 3, 2]])

SUITE: Final[tuple[Coverage, ...]] = (
    Coverage(
        "sparse_coordinates", Coordinates,
        lambda: each(FLOATS, lambda it: (PLACES, numbers(4, dtype=it, low=0.5), numbers(4, 4, dtype=it))),
    ),
    Coverage("sparse_questions", Questions, lambda: [(PLACES, numbers(4))]),
    Coverage("sparse_rows", Rows, lambda: each(FLOATS, lambda it: (numbers(4, 4, dtype=it),))),
    Coverage("sparse_stored", Stored, lambda: [(numbers(4, 3),)]),
)  # fmt: skip
