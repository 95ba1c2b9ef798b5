"""A model as it was exported, and as it is converted: what both answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from builder.models.conversion.convert import main
from builder.models.conversion.record import read_changes
from builder.models.prepacked.loading import load_lite
from builder.models.reading.lite import read_lite
from builder.vocabulary.models import Model, Repair

Script = Any  # torch has no types for script modules
Value = Any
TORCH: Final[Any] = torch  # many of its functions have no types either


@dataclass(frozen=True, slots=True)
class Converted:
    """Both models, and what was repaired."""

    original: Path
    path: Path
    repairs: tuple[Repair, ...]

    @property
    def model(self) -> Model:
        """What the one that ships calls."""
        return read_lite(self.path)

    def names(self) -> set[str]:
        """Return the operators of the one that ships."""
        return {str(name) for name in self.model.operators}

    def lite(self) -> Any:
        """Return the one that ships, loaded by torch's lite interpreter."""
        return load_lite(self.path)

    def told(self) -> list[str]:
        """Return what people read of the repairs."""
        return [str(it) for it in self.repairs]

    def agree_on(self, *inputs: Value, method: str = "forward") -> Value:
        """Assert that full TorchScript and a lite interpreter answer alike; return the answer."""
        full: Script = TORCH.jit.load(str(self.original))
        with torch.inference_mode():
            expected = getattr(full, method)(*inputs)
            actual = self.lite().run_method(method, *inputs)
        assert_equal(actual, expected)
        return expected


def loaded(script: Script, folder: Path) -> Script:
    """Return a model as the child process sees it; repairs would change all of its class else."""
    script.save(str(folder / "loaded.pt"))
    return TORCH.jit.load(str(folder / "loaded.pt"))


def convert(script: Script, folder: Path) -> Converted:
    """Save a model as people do, and convert it as the child process does."""
    original, path = folder / "net.pt", folder / "net.ptl"
    script.save(str(original))
    return convert_file(original, path)


def convert_file(original: Path, path: Path) -> Converted:
    """Convert a file as the child process does."""
    told = path.with_suffix(".changes")
    assert main([*map(str, (original, path, path.with_suffix(".lines"), told)), "off", "{}"]) == 0
    return Converted(original, path, read_changes(told).repairs)


def bits(value: torch.Tensor) -> torch.Tensor:
    """Return the bytes of a tensor, so that what is not a number is equal to itself."""
    return value.contiguous().reshape(-1).view(torch.uint8) if value.numel() else torch.empty(0)


def assert_equal(actual: Value, expected: Value) -> None:
    """Assert that two answers are the same, to the bit and the dtype."""
    assert type(actual) is type(expected)
    match expected:
        case torch.Tensor():
            assert actual.dtype == expected.dtype
            assert actual.shape == expected.shape
            assert torch.equal(bits(actual), bits(expected))
        case dict():
            assert list(actual) == list(expected)
            for key, value in expected.items():
                assert_equal(actual[key], value)
        case list() | tuple():
            assert len(actual) == len(expected)
            for one, other in zip(actual, expected, strict=True):
                assert_equal(one, other)
        case _:
            assert actual == expected
