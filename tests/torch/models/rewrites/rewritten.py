"""A model as it was exported, and as it is rewritten: what both answer."""

from pathlib import Path
from typing import Any

import pytest
import torch

from builder.models.conversion.convert import main
from builder.models.conversion.record import Changes, read_changes
from builder.models.prepacked.loading import load_lite
from builder.models.reading.lite import read_lite

TORCH: Any = torch  # many of its functions have no types


def convert(original: Path, path: Path, rewrite: str = "auto") -> Changes:
    """Convert a file as the child process does."""
    told = path.with_suffix(".changes")
    told.unlink(missing_ok=True)
    assert main([*map(str, (original, path, path.with_suffix(".lines"), told)), rewrite, "{}"]) == 0
    return read_changes(told)


def rewritten(module: Any, folder: Path) -> tuple[Path, Changes]:
    """Save a model as people do, script it if need be, and convert it."""
    script = module if isinstance(module, torch.jit.ScriptModule) else TORCH.jit.script(module)
    script.save(str(folder / "net.pt"))
    return folder / "net.ptl", convert(folder / "net.pt", folder / "net.ptl")


def operators(path: Path) -> set[str]:
    """Return the operators of a lite model."""
    return {str(it) for it in read_lite(path).operators}


def agree(original: Path, path: Path, *inputs: Any, method: str = "forward") -> None:
    """Assert that a rewritten model answers as the original, strides included."""
    full = TORCH.jit.load(str(original))
    with torch.inference_mode():
        expected = getattr(full, method)(*inputs)
        actual = load_lite(path).run_method(method, *inputs)
    alike(actual, expected)


def alike(actual: Any, expected: Any) -> None:
    """Assert that two answers are the same but for rounding."""
    assert type(actual) is type(expected)
    match expected:
        case torch.Tensor():
            assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
            assert actual.stride() == expected.stride()
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
        case dict():
            assert list(actual) == list(expected)
            alike(list(actual.values()), list(expected.values()))
        case list() | tuple():
            assert len(actual) == len(expected)
            for one, other in zip(actual, expected, strict=True):
                alike(one, other)
        case _:
            assert actual == pytest.approx(expected)
