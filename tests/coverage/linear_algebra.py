"""Matrix products, and what is made of them; decompositions."""

import torch
from torch import Tensor, nn

from tests.coverage.values import FLOATS, HALVES, Coverage, each, numbers, positive


class Products(nn.Module):
    def forward(self, a: Tensor, b: Tensor, batch: Tensor, vector: Tensor) -> list[Tensor]:
        return [
            torch.mm(a, b), a @ b, torch.matmul(batch, b), torch.matmul(a, vector), torch.mv(a, vector),
            torch.bmm(batch, batch.transpose(1, 2)), torch.addmm(torch.mm(a, b), a, b, beta=0.5, alpha=2),
            torch.addmv(torch.mv(a, vector), a, vector), torch.addr(a.t() @ a, vector, vector),
            torch.baddbmm(batch @ batch.transpose(1, 2), batch, batch.transpose(1, 2)),
            torch.addbmm(batch[0] @ batch[0].t(), batch, batch.transpose(1, 2)),
            torch.dot(vector, vector), torch.vdot(vector, vector), torch.inner(a, a),
            torch.outer(vector, vector), torch.ger(vector, vector), torch.kron(a, b),
            torch.einsum("ij,jk->ik", a, b), torch.einsum("bij,bij->b", batch, batch),
            torch.einsum("bij,jk->bik", [batch, b]), torch.tensordot(batch, b, [[2], [0]]),
            torch.chain_matmul(a, b, b.t()), torch.linalg.multi_dot([a, b, b.t()]),
            torch.matrix_power(a.t() @ a, 3), torch.linalg.matrix_power(b @ b.t(), 2),
            torch.nn.functional.linear(a, b.t()), torch.nn.functional.bilinear(a, a, numbers_like(a)),
            a.t().matmul(a), torch.matmul(batch, batch[0].t()),
        ]  # fmt: skip


def numbers_like(a: Tensor) -> Tensor:
    return (a.t() @ a).unsqueeze(0)


class FloatProducts(nn.Module):
    def forward(self, a: Tensor) -> list[Tensor]:
        return [
            torch.linalg.vecdot(a, a),
            torch.linalg.matmul(a, a.t()),
            torch.trace(a),  # PyTorch 2.6 has it for no half
            torch.baddbmm(torch.empty(1, dtype=a.dtype), a[None], a.t()[None], beta=0),
        ]


class Shapes(nn.Module):
    """Triangles, diagonals, crosses: no arithmetic library is needed."""

    def forward(self, a: Tensor, v: Tensor) -> list[Tensor]:
        return [
            a.tril(), a.triu(1), torch.tril_indices(3, 4), torch.triu_indices(4, 4, 1), a.diag(),
            torch.diag(v), torch.diag_embed(v), torch.diagonal(a, 1), torch.diagflat(v),
            torch.block_diag([a, a]), torch.cross(v[:3], v[1:4], 0), torch.linalg.cross(v[:3], v[1:4]),
            torch.cdist(a, a), torch.pdist(a), torch.vander(v), torch.cartesian_prod([v, v]),
            torch.combinations(v), torch.rot90(a), torch.linalg.matrix_norm(a),
            torch.nn.functional.cosine_similarity(a, a), torch.nn.functional.pairwise_distance(a, a * 2),
            torch.linalg.matrix_exp(a[:, :3] / 4) if a.size(0) == 3 else a, torch.cdist(a, a, p=1.0),
        ]  # fmt: skip


class Decompositions(nn.Module):
    """What LAPACK does."""

    def forward(self, a: Tensor) -> Tensor:
        return torch.linalg.inv(a)


class Cholesky(nn.Module):
    def forward(self, a: Tensor) -> Tensor:
        return torch.linalg.cholesky(a)


class Svd(nn.Module):
    def forward(self, a: Tensor) -> Tensor:
        return torch.linalg.svdvals(a)


class Solve(nn.Module):
    def forward(self, a: Tensor) -> Tensor:
        return torch.linalg.solve(a, a)


class Eigen(nn.Module):
    def forward(self, a: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(a)


def integral(a: Tensor) -> Tensor:
    """Whole numbers: sums of their products are exact in every dtype."""
    return a.round() if a.is_floating_point() else a


def symmetric(dtype: torch.dtype) -> tuple[Tensor]:
    a = numbers(4, 4, dtype=dtype)
    return (a @ a.t() + 4 * torch.eye(4, dtype=dtype),)


SUITE = (
    Coverage(
        "products", Products,
        lambda: each(
            (*FLOATS, torch.int64, torch.int32, *HALVES),
            lambda it: (
                integral(numbers(4, 6, dtype=it, low=-4, high=4)), integral(numbers(6, 5, dtype=it, low=-4, high=4)),
                integral(numbers(3, 4, 6, dtype=it)), integral(numbers(6, dtype=it)),
            ),
        ),
    ),
    Coverage("products_of_floats", FloatProducts, lambda: each(FLOATS, lambda it: (numbers(3, 5, dtype=it),))),
    Coverage("shapes", Shapes, lambda: each(FLOATS, lambda it: (numbers(3, 5, dtype=it), positive(5, dtype=it)))),
    *(
        Coverage(
            f"lapack_{name}", make, lambda: each(FLOATS, symmetric),
            missing="LAPACK",
        )
        for name, make in (
            ("inverse", Decompositions), ("cholesky", Cholesky), ("svd", Svd), ("solve", Solve), ("eigen", Eigen),
        )
    ),
)  # fmt: skip
