"""A model whose methods hand each kind of value to Java, and take it from there."""

from pathlib import Path

import torch
from torch import Tensor, jit


class Values(torch.nn.Module):
    """What each method answers is what the tests in Java expect of it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        return x + 1

    @jit.export
    def same(self, x: Tensor) -> Tensor:
        return x

    @jit.export
    def transposed(self, x: Tensor) -> Tensor:
        return x.t()

    @jit.export
    def add_in_place(self, x: Tensor) -> Tensor:
        return x.add_(1)

    @jit.export
    def keep(self, x: Tensor) -> None:
        self.kept = x

    @jit.export
    def kept_sum(self) -> Tensor:
        return self.kept.sum()

    @jit.export
    def zeros(self, count: int) -> Tensor:
        return torch.zeros(count)

    @jit.export
    def optional(self, x: int | None, y: int = 7) -> list[int | None]:
        return [x, y]

    @jit.export
    def nested(self, x: Tensor) -> dict[str, list[tuple[Tensor, int, str]]]:
        return {"a": [(x, 1, "one")], "b": [(x, 2, "zwei"), (x, 3, "три")]}

    @jit.export
    def strings(self, x: list[str]) -> list[str]:
        return x

    @jit.export
    def flags(self, x: list[bool]) -> list[bool]:
        return x

    @jit.export
    def doubles(self, x: list[float]) -> list[float]:
        return x

    @jit.export
    def tensors(self, x: list[Tensor]) -> list[Tensor]:
        return x

    @jit.export
    def by_name(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        return x

    @jit.export
    def by_number(self, x: dict[int, str]) -> dict[int, str]:
        return x

    @jit.export
    def by_double(self) -> dict[float, int]:
        return {0.5: 1}

    @jit.export
    def complex_number(self) -> complex:
        return 1.5 - 2j

    @jit.export
    def refuse(self, text: str) -> int:
        if len(text) > 0:
            raise ValueError(text)
        return 0


class Hyperbolic(torch.nn.Module):
    """What the runtime of `Values` does not hold."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sinh(x) + torch.cosh(x)


def write_model(model: torch.nn.Module, path: Path, extra: dict[str, str] | None = None) -> None:
    """Write a model as `.ptl` with files of the app beside it."""
    script = jit.script(model)
    script._save_for_lite_interpreter(str(path), _extra_files=extra or {})  # type: ignore[no-untyped-call]
