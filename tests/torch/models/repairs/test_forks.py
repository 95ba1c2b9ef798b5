"""Work that is forked: it is done in place, and futures become values wherever they go."""

from pathlib import Path

import torch
from torch.jit import Future

from builder.models.conversion.repairs.forks import run_inline
from builder.models.conversion.repairs.graphs import codes_of
from tests.torch.models.repairs.converted import TORCH, convert, loaded

X = torch.tensor([1.0, -2.0])


class Part(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @torch.jit.export
    def deeper(self, x: torch.Tensor) -> torch.Tensor:
        future = TORCH.jit.fork(self.forward, x)
        with torch.no_grad():
            result: torch.Tensor = TORCH.jit.wait(future) + 1
        return result


def difference(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x - y, y


class Forking(torch.nn.Module):
    """Forks of modules, methods and functions: nested, in loops and branches, in containers."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Part()

    def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
        first = TORCH.jit.fork(self.part.deeper, x)
        several: list[Future[tuple[torch.Tensor, torch.Tensor]]] = []
        for index in range(count):
            several.append(TORCH.jit.fork(difference, x, x + index))  # noqa: PERF401  TorchScript
        named: dict[str, Future[torch.Tensor]] = {}
        if count > 1:
            named["a"] = TORCH.jit.fork(self.part, x)
        pair = (TORCH.jit.fork(self.part, x + 1), count)
        result: torch.Tensor = TORCH.jit.wait(first)
        for future in several:
            one, other = TORCH.jit.wait(future)
            result = result + one * other
        for future_of in named.values():
            result = result + TORCH.jit.wait(future_of)
        latest = first
        for index in range(count):
            result = result + TORCH.jit.wait(latest)
            latest = TORCH.jit.fork(self.part, x * index)
        chosen = latest if count > 2 else pair[0]
        total: torch.Tensor = result + chosen.wait()
        return total


def test_forks_run_inline_wherever_they_are(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Forking()), tmp_path)
    for count in (0, 1, 2, 3):
        converted.agree_on(X, count)
    # five in forward, and that which the first of them begins
    assert converted.told() == [
        "fork and wait run inline (6 times)",
        "with torch.no_grad() removed (once)",
    ]
    assert "aten::wait" not in converted.names()


def test_forks_of_a_trace(tmp_path: Path) -> None:
    class Traced(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            futures = [TORCH.jit.fork(torch.add, x, it) for it in (x, x + x)]
            total: torch.Tensor = torch.stack([TORCH.jit.wait(it) for it in futures]).sum(0)
            return total

    converted = convert(TORCH.jit.trace(Traced(), X), tmp_path)
    converted.agree_on(X * 3)
    assert converted.told() == ["fork and wait run inline (2 times)"]


def test_work_that_nobody_waits_for(tmp_path: Path) -> None:
    class Forgotten(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            TORCH.jit.fork(difference, x, x)
            return x + 1

    convert(TORCH.jit.script(Forgotten()), tmp_path).agree_on(X)


def test_code_without_forks_stays(tmp_path: Path) -> None:
    (code,) = codes_of(loaded(TORCH.jit.trace(torch.nn.ReLU(), X), tmp_path))
    before = str(code.graph)
    assert not run_inline(code)
    assert str(code.graph) == before
