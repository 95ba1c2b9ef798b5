"""What an operator could not do leaves nothing behind that reaches beyond its memory."""

import ctypes
import itertools
import math
from collections.abc import Callable
from ctypes import byref, c_int64, c_void_p
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import torch

from builder.vocabulary import value_files as encoded
from builder.vocabulary.value_files import Value, encode
from tests.coverage.called import call as called
from tests.coverage.called import lite_model
from tests.e2e.real import Runtime, Tool, built, ones

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

RUN_FAILED: Final = 7  # as build_runtime.h numbers it
DROP: Final = False


class Sizes(torch.nn.Module):
    """Keeps a tensor that each call may resize; the memory of one from a file has a fixed size."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(3))

    def forward(self, rows: int, columns: int) -> int:
        self.kept.resize_([rows, columns])
        return self.kept.numel()

    @torch.jit.export
    def make(self, count: int) -> int:
        self.kept = torch.ones([count])
        return self.kept.numel()

    @torch.jit.export
    def numel(self) -> int:
        return self.kept.numel()

    @torch.jit.export
    def rank(self) -> int:
        return self.kept.dim()


class Masked(torch.nn.Module):
    """Chooses by a mask without dimensions, which leaves no index: torch fails, too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[x.sum() > 0]


class Growing(torch.nn.Module):
    """Answers with a list that its next run makes longer."""

    seen: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def forward(self, number: int) -> tuple[list[int], dict[str, list[int]]]:
        self.seen.append(number)
        return self.seen, {"again": self.seen}


class Counted(torch.nn.Module):
    """Counts in bins of one width."""

    def forward(self, x: torch.Tensor, bins: int, low: float, high: float) -> torch.Tensor:
        return torch.histc(x, bins, low, high)


class Divided(torch.nn.Module):
    """Divides ints in each way that TorchScript has."""

    def forward(self, a: int, b: int, how: int) -> int:
        if how == 0:
            return a % b
        if how == 1:
            return a // b
        if how == 2:
            return divmod(a, b)[0]
        if how == 3:
            return divmod(a, b)[1]
        return math.gcd(a, b)


class Attending(torch.nn.Module):
    """Lets groups of heads share a key and a value."""

    def forward(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(query, key, key, enable_gqa=True)


class Headed(torch.nn.Module):
    """Attends with some number of heads."""

    def forward(self, x: torch.Tensor, heads: int) -> torch.Tensor:
        into, out = torch.ones(24, 8), torch.ones(8, 8)
        made = torch._native_multi_head_attention(
            x, x, x, 8, heads, into, torch.ones(24), out, torch.ones(8), None, False,  # noqa: FBT003
        )  # fmt: skip
        return made[0]


class Repeated(torch.nn.Module):
    """Takes medians of elements that are the same one."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        rows = x.expand(4, -1)
        return [*rows.median(0), *rows.nanmedian(0), *rows.t().median(1), rows.median()]


class Recurrent(torch.nn.Module):
    """Runs an LSTM on sequences of several lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.LSTMCell(3, 3)

    def forward(self, x: torch.Tensor, hidden: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        cell = self.cell
        layer = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
        lengths = torch.tensor([2, 1])
        made = torch.lstm(
            x, lengths, [hidden, cells], layer + layer, True, 2, 0.0, False, False,  # noqa: FBT003
        )  # fmt: skip
        return made[0]


class Bagged(torch.nn.Module):
    """Joins rows of a table in some mode."""

    def forward(self, table: torch.Tensor, mode: int) -> torch.Tensor:
        rows, starts = torch.tensor([0, 1, 1]), torch.tensor([0, 2])
        made = torch.embedding_bag(table, rows, starts, False, mode, False, None)  # noqa: FBT003
        return made[0]


class Shuffled(torch.nn.Module):
    """Makes an image larger of its channels."""

    def forward(self, x: torch.Tensor, factor: int) -> torch.Tensor:
        return torch.pixel_shuffle(x, factor)


class Padded(torch.nn.Module):
    """Pads sequences again, whose numbers at each step are an input."""

    def forward(self, data: torch.Tensor, batches: torch.Tensor) -> list[torch.Tensor]:
        padded = torch._pad_packed_sequence(data, batches, False, 0.0, 0)  # noqa: FBT003
        return [padded[0], padded[1]]


def floats(*values: float) -> Value:
    return encoded.Tensor.from_numpy(np.array(values, dtype=np.float32))


def call(library: ctypes.CDLL, module: c_void_p, method: str, *numbers: int) -> int | None:
    """Return what a method of integers gives, None when it fails."""
    arguments, result, number = (c_void_p * len(numbers))(), c_void_p(), c_int64()
    for at, value in enumerate(numbers):
        made = c_void_p()
        assert library.br_value_new_int(c_int64(value), byref(made), None) == 0
        arguments[at] = made.value
    words = (module, method.encode(), arguments, ctypes.c_size_t(len(numbers)))
    status = library.br_module_run(*words, byref(result), None)
    assert status in {0, RUN_FAILED}
    if status == RUN_FAILED:
        return None
    assert library.br_value_int(result, byref(number), None) == 0
    return number.value


@pytest.fixture(scope="module")
def made(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    folder = tmp_path_factory.mktemp("bounds")
    models = {
        "sizes": Sizes(), "masked": Masked(), "counted": Counted(), "growing": Growing(),
        "divided": Divided(), "attending": Attending(), "headed": Headed(), "repeated": Repeated(),
        "recurrent": Recurrent(), "padded": Padded(), "shuffled": Shuffled(),
        "bagged": Bagged(),
    }  # fmt: skip
    paths = [folder / f"{name}.pt" for name in models]
    for path, model in zip(paths, models.values(), strict=True):
        scripted = torch.jit.script(model)
        scripted.save(str(path))  # type: ignore[no-untyped-call]
    paths.append(folder / "reduced.ptl")
    paths[-1].write_bytes(lite_model([called("prim::ReductionSizes", [2, 3], [9], DROP)]))
    words = (*paths, "--abi", "x86_64", "--json")
    (runtime,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return runtime


def test_a_tensor_that_could_not_be_resized_is_empty(made: Runtime) -> None:
    library, module = ctypes.CDLL(str(made.library)), c_void_p()
    path = str(made.model("sizes")).encode()
    assert library.br_module_load_file(path, byref(module), None) == 0
    assert call(library, module, "forward", 2, 4) is None
    assert (call(library, module, "numel"), call(library, module, "rank")) == (0, 1)
    beyond = {"elements": (1 << 32, 1 << 32), "bytes": (1 << 62, 1), "memory": (1 << 45, 1)}
    for what, shape in beyond.items():
        assert call(library, module, "make", 3) == 3
        assert call(library, module, "forward", 2, 4) == 8
        assert call(library, module, "forward", *shape) is None, what
        assert (call(library, module, "numel"), call(library, module, "rank")) == (0, 1), what


def test_indices_that_are_all_undefined_are_an_error(made: Runtime, tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.write_bytes(encode((ones(3),)))
    done = made.run(made.model("masked"), "--inputs", inputs)
    assert (done.returncode, "aten::index.Tensor(float32[3]" in done.stderr) == (6, True)


def test_the_containers_of_a_result_are_the_callers_own(made: Runtime) -> None:
    """Who reads one while the module runs must not see it grow."""
    library, module = ctypes.CDLL(str(made.library)), c_void_p()
    library.br_value_size.restype = ctypes.c_size_t
    path = str(made.model("growing")).encode()
    assert library.br_module_load_file(path, byref(module), None) == 0
    results = []
    for number in range(3):
        argument, result = c_void_p(), c_void_p()
        assert library.br_value_new_int(c_int64(number), byref(argument), None) == 0
        words = (module, b"forward", byref(argument), ctypes.c_size_t(1), byref(result), None)
        assert library.br_module_run(*words) == 0
        results.append(result)
    for count, result in enumerate(results, 1):
        seen, keyed = (c_void_p * 2)(), c_void_p()
        assert library.br_value_entries(result, None, seen, None) == 0
        assert library.br_value_size(c_void_p(seen[0])) == count
        assert library.br_value_entries(c_void_p(seen[1]), None, byref(keyed), None) == 0
        assert library.br_value_size(keyed) == count


@pytest.mark.parametrize(
    "values",
    [
        (floats(-3e38, 0.0, 3e38), 10, -3e38, 3e38),
        (floats(3e38), 100, 0.0, 3.2e38),
    ],
    ids=["a range that overflows", "a product that overflows"],
)
def test_elements_are_counted_in_bins_that_exist(
    made: Runtime, tmp_path: Path, values: tuple[Value, ...]
) -> None:
    inputs = tmp_path / "inputs"
    inputs.write_bytes(encode(values))
    done = made.run(made.model("counted"), "--inputs", inputs)
    assert (done.returncode, "last_bin_exists" in done.stderr) == (6, True), done.stderr


def test_axes_that_do_not_exist_are_an_error(made: Runtime) -> None:
    done = made.run(made.model("reduced"))
    assert (done.returncode, "an axis to reduce is out of range" in done.stderr) == (6, True)


LEAST: Final = -(2**63)
DIVISIONS: Final[tuple[Callable[[int, int], int], ...]] = (
    lambda a, b: a % b,
    lambda a, b: a // b,
    lambda a, b: divmod(a, b)[0],
    lambda a, b: divmod(a, b)[1],
    math.gcd,
)


def divided(a: int, b: int, how: int) -> int | None:
    """Return what Python says; None where it raises, and for what does not fit 64 bits."""
    try:
        made = DIVISIONS[how](a, b)
    except ZeroDivisionError:
        return None
    return made if LEAST <= made < -LEAST else None


def test_ints_are_divided_as_python_does_and_never_by_zero(made: Runtime) -> None:
    library, module = ctypes.CDLL(str(made.library)), c_void_p()
    path = str(made.model("divided")).encode()
    assert library.br_module_load_file(path, byref(module), None) == 0
    numbers = (LEAST, LEAST + 1, -7, -1, 0, 1, 3, 7, 1 << 62, -LEAST - 1)
    for a, b, how in itertools.product(numbers, numbers, range(len(DIVISIONS))):
        if how == 3 and (a, b) == (LEAST, -1):
            continue  # one half of what does not fit as a whole
        assert call(library, module, "forward", a, b, how) == divided(a, b, how), (a, b, how)


def test_attention_to_no_heads_is_an_error(made: Runtime, tmp_path: Path) -> None:
    sound = (ones(1, 4, 2, 3), ones(1, 2, 2, 3))
    none = (ones(1, 4, 2, 3), encoded.Tensor("float32", (1, 0, 2, 3), b""))
    results = made.run_cases(made.model("attending"), [sound, none, sound], tmp_path, "forward")
    assert [isinstance(it, encoded.Failure) for it in results] == [False, True, False]


def test_attention_of_no_heads_is_an_error(made: Runtime, tmp_path: Path) -> None:
    cases: list[tuple[Value, ...]] = [(ones(2, 5, 8), heads) for heads in (2, 0, -2, 1)]
    results = made.run_cases(made.model("headed"), cases, tmp_path, "forward")
    assert [isinstance(it, encoded.Failure) for it in results] == [False, True, True, False]


def test_a_median_of_repeated_elements_is_one_of_them(made: Runtime, tmp_path: Path) -> None:
    x = torch.arange(8.0).flip(0)
    case = (encoded.Tensor.from_numpy(x.numpy()),)
    (result,) = made.run_cases(made.model("repeated"), [case], tmp_path, "forward")
    assert isinstance(result, list)
    values = [torch.from_numpy(it.numpy()) for it in result if isinstance(it, encoded.Tensor)]
    for found in (values[0], values[2], values[4]):
        assert torch.equal(found, x)
    assert values[6] == 3


def test_an_lstm_with_fewer_cells_than_states_is_an_error(made: Runtime, tmp_path: Path) -> None:
    sound = (ones(3, 3), ones(2, 2, 3), ones(2, 2, 3))
    fewer = (ones(3, 3), ones(2, 2, 3), ones(1, 2, 3))
    results = made.run_cases(made.model("recurrent"), [sound, fewer, sound], tmp_path, "forward")
    assert [isinstance(it, encoded.Failure) for it in results] == [False, True, False]


def whole(*values: int) -> Value:
    return encoded.Tensor.from_numpy(np.array(values, dtype=np.int64))


@pytest.mark.parametrize("batches", [(2, 1, 3), (1, 2), (-1, 2), (2, -1), (), (0, 1 << 40)])
def test_sequences_whose_numbers_do_not_fall_are_an_error(
    made: Runtime, tmp_path: Path, batches: tuple[int, ...]
) -> None:
    sound = (ones(3), whole(2, 1))
    cases: list[tuple[Value, ...]] = [sound, (ones(3), whole(*batches)), sound]
    results = made.run_cases(made.model("padded"), cases, tmp_path, "forward")
    assert [isinstance(it, encoded.Failure) for it in results] == [False, True, False]


@pytest.mark.parametrize("factor", [1 << 32, 1 << 53, 3037000500])
def test_a_factor_whose_square_overflows_is_an_error(
    made: Runtime, tmp_path: Path, factor: int
) -> None:
    cases: list[tuple[Value, ...]] = [(ones(1, 4, 2, 2), it) for it in (2, factor, 1)]
    results = made.run_cases(made.model("shuffled"), cases, tmp_path, "forward")
    assert [isinstance(it, encoded.Failure) for it in results] == [False, True, False]


def test_a_mode_that_embedding_bags_do_not_have_is_an_error(made: Runtime, tmp_path: Path) -> None:
    cases: list[tuple[Value, ...]] = [(ones(2, 3), mode) for mode in (0, 1, 2, 3, -1)]
    results = made.run_cases(made.model("bagged"), cases, tmp_path, "forward")
    assert [isinstance(it, encoded.Failure) for it in results] == [False] * 3 + [True] * 2
