"""Functions of single numbers, softmax and pooling, in a real runtime: they answer as torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from builder.vocabulary.value_files import Failure, Tensor, Value
from tests.e2e.real import Runtime, Tool, built

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age
Case = tuple[torch.Tensor, int]


class Functions(torch.nn.Module):
    """`way` says how the tensor lies in memory: as it is, transposed, with gaps, channels-last."""

    def forward(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        return [torch.sigmoid(y), torch.tanh(y), torch.softmax(y, -1), torch.softmax(y, 0)]

    @torch.jit.export
    def floats(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        erf = torch.nn.functional.gelu(y)
        tanh = torch.nn.functional.gelu(y, approximate="tanh")
        return [erf, tanh]

    @torch.jit.export
    def inplace(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x.clone(), way)
        z = laid(x.clone(), way)
        return [y.sigmoid_(), y, z.tanh_(), z]

    @torch.jit.export
    def pooled(  # noqa: PLR0917
        self,
        x: torch.Tensor,
        kernel: list[int],
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        up: bool,  # noqa: FBT001
    ) -> torch.Tensor:
        return torch.max_pool2d(x, kernel, stride, padding, dilation, up)

    @torch.jit.export
    def pooled_last(  # noqa: PLR0917
        self,
        x: torch.Tensor,
        kernel: list[int],
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        up: bool,  # noqa: FBT001
    ) -> torch.Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        made = torch.max_pool2d(x, kernel, stride, padding, dilation, up)
        assert made.numel() == 0 or made.is_contiguous(memory_format=torch.channels_last)
        return made

    @torch.jit.export
    def integers(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x.to(torch.long), way)
        return [torch.sigmoid(y), torch.tanh(y)]


def laid(x: torch.Tensor, way: int) -> torch.Tensor:
    if way == 1 and x.dim() > 1:
        return x.transpose(0, -1)
    if way == 2 and x.dim() > 0:
        return x[..., ::2]
    if way == 3 and x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    return x


@pytest.fixture(scope="module")
def runtime(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Build one library for all of it."""
    folder = tmp_path_factory.mktemp("activations")
    torch.jit.script(Functions()).save(str(folder / "functions.pt"))  # type: ignore[no-untyped-call]
    words = (folder / "functions.pt", "--abi", "x86_64", "--no-verify", "--json")
    (made,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return made


def tensor(shape: list[int], seed: int, kind: torch.dtype, *, special: bool) -> torch.Tensor:
    made = 4 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(kind)
    if special and made.numel() > 3:
        flat = made.view(-1)
        flat[0], flat[1], flat[-1] = torch.nan, torch.inf, -torch.inf
    return made


CASES: Final = st.lists(
    st.tuples(
        st.builds(
            tensor,
            st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 17, 67]), max_size=4).filter(
                lambda it: len(it) < 4 or max(it) < 17
            ),
            st.integers(0, 9),
            st.sampled_from([torch.float, torch.float, torch.double]),
            special=st.booleans(),
        ),
        st.integers(0, 3),
    ),
    min_size=20,
    max_size=40,
)
many = settings(
    max_examples=4, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)


@many
@given(cases=CASES)
@pytest.mark.parametrize("method", ["forward", "floats", "inplace", "integers"])
def test_functions_answer_as_torch(
    runtime: Runtime, tmp_path: Path, method: str, cases: list[Case]
) -> None:
    if method == "integers":
        cases = [(x.nan_to_num(0, 9, -9), way) for x, way in cases]
    if method == "floats":  # of infinity torch's gelu is none here and infinity there
        cases = [(torch.where(x.isinf(), 9, x), way) for x, way in cases]
    given: list[tuple[Value, ...]] = [(Tensor.from_numpy(x.numpy()), way) for x, way in cases]
    made = runtime.run_cases(runtime.model("functions"), given, tmp_path, method)
    for results, case in zip(made, cases, strict=True):
        assert isinstance(results, list), results
        for found, wanted in zip(results, getattr(Functions(), method)(*case), strict=True):
            assert isinstance(found, Tensor)
            result = torch.from_numpy(found.numpy())
            torch.testing.assert_close(result, wanted, rtol=2e-5, atol=2e-6, equal_nan=True)


def sizes(low: int, high: int, *, least: int = 2) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=least, max_size=2)


Pooling = tuple[torch.Tensor, list[int], list[int], list[int], list[int], bool]
POOLINGS: Final = st.lists(
    st.tuples(
        st.builds(
            tensor,
            st.tuples(
                st.sampled_from([0, 1, 2]),
                st.sampled_from([1, 2, 16, 17, 35]),
                st.integers(1, 12),
                st.integers(1, 12),
            ).map(list),
            st.integers(0, 9),
            st.sampled_from([torch.float, torch.float, torch.double]),
            special=st.booleans(),
        ),
        sizes(1, 5, least=1),
        st.one_of(sizes(1, 3), sizes(0, 1, least=0)),
        sizes(0, 3, least=1),
        sizes(1, 3, least=1),
        st.booleans(),
    ),
    min_size=40,
    max_size=60,
)


def answer(call: Callable[[], torch.Tensor]) -> torch.Tensor | None:
    try:
        return call()
    except RuntimeError:
        return None


@many
@given(cases=POOLINGS)
@pytest.mark.parametrize("method", ["pooled", "pooled_last"])
def test_the_largest_of_windows_are_those_of_torch(
    runtime: Runtime, tmp_path: Path, method: str, cases: list[Pooling]
) -> None:
    """What is not a number wins, as in torch, and what torch refuses is refused."""
    given: list[tuple[Value, ...]] = [
        (Tensor.from_numpy(x.numpy()), [*kernel], [*stride], [*padding], [*dilation], up)
        for x, kernel, stride, padding, dilation, up in cases
    ]
    made = runtime.run_cases(runtime.model("functions"), given, tmp_path, method)
    for found, case in zip(made, cases, strict=True):
        wanted = answer(lambda case=case: torch.max_pool2d(*case))  # type: ignore[misc]
        if wanted is None:
            assert isinstance(found, Failure), (found, case[0].shape, case[1:])
        else:
            assert isinstance(found, Tensor), (found, case[0].shape, case[1:])
            result = torch.from_numpy(found.numpy())
            torch.testing.assert_close(result, wanted, rtol=0, atol=0, equal_nan=True)
