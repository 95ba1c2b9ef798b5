"""Float products on XNNPACK's microkernels: against double precision, and weights that change."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from builder.vocabulary.value_files import Tensor, Value
from tests.e2e.real import Runtime, Tool, built

Numbers = np.ndarray[Any, np.dtype[Any]]
Case = tuple[int, Numbers, Numbers, Numbers, float, float]
"""The kind of product, its sides, what is added, and the factors of that and of the product."""

MODELS: Final = """\
import torch
from torch import Tensor
from torch.nn import functional


class Products(torch.nn.Module):
    def forward(
        self, kind: int, a: Tensor, b: Tensor, c: Tensor, beta: float, alpha: float
    ) -> Tensor:
        if kind == 0:
            return torch.mm(a, b)
        if kind == 1:
            return torch.mm(a.t().contiguous().t(), b)
        if kind == 2:
            return torch.mm(a, b.t().contiguous().t())
        if kind == 3:
            return torch.mm(a.t().contiguous().t(), b.t().contiguous().t())
        if kind == 4:
            return torch.addmm(c, a, b, beta=beta, alpha=alpha)
        if kind == 5:
            c, a, b = torch.stack([c, c]), torch.stack([a, -a]), torch.stack([b, b])
            return torch.baddbmm(c, a, b, beta=beta, alpha=alpha)
        wide = torch.cat([a, a], 1)[:, : a.shape[1]]
        return torch.mm(wide, torch.cat([b, b], 1)[:, b.shape[1] :])


class Written(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.arange(30.0).reshape(6, 5) / 7)
        self.register_buffer("other", torch.arange(30.0).reshape(6, 5))

    def forward(self, how: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        before = functional.linear(x, self.w)
        if how == 0:
            self.w.mul_(2.0)
        elif how == 1:
            self.w.t()[0].fill_(3.0)
        elif how == 2:
            torch.add(self.w, 1.0, out=self.w)
        elif how == 3:
            self.w = self.w + 1
        elif how == 4:
            self.w.detach().copy_(self.other)
        elif how == 5:
            self.w[2:4, 1] = -1.0
        return before, functional.linear(x, self.w), torch.mm(x, self.w.t())


torch.jit.script(Products()).save("products.pt")
torch.jit.script(Written()).save("written.pt")
"""
SIZES: Final = (1, 2, 3, 5, 7, 8, 16, 17, 33, 70, 300)
SPECIAL: Final = (float("nan"), float("inf"), -float("inf"), 0.0)
EPSILON: Final = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module")
def runtime(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("products")
    (folder / "make.py").write_text(MODELS)
    subprocess.run([sys.executable, "-W", "ignore", "make.py"], cwd=folder, check=True)
    words = (folder / "products.pt", folder / "written.pt", "--abi", "x86_64", "--json")
    (made,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return made


def test_exact_answers_are_refused_before_anything_is_built(
    runtime: Runtime, tool: Tool, tmp_path: Path
) -> None:
    words = (runtime.model("products"), "--abi", "x86_64", "--exact")
    refused = tool.run(*words, cwd=tmp_path, expect=2)
    assert "--exact cannot hold" in refused.stderr
    assert "--kernels aten" in refused.stderr
    assert "compiling" not in refused.stderr


def test_the_manifest_tells_for_which_processors_kernels_are_inside(runtime: Runtime) -> None:
    told = {it["name"] for it in runtime.manifest["result"]["instruction_sets"]}
    assert "fma3" in told
    assert not any(it.startswith("avx512") for it in told)


def tensor(array: Numbers) -> Tensor:
    return Tensor(str(array.dtype), array.shape, np.ascontiguousarray(array).tobytes())


def drawn(count: int) -> Iterator[Case]:
    """Draw products of all kinds and shapes; `c` holds what must not be read where beta is 0."""
    generator = np.random.default_rng(13)
    for number in range(count):
        rows, columns, depth = (int(it) for it in generator.choice(SIZES, 3))
        a, b, c = (
            generator.standard_normal(shape).astype("float32")
            for shape in ((rows, depth), (depth, columns), (rows, columns))
        )
        beta, alpha = ((0.0, 1.0), (1.0, 1.0), (0.5, -2.0), (0.0, 3.0), (1.0, 0.0))[number % 5]
        if beta == 0:
            c[:] = np.nan
        yield number % 7, a, b, c, beta, alpha


def expected(case: Case) -> tuple[Numbers, Numbers]:
    """Return the product in double precision, and how far it may be missed."""
    kind, a, b, c, beta, alpha = case
    left, right, more = (it.astype("float64") for it in (a, b, c))
    product, size = left @ right, np.abs(left) @ np.abs(right)
    if kind in {4, 5}:
        added = 0.0 if beta == 0 else beta * more
        size = np.abs(alpha) * size + np.abs(added)
        if kind == 5:
            product = np.stack([product, -product])
        product = added + alpha * product
    return product, size * EPSILON * (a.shape[1] + 4)


PROCESSORS: Final = {
    "": 350,
    "Nehalem": 70,  # SSE alone
    "SandyBridge": 70,  # AVX
    "Haswell": 70,  # FMA3
    "EPYC": 140,  # FMA3, with panels in another order
}
"""Processors whose kernels answer, and how many products they compute; "" is this machine's."""


@pytest.fixture(params=PROCESSORS)
def processor(request: pytest.FixtureRequest, require: Callable[[str], Path]) -> str:
    name = str(request.param)
    if name:
        require("qemu-x86_64")
    return name


def test_products_are_those_of_double_precision(
    runtime: Runtime, tmp_path: Path, processor: str
) -> None:
    if processor:
        runtime = replace(runtime, under=("qemu-x86_64", "-cpu", processor))
    cases = list(drawn(PROCESSORS[processor]))
    values: list[tuple[Value, ...]] = [
        (kind, tensor(a), tensor(b), tensor(c), beta, alpha) for kind, a, b, c, beta, alpha in cases
    ]
    results = runtime.run_cases(runtime.model("products"), values, tmp_path)
    for case, result in zip(cases, results, strict=True):
        assert isinstance(result, Tensor), (case[0], case[1].shape, case[2].shape, result)
        product, margin = expected(case)
        told = (case[0], case[1].shape, case[2].shape, case[4:])
        assert result.shape == product.shape, told
        assert np.all(np.abs(result.numpy() - product) <= margin), told


def test_what_is_no_number_stays_none(runtime: Runtime, tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    cases: list[tuple[Numbers, Numbers]] = []
    for rows, columns, depth in ((1, 5, 9), (4, 3, 2), (9, 33, 17), (6, 16, 4)):
        for special in SPECIAL:
            a, b = (
                generator.integers(1, 5, shape).astype("float32")
                for shape in ((rows, depth), (depth, columns))
            )
            a[-1, -1], b[0, 0] = special, special
            cases.append((a, b))
    zero = np.zeros((1, 1), "float32")
    values: list[tuple[Value, ...]] = [
        (0, tensor(a), tensor(b), tensor(zero), 0.0, 1.0) for a, b in cases
    ]
    results = runtime.run_cases(runtime.model("products"), values, tmp_path)
    with np.errstate(invalid="ignore"):
        for (a, b), result in zip(cases, results, strict=True):
            assert isinstance(result, Tensor)
            np.testing.assert_array_equal(result.numpy(), a.astype("float64") @ b)


def test_nothing_is_summed_over_no_depth(runtime: Runtime, tmp_path: Path) -> None:
    shapes = ((3, 0, 4), (0, 5, 4), (3, 5, 0), (0, 0, 0))
    values: list[tuple[Value, ...]] = [
        (4, tensor(np.ones((rows, depth), "float32")), tensor(np.ones((depth, columns), "float32")),
         tensor(np.full((rows, columns), 3, "float32")), 0.5, 1.0)
        for rows, depth, columns in shapes
    ]  # fmt: skip
    results = runtime.run_cases(runtime.model("products"), values, tmp_path)
    for (rows, depth, columns), result in zip(shapes, results, strict=True):
        assert isinstance(result, Tensor), result
        assert result.numpy().tolist() == [[1.5 + depth] * columns] * rows


def test_a_weight_that_is_written_to_is_packed_no_more(runtime: Runtime, tmp_path: Path) -> None:
    """Note [Weights] in native/src/registry/weights.h, with the state of one module."""
    weight = (np.arange(30, dtype="float32").reshape(6, 5) / 7).astype("float32")
    other = np.arange(30, dtype="float32").reshape(6, 5)
    for first in range(7):  # each way of writing is the first once
        order = [6, first, *range(6), 6]
        x = np.arange(10, dtype="float32").reshape(2, 5) / 3
        values: list[tuple[Value, ...]] = [(how, tensor(x)) for how in order]
        results = runtime.run_cases(runtime.model("written"), values, tmp_path)
        now = weight.copy()
        for how, result in zip(order, results, strict=True):
            before, now = now, written(now, other, how)
            assert isinstance(result, tuple), result
            got = [it.numpy() for it in result if isinstance(it, Tensor)]
            for answer, used in zip(got, (before, now, now), strict=True):
                np.testing.assert_allclose(answer, x @ used.T, rtol=1e-5, err_msg=f"{how}, {order}")


def written(weight: Numbers, other: Numbers, how: int) -> Numbers:
    """Return the weight after it was written to in one of the model's ways."""
    changed = weight.copy()
    match how:
        case 0:
            changed *= 2
        case 1:
            changed[:, 0] = 3
        case 2 | 3:
            changed += 1
        case 4:
            changed[:] = other
        case 5:
            changed[2:4, 1] = -1
        case _:
            pass
    return changed
