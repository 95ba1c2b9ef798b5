"""The table of dtypes says what torch itself says."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from builder.vocabulary.dtypes import DTYPES, Dtype


def as_number(dtype: int) -> int:
    """Return a dtype, which TorchScript takes for the number it is."""
    return dtype


@cache
def scripted() -> Any:
    return torch.jit.script(as_number)


def shown(dtype: Dtype) -> str:
    return dtype.name


@pytest.mark.parametrize("dtype", DTYPES, ids=shown)
def test_torch_has_the_dtype_under_the_same_number_name_and_size(dtype: Dtype) -> None:
    known = getattr(torch, dtype.torch)
    assert scripted()(known) == dtype.number
    assert torch.empty(1, dtype=known).type().endswith(f".{dtype.name}Tensor")
    assert known.itemsize == dtype.size


@pytest.mark.parametrize("dtype", [it for it in DTYPES if it.numpy], ids=shown)
def test_numpy_has_the_dtype_under_the_name_of_torch(dtype: Dtype) -> None:
    known = getattr(torch, dtype.torch)
    assert np.dtype(dtype.numpy).name == dtype.torch
    assert torch.empty(1, dtype=known).numpy().dtype == np.dtype(dtype.numpy)


def test_what_later_releases_have_besides_comes_after_all_of_ours() -> None:
    known = {it for it in vars(torch).values() if isinstance(it, torch.dtype)}
    ours = {getattr(torch, it.torch) for it in DTYPES}
    assert all(scripted()(it) >= len(DTYPES) for it in known - ours)
