"""Kernels of ours for functions, norms, pooling, LSTM, attention answer as torch in a runtime."""

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
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
    def distributions(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        made = [torch.log_softmax(y, -1), torch.log_softmax(y, 0)]
        for dim in range(1, y.dim()):
            made += [torch.softmax(y, dim), torch.log_softmax(y, dim)]
        return made

    @torch.jit.export
    def normalised(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        return rows_normalised(y)[:3] + channels_normalised(y)[:3]

    @torch.jit.export
    def moments(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        return rows_normalised(y)[3:] + channels_normalised(y)[3:]

    @torch.jit.export
    def slices(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        return [torch.softmax(y, 1), torch.log_softmax(y, 1), torch.log_softmax(y, -1)]

    @torch.jit.export
    def grouped(  # noqa: PLR0917
        self,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        images: int,
        channels: int,
        width: int,
        groups: int,
    ) -> list[torch.Tensor]:
        a, b, c = torch.native_group_norm(x, weight, bias, images, channels, width, groups, 0.1)
        return [a, b, c]

    @torch.jit.export
    def grouped_across(  # noqa: PLR0917
        self,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        images: int,
        channels: int,
        width: int,
        groups: int,
    ) -> list[torch.Tensor]:
        return self.grouped(x.transpose(1, 2), weight, bias, images, channels, width, groups)

    @torch.jit.export
    def inplace(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x.clone(), way)
        z = laid(x.clone(), way)
        return [y.sigmoid_(), y, z.tanh_(), z]

    @torch.jit.export
    def pointwise(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        z = laid(x.flip(0) if x.dim() > 0 else x, way)
        slopes = torch.arange(y.size(1) if y.dim() > 1 else 1).to(y.dtype)
        return [
            torch.relu(y),
            torch.clamp_min(y, torch.nan),
            torch.nn.functional.leaky_relu(y, 0.1),
            torch.prelu(y, slopes - 0.5),
            torch.nn.functional.elu(y, 0.7),
            torch.selu(y),
            torch.nn.functional.silu(y),
            torch.nn.functional.hardsigmoid(y),
            torch.nn.functional.hardswish(y),
            torch.exp(y),
            torch.exp(40 * y),
            torch.maximum(y, z),
            torch.minimum(y, z),
            torch.maximum(y, z[..., :1]) if y.dim() > 0 else y,
        ]

    @torch.jit.export
    def arithmetic(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x, way)
        z = laid(x.flip(0) if x.dim() > 0 else x, way)
        first = z[..., :1] if y.dim() > 0 else z
        added = y.clone().add_(z, alpha=-2)
        return [
            y + z,
            y - first,
            y * first,
            y / first,
            first / y,
            1 - y,
            y * 0.3,
            torch.add(y, z, alpha=0.3),
            torch.sub(y, 2, alpha=0.3),
            added.mul_(0.7).sub_(z).div_(3),
            y + torch.ones([], dtype=torch.double),
            y * torch.ones(y.size(), dtype=torch.int),
        ]

    @torch.jit.export
    def scaled(self, x: torch.Tensor, most: float) -> list[torch.Tensor]:
        return [
            torch.nn.functional.leaky_relu(x, most),
            torch.nn.functional.elu(x, most),
            torch.clamp_min(x, -most),
        ]

    @torch.jit.export
    def pointwise_inplace(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        copies = [laid(x.clone(), way) for _ in range(7)]
        torch.relu_(copies[0])
        torch.nn.functional.leaky_relu_(copies[1], 0.1)
        torch.nn.functional.elu_(copies[2])
        torch.nn.functional.silu(copies[3], inplace=True)
        torch.nn.functional.hardsigmoid(copies[4], inplace=True)
        torch.nn.functional.hardswish(copies[5], inplace=True)
        copies[6].exp_()
        return copies

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
    def resized(
        self,
        x: torch.Tensor,
        way: int,
        size: list[int] | None,
        corners: bool,  # noqa: FBT001
        scales: list[float] | None,
    ) -> torch.Tensor:
        return torch._C._nn.upsample_bilinear2d(laid(x, way), size, corners, scales)

    @torch.jit.export
    def resized_by(self, x: torch.Tensor, size: list[int], scale: float) -> torch.Tensor:
        made: torch.Tensor = torch.ops.aten.upsample_bilinear2d(
            x, size, align_corners=False, scales_h=scale, scales_w=scale
        )
        return made

    @torch.jit.export
    def recurrent(  # noqa: PLR0917
        self,
        x: torch.Tensor,
        states: list[torch.Tensor],
        weights: list[torch.Tensor],
        biases: bool,  # noqa: FBT001
        layers: int,
        both_ways: bool,  # noqa: FBT001
        batch_first: bool,  # noqa: FBT001
    ) -> list[torch.Tensor]:
        y, h, c = torch._VF.lstm(
            x,
            states,
            weights,
            biases,
            layers,
            0.0,
            False,  # noqa: FBT003
            both_ways,
            batch_first,
        )
        return [y, h, c]

    @torch.jit.export
    def attended(  # noqa: PLR0917
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        causal: bool,  # noqa: FBT001
        scale: float | None,
        way: int,
    ) -> list[torch.Tensor]:
        query, key, value = heads_laid(query, way), heads_laid(key, way), heads_laid(value, way)
        if way == 2:  # one head for all
            key = key[:, :1].expand(-1, query.size(1), -1, -1)
            value = value[:, :1].expand(-1, query.size(1), -1, -1)
        if mask is not None and causal:
            both, sums = torch._scaled_dot_product_flash_attention_for_cpu(
                query, key, value, 0.0, causal, attn_mask=mask, scale=scale
            )
            return [joined(both, way), sums]
        made = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, mask, 0.0, causal, scale=scale
        )
        if mask is not None and mask.dtype == torch.bool:
            return [joined(made, way)]
        results, sums = torch._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, attn_mask=mask, scale=scale
        )
        return [joined(made, way), joined(results, way), sums]

    @torch.jit.export
    def integers(self, x: torch.Tensor, way: int) -> list[torch.Tensor]:
        y = laid(x.to(torch.long), way)
        z = y.flip(0) if y.dim() > 0 else y
        floats = [torch.sigmoid(y), torch.tanh(y), torch.exp(y)]
        return floats + [torch.relu(y), torch.maximum(y, z), torch.minimum(y, z)]  # noqa: RUF005


def rows_normalised(x: torch.Tensor) -> list[torch.Tensor]:
    """Return results with both weights, with one and with none; then all means and deviations."""
    if x.numel() == 0 or x.dim() == 0:
        return []
    sizes = x.size()[1:] if x.dim() == 3 else x.size()[-1:]
    weight = torch.ones(sizes).to(x.dtype).flatten().cumsum(0).view(sizes) / 8 - 1
    a, mean, rstd = torch.native_layer_norm(x, sizes, weight, weight.flip(0), 0.1)
    b, more, others = torch.native_layer_norm(x, sizes, None, weight, 0.1)
    c, _, _ = torch.native_layer_norm(x, sizes, None, None, 0.1)
    return [a, b, c, mean, more, rstd, others]


def channels_normalised(x: torch.Tensor) -> list[torch.Tensor]:
    if x.dim() < 2 or x.numel() == 0:
        return []
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last) if last else x.contiguous()
    n, c, width = x.size(0), x.size(1), x.numel() // (x.size(0) * x.size(1))
    weight = torch.arange(c).to(x.dtype) / 8 - 1
    groups = 2 if c % 2 == 0 else c
    a, mean, rstd = torch.native_group_norm(x, weight, weight.flip(0), n, c, width, 1, 0.1)
    b, more, others = torch.native_group_norm(x, None, weight, n, c, width, groups, 0.1)
    d, _, _ = torch.native_group_norm(x, None, None, n, c, width, groups, 0.1)
    return [a, b, d, mean, more, rstd, others]


def laid(x: torch.Tensor, way: int) -> torch.Tensor:
    if way == 1 and x.dim() > 1:
        return x.transpose(0, -1)
    if way == 2 and x.dim() > 0:
        return x[..., ::2]
    if way == 3 and x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    return x


def heads_laid(x: torch.Tensor, way: int) -> torch.Tensor:
    """Lay out B x H x T x D as B x T x H x D, as projections do."""
    return x.transpose(1, 2).contiguous().transpose(1, 2) if way == 1 else x


def joined(made: torch.Tensor, way: int) -> torch.Tensor:
    """Join dimensions by views, which asks for the layout of the queries."""
    if way == 1:
        return made.transpose(1, 2).view(made.size(0), made.size(2), -1)
    return made.view(-1, made.size(2), made.size(3))


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
@pytest.mark.parametrize(
    "method",
    [
        "forward",
        "arithmetic",
        "floats",
        "distributions",
        "inplace",
        "integers",
        "moments",
        "normalised",
        "pointwise",
        "pointwise_inplace",
    ],
)
def test_functions_answer_as_torch(
    runtime: Runtime, tmp_path: Path, method: str, cases: list[Case]
) -> None:
    if method == "integers":
        cases = [(x.nan_to_num(0, 9, -9), way) for x, way in cases]
    # of infinity torch's gelu is none here and infinity there, and its mean of a row is either, by
    # where in the row infinity is
    if method in {"floats", "moments"}:
        cases = [(torch.where(x.isinf(), 9, x), way) for x, way in cases]
    given: list[tuple[Value, ...]] = [(Tensor.from_numpy(x.numpy()), way) for x, way in cases]
    made = runtime.run_cases(runtime.model("functions"), given, tmp_path, method)
    for results, case in zip(made, cases, strict=True):
        assert isinstance(results, list), results
        for found, wanted in zip(results, getattr(Functions(), method)(*case), strict=True):
            assert isinstance(found, Tensor)
            result = torch.from_numpy(found.numpy())
            close = 1e-5 if method == "normalised" else 2e-6
            torch.testing.assert_close(result, wanted, rtol=2e-5, atol=close, equal_nan=True)


@pytest.mark.parametrize("method", ["distributions", "floats", "pointwise"])
def test_functions_answer_without_avx2_as_with_it(
    runtime: Runtime, tmp_path: Path, method: str, require: Callable[[str], Path]
) -> None:
    require("qemu-x86_64")
    case: tuple[Value, ...] = (value(tensor([5, 9, 37], 1, torch.float, special=False)), 0)
    old = replace(runtime, under=("qemu-x86_64", "-cpu", "Nehalem"))
    (one,), (other,) = (
        it.run_cases(it.model("functions"), [case], tmp_path, method) for it in (runtime, old)
    )
    assert isinstance(one, list)
    assert isinstance(other, list)
    for wide, narrow in zip(one, other, strict=True):
        assert isinstance(wide, Tensor)
        assert isinstance(narrow, Tensor)
        results = (torch.from_numpy(it.numpy()) for it in (wide, narrow))
        torch.testing.assert_close(*results, rtol=2e-5, atol=2e-6, equal_nan=True)


def test_functions_answer_where_nothing_is_known_of_the_processor(
    runtime: Runtime, tmp_path: Path
) -> None:
    """In a chroot there may be no /proc, where the library that asks the processor looks."""
    unshare = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    # without /proc the program does not find the library beside it, either
    script = 'mount -t tmpfs none /proc && LD_LIBRARY_PATH="$0" exec "$@"'
    bare = (*unshare, "sh", "-c", script, str(runtime.library.parent))
    if subprocess.run([*bare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted over /proc here")
    images = value(tensor([2, 5, 37], 1, torch.float, special=True))
    hidden = replace(runtime, under=bare)
    for method in ("pointwise", "slices", "forward", "floats"):
        (known,), (found,) = (
            it.run_cases(it.model("functions"), [(images, 0)], tmp_path, method)
            for it in (runtime, hidden)
        )
        if method in {"forward", "floats"}:  # XNNPACK computes these, which asks, too
            assert isinstance(found, Failure)
            assert "this processor lacks what XNNPACK needs" in found.message
            continue
        assert isinstance(known, list)
        assert isinstance(found, list), found
        for one, other in zip(found, known, strict=True):
            assert isinstance(one, Tensor)
            assert isinstance(other, Tensor)
            results = (torch.from_numpy(it.numpy()) for it in (one, other))
            torch.testing.assert_close(*results, rtol=2e-5, atol=2e-6, equal_nan=True)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((1, -4, -3, 1), "other sizes than its input has"),
        ((1, 4, 2, 1), "other sizes than its input has"),
        ((2**62, 4, 12, 1), "other sizes than its input has"),
        ((0, 4, 3, 1), "other sizes than its input has"),
        ((1, 4, 3, 3), "cannot divide 4 channels into 3 groups"),
        ((1, 4, 3, 0), "cannot divide 4 channels into 0 groups"),
        ((1, 2, 6, 1), "not one number for each of 2 channels"),
    ],
)
def test_groups_that_are_no_parts_of_the_input_are_refused(
    runtime: Runtime, tmp_path: Path, sizes: tuple[int, ...], words: str
) -> None:
    weights: list[Value] = [value(torch.ones(4)), None] if sizes[1] == 2 else [None, None]
    for one, other in itertools.permutations(weights):
        case: tuple[Value, ...] = (value(torch.ones(1, 4, 3)), one, other, *sizes)
        (made,) = runtime.run_cases(runtime.model("functions"), [case], tmp_path, "grouped")
        assert isinstance(made, Failure)
        assert words in made.message


def test_groups_of_what_lies_transposed_are_refused(runtime: Runtime, tmp_path: Path) -> None:
    case: tuple[Value, ...] = (value(torch.ones(1, 3, 4)), None, None, 1, 4, 3, 2)
    (made,) = runtime.run_cases(runtime.model("functions"), [case], tmp_path, "grouped_across")
    assert isinstance(made, Failure)
    assert "lies transposed in memory" in made.message


@pytest.mark.parametrize("place", [0, 1, 16, 66])
def test_the_mean_of_a_row_with_infinity_is_infinite(
    runtime: Runtime, tmp_path: Path, place: int
) -> None:
    """Wherever in the row it is; and there is no deviation."""
    for numbers in ([torch.inf], [-torch.inf], [torch.inf, -torch.inf]):
        x = torch.ones(1, 2, 67)
        for channel, number in enumerate(numbers):
            x[0, channel, place] = number
        (made,) = runtime.run_cases(
            runtime.model("functions"), [(value(x), None, None, 1, 2, 67, 1)], tmp_path, "grouped"
        )
        (rows,) = runtime.run_cases(
            runtime.model("functions"), [(value(x), 0)], tmp_path, "moments"
        )
        assert isinstance(made, list)
        assert isinstance(rows, list)
        for mean, deviation in ((made[1], made[2]), (rows[0], rows[2])):
            assert isinstance(mean, Tensor)
            assert isinstance(deviation, Tensor)
            wanted = sum(numbers)
            np.testing.assert_array_equal(mean.numpy(), np.full(mean.shape, wanted, np.float32))
            assert np.isnan(deviation.numpy()).all()


@pytest.mark.parametrize("kind", [torch.float, torch.double])
def test_images_are_not_read_beyond_what_integers_can_tell(
    runtime: Runtime, tmp_path: Path, kind: torch.dtype
) -> None:
    image = value(torch.ones(1, 1, 4, 4, dtype=kind))
    cases: list[tuple[Value, ...]] = [(image, [3, 3], 1e-30), (image, [3, 3], 0.75)]
    tiny, usual = runtime.run_cases(runtime.model("functions"), cases, tmp_path, "resized_by")
    assert isinstance(tiny, Failure)
    assert "a scale that is nearly 0" in tiny.message
    assert isinstance(usual, Tensor)


def test_rows_far_from_zero_keep_their_digits(runtime: Runtime, tmp_path: Path) -> None:
    """A mean that is rounded must not be taken for a deviation."""
    x = torch.full((3, 67), 1e4)
    x[1] += torch.linspace(0, 1, 67)
    cases: list[tuple[Value, ...]] = [(value(x), 0)]
    (made,) = runtime.run_cases(runtime.model("functions"), cases, tmp_path, "normalised")
    assert isinstance(made, list), made
    for found, wanted in zip(made, Functions().normalised(x.double(), 0), strict=True):
        assert isinstance(found, Tensor)
        result = torch.from_numpy(found.numpy())
        torch.testing.assert_close(result, wanted.float(), rtol=1e-3, atol=2e-3)


def test_scalars_may_be_beyond_floats_where_numbers_are_doubles(
    runtime: Runtime, tmp_path: Path
) -> None:
    x = torch.tensor([-2.0, 0.5, -1.0], dtype=torch.double)
    case: tuple[Value, ...] = (value(x), 1e300)
    (made,) = runtime.run_cases(runtime.model("functions"), [case], tmp_path, "scaled")
    assert isinstance(made, list), made
    for found, wanted in zip(made, Functions().scaled(x, 1e300), strict=True):
        assert isinstance(found, Tensor)
        torch.testing.assert_close(torch.from_numpy(found.numpy()), wanted)


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


def resizing(
    x: torch.Tensor, way: int, size: list[int], scales: list[float], *, corners: bool, scaled: bool
) -> tuple[Any, ...]:
    return (x, way, None, corners, scales) if scaled else (x, way, size, corners, None)


RESIZINGS: Final = st.lists(
    st.builds(
        resizing,
        st.builds(
            tensor,
            st.tuples(
                *(st.sampled_from(it) for it in ([1, 2], [1, 3, 17], [1, 2, 7], [1, 3, 8]))
            ).map(list),
            st.integers(0, 9),
            st.sampled_from([torch.float, torch.float, torch.double]),
            special=st.booleans(),
        ),
        st.integers(0, 3),
        sizes(1, 20),
        st.lists(st.sampled_from([0.6, 1.0, 1.7, 2.0, 4.0]), min_size=2, max_size=2),
        corners=st.booleans(),
        scaled=st.booleans(),
    ),
    min_size=40,
    max_size=60,
)


@many
@given(cases=RESIZINGS)
def test_images_are_resized_as_in_torch(
    runtime: Runtime, tmp_path: Path, cases: list[tuple[Any, ...]]
) -> None:
    # a weight of next to nothing may be rounded to 0, and decides whether infinity and what is no
    # number reach a pixel: so each image is resized without any, too
    cases = [(torch.where(x.isinf(), 9, x), *rest) for x, *rest in cases]
    cases += [(x.nan_to_num(9), *rest) for x, *rest in cases]
    given: list[tuple[Value, ...]] = [(value(x), *rest) for x, *rest in cases]
    made = runtime.run_cases(runtime.model("functions"), given, tmp_path, "resized")
    for found, (x, *rest) in zip(made, cases, strict=True):
        wanted = answer(lambda x=x, rest=rest: Functions().resized(x, *rest))  # type: ignore[misc]
        if wanted is None:
            assert isinstance(found, Failure), (found, x.shape, rest)
            continue
        assert isinstance(found, Tensor), (found, x.shape, rest)
        result = torch.from_numpy(found.numpy())
        reached = Functions().resized(x.isnan().to(x.dtype), *rest)
        assert result[reached > 1e-3].isnan().all(), (x.shape, rest)
        sure = (
            ~(result.isnan() | wanted.isnan()) if x.isnan().any() else torch.ones_like(reached) > 0
        )
        torch.testing.assert_close(result[sure], wanted[sure], rtol=2e-5, atol=2e-5)


@dataclass(frozen=True)
class Sequences:
    """An LSTM with its input; `projected` is the width of the state where it is another one."""

    steps: int
    batch: int
    inputs: int
    width: int
    projected: int
    layers: int
    biases: bool
    both_ways: bool
    batch_first: bool
    kind: torch.dtype
    special: bool
    wrong: int
    """What is wrong: the batch, the states, a dtype, the number of weights; mostly nothing."""

    def arguments(self) -> tuple[Any, ...]:
        """Return what `recurrent` takes."""
        state = self.projected or self.width
        count = self.layers * (1 + self.both_ways)
        shape = [self.steps, self.batch + (self.wrong == 1) * 2, self.inputs]
        x = tensor(shape, 1, self.kind, special=self.special)
        states = [
            self.numbers(count + (self.wrong == 2), self.batch, state),
            self.numbers(count + (self.wrong == 2), self.batch, self.width),
        ]
        if self.wrong == 3:
            states[1] = states[1].to(torch.half)
        weights = [it for layer in range(self.layers) for it in self.weights(layer, state)]
        x = x.transpose(0, 1).contiguous() if self.batch_first else x
        rest = (self.biases, self.layers, self.both_ways, self.batch_first)
        return (x, states, weights[: -1 if self.wrong == 4 else None], *rest)

    def weights(self, layer: int, state: int) -> Iterator[torch.Tensor]:
        for _ in range(1 + self.both_ways):
            yield self.numbers(
                4 * self.width, self.inputs if layer == 0 else state * (1 + self.both_ways)
            )
            yield self.numbers(4 * self.width, state)
            if self.biases:
                yield from (self.numbers(4 * self.width), self.numbers(4 * self.width))
            if self.projected:
                yield self.numbers(self.projected, self.width)

    def numbers(self, *shape: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(sum(shape))
        return torch.randn(shape, generator=generator).to(self.kind)


SEQUENCES: Final = st.builds(
    Sequences,
    steps=st.integers(0, 5),
    batch=st.sampled_from([0, 1, 1, 2, 7]),
    inputs=st.integers(1, 20),
    width=st.sampled_from([2, 3, 8, 17, 33]),
    projected=st.sampled_from([0, 0, 0, 1]),
    layers=st.integers(1, 3),
    biases=st.booleans(),
    both_ways=st.booleans(),
    batch_first=st.booleans(),
    kind=st.sampled_from([torch.float, torch.float, torch.float, torch.double]),
    special=st.booleans(),
    wrong=st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
)


@many
@given(cases=st.lists(SEQUENCES, min_size=40, max_size=60))
def test_sequences_come_to_the_states_of_torch(
    runtime: Runtime, tmp_path: Path, cases: list[Sequences]
) -> None:
    """What cannot be is refused: some of it ends the process in torch."""
    every = [it.arguments() for it in cases]
    given: list[tuple[Value, ...]] = [
        (value(x), [*map(value, states)], [*map(value, weights)], *rest)
        for x, states, weights, *rest in every
    ]
    made = runtime.run_cases(runtime.model("functions"), given, tmp_path, "recurrent")
    for found, arguments, case in zip(made, every, cases, strict=True):
        if case.wrong or not case.steps:
            assert isinstance(found, Failure), case
            continue
        wanted = Functions().recurrent(*arguments)
        assert isinstance(found, list), (found, case)
        for one, other in zip(found, wanted, strict=True):
            assert isinstance(one, Tensor)
            result = torch.from_numpy(one.numpy())
            torch.testing.assert_close(result, other, rtol=1e-4, atol=1e-5, equal_nan=True)


@dataclass(frozen=True)
class Heads:
    """What is attended to; `mask` says which kind of mask there is.

    `way` says how heads lie in memory: as they are, behind the rows, one key and value for all.
    """

    batch: int
    heads: int
    queries: int
    keys: int
    depth: int
    mask: str
    causal: bool
    scale: float | None
    kind: torch.dtype
    special: bool
    way: int

    def arguments(self) -> tuple[Any, ...]:
        """Return what `attended` takes."""
        query, key, each = (
            tensor([self.batch, self.heads, count, self.depth], seed, self.kind, special=False)
            for seed, count in enumerate((self.queries, self.keys, self.keys))
        )
        if self.special and not self.causal:
            each[0, 0, 0, 0] = torch.nan
        return (query, key, each, self.said(), self.causal, self.scale, self.way)

    def said(self) -> torch.Tensor | None:
        """Return the mask. None of a row may be seen: the first, where there are two."""
        shape = [self.batch, 1] if self.mask == "each" else []
        made = tensor([*shape, self.queries, self.keys], 3, self.kind, special=False)
        if self.mask == "none" or (self.mask == "bool" and self.causal):
            return None
        if self.mask == "bool":
            return made > 0
        if self.queries > 1:
            made[..., 0, :] = -torch.inf
        return made


HEADS: Final = st.builds(
    Heads,
    batch=st.integers(1, 2),
    heads=st.integers(1, 3),
    queries=st.sampled_from([1, 2, 7, 130]),
    keys=st.sampled_from([1, 2, 5, 17, 67, 67, 1200]),
    depth=st.sampled_from([1, 3, 8, 17]),
    mask=st.sampled_from(["none", "bool", "all", "each"]),
    causal=st.booleans(),
    scale=st.sampled_from([None, 0.3]),
    kind=st.sampled_from([torch.float, torch.float, torch.double]),
    special=st.booleans(),
    way=st.integers(0, 2),
)


@many
@given(cases=st.lists(HEADS, min_size=30, max_size=40))
def test_attention_weighs_as_in_torch(runtime: Runtime, tmp_path: Path, cases: list[Heads]) -> None:
    """Queries that see nothing get nothing, and what is no number stays with those that see it.

    Of keys that are no number torch makes 0 or none, by how many there are. Ours is none.
    """
    every = [it.arguments() for it in cases]
    given: list[tuple[Value, ...]] = [
        tuple(value(it) if isinstance(it, torch.Tensor) else it for it in arguments)
        for arguments in every
    ]
    made = runtime.run_cases(runtime.model("functions"), given, tmp_path, "attended")
    for found, arguments, case in zip(made, every, cases, strict=True):
        assert isinstance(found, list), (found, case)
        for one, other in zip(found, Functions().attended(*arguments), strict=True):
            assert isinstance(one, Tensor)
            result = torch.from_numpy(one.numpy())
            torch.testing.assert_close(result, other, rtol=2e-5, atol=2e-5, equal_nan=True)


def value(tensor: torch.Tensor) -> Tensor:
    return Tensor.from_numpy(tensor.numpy())
